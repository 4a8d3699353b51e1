"""Learns the threshold of a binary model: labels are made into a smooth probability at each score, and with that the best cut is reckoned.

All scores that the version gave count as traffic, labelled or not; the labels say only how probable the class is at each. So it does not matter that
labels came for what was decided positive alone, except where there are none at all (`evidence.blind`). There an objective that speaks of all
positives cannot be reckoned, and of the others no threshold is looked for.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hyperplan.thresholds.aims import Aim, Counts, aim_of, counts_at_cuts
from hyperplan.thresholds.block import Thresholds
from hyperplan.thresholds.calibration import Calibration, Labels
from hyperplan.thresholds.cells import Cells, cells_of, summed
from hyperplan.thresholds.evidence import Blind, Evidence, blind
from hyperplan.thresholds.lesson import FEWEST, FEWEST_OF_EACH, SAMPLES, Attained, CannotLearn, Lesson

Floats = NDArray[np.float64]


def learn(
    thresholds: Thresholds, evidence: Evidence, current: float, *, samples: int = SAMPLES, seed: int = 1
) -> Lesson:
    """The best threshold by these labels, beside the one that is in force. A rate is learnt by `rates.learn`.

    Raises:
        CannotLearn: there are too few labels, or none where they would be needed.
    """
    _check(evidence)
    aim = aim_of(thresholds)
    unseen = blind(evidence)
    if unseen and aim.needs_all:
        raise CannotLearn(_unseen(unseen, f"the {aim.name} of a threshold needs all positives, also those"))
    traffic = evidence.all or (evidence.score, evidence.weight)
    cells = cells_of(np.concatenate([evidence.score, traffic[0]]))
    labelled = len(evidence.score)
    of_traffic = summed(cells.of[labelled:], traffic[1], cells.size)
    calibration = Calibration(
        cells, Labels(cells.of[:labelled], evidence.positive, evidence.weight, evidence.unit), of_traffic
    )
    whole = calibration.sums(np.ones(labelled))
    allowed, notes = _allowed(cells, unseen)
    counts = counts_at_cuts(calibration.probabilities(whole), of_traffic)
    place = int(_best(aim, counts, allowed))
    drawn = counts_at_cuts(
        calibration.probabilities(calibration.drawn_anew(samples, np.random.default_rng(seed))), of_traffic
    )
    places = _best(aim, drawn, allowed)
    if allowed is not None and np.quantile(places, 0.025) <= allowed[0]:
        notes = (
            *notes,
            "the best that is known is at the edge of what has labels; a lower threshold may be better still",
        )
    before = cells.place(current)
    losses, now = aim.loss(drawn), aim.loss(counts)
    scale = abs(float(aim.scale(counts)[before]))
    return Lesson(
        value=float(cells.cuts[place]),
        interval=(float(np.quantile(cells.cuts[places], 0.025)), float(np.quantile(cells.cuts[places], 0.975))),
        labels=labelled,
        effective=evidence.effective,
        attained=_attained(aim, counts, drawn, place),
        before=_attained(aim, counts, drawn, before),
        better=float((losses[:, place] < losses[:, before] - 1e-12).mean()),
        gain=float(now[before] - now[place]) / max(scale, 1e-12),
        notes=notes,
    )


def _check(evidence: Evidence) -> None:
    if evidence.effective < FEWEST:
        raise CannotLearn(
            f"{len(evidence.score)} labels say as much as {evidence.effective:.0f} of equal weight; at least {FEWEST} are needed"
        )
    positives = int(evidence.positive.sum())
    fewest = min(positives, len(evidence.score) - positives)
    if fewest < FEWEST_OF_EACH:
        which = "positive" if positives == fewest else "negative"
        raise CannotLearn(f"only {fewest} labels are {which}; at least {FEWEST_OF_EACH} of each are needed")


def _allowed(cells: Cells, unseen: Sequence[Blind]) -> tuple[NDArray[np.int64] | None, tuple[str, ...]]:
    """The cuts among which the best is looked for: not those below scores without labels. None for all of them."""
    if not unseen:
        return None, ()
    ends = [cells.place(np.nextafter(one.high, np.inf)) for one in unseen]
    if max(ends) >= cells.size:
        raise CannotLearn(_unseen(unseen, "nothing is known of those"))
    return np.arange(max(ends), cells.size + 1), (
        _unseen(unseen, "no threshold below is looked for, since nothing is known of those"),
    )


def _best(aim: Aim, counts: Counts, allowed: NDArray[np.int64] | None) -> NDArray[np.int64]:
    if allowed is None:
        return aim.best(counts)
    among = Counts(counts.hits[..., allowed], counts.decided[..., allowed], counts.positives, counts.everything)
    return allowed[aim.best(among)]


def _attained(aim: Aim, counts: Counts, drawn: Counts, place: int) -> Attained:
    values = aim.value(drawn)[:, place]
    return Attained(
        float(aim.value(counts)[place]), float(np.quantile(values, 0.025)), float(np.quantile(values, 0.975))
    )


def _unseen(unseen: Sequence[Blind], why: str) -> str:
    ranges = ", ".join(f"from {one.low:.4g} to {one.high:.4g} ({one.share:.0%} of all)" for one in unseen)
    return (
        f"scores {ranges} have no label: the propensity to get one is 0 there; {why}. Let some of them be decided otherwise, "
        "and tell what came of it"
    )

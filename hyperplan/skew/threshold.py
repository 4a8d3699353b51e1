"""`threshold`: the scores moved so that a threshold no longer means the same: another share of predictions lies at or above it.

A team that calls back everybody with a score of 0.5 or more planned for as many as there were in training, and finds itself with twice
as many. Reference: the scores of the model on its training data where the reference has them, else what was served before the change, if that
is long enough to show how the share moves of itself (`before`). Looked at are scores, predictions from 0 to 1, over the two bins that the
threshold (`Case.threshold`) cuts; evidence and movement are those of `shift` and `drift`. A change of the share by a fifth of the odds matters, by twice that
against what was before, if it is more than 19 of 20 chunks of the reference showed.

The share comes with Wilson's interval for as many rows as there are once clumps are taken off. Sketches know scores to 1 %, so
rows that close to the threshold may be counted on the wrong side of it, on both sides alike.
"""

import functools
import math
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import numpy as np

from hyperplan.comparison.rate import wilson
from hyperplan.profile import FeatureProfile, Profile
from hyperplan.profile.outputs import PREDICTION
from hyperplan.profile.quantiles import keys_of
from hyperplan.skew import evidence
from hyperplan.skew.before import change_from_before
from hyperplan.skew.bins import numbers_of
from hyperplan.skew.case import Case, Look
from hyperplan.skew.drift import LARGER, STRICTER
from hyperplan.skew.evidence import RUN_LENGTH, shares_of
from hyperplan.skew.finding import Against, Finding
from hyperplan.skew.movement import Floats, Movement, of_training
from hyperplan.skew.onset import Onset, onset
from hyperplan.skew.words import moment, number, percent, since

ODDS = 1.2
"""By so many times the odds of being above the threshold must have changed."""
BARS: dict[Against, tuple[float, float]] = {
    "training": (evidence.threshold(1), math.log(ODDS)),
    "before": (evidence.threshold(1, STRICTER * RUN_LENGTH), LARGER * math.log(ODDS)),
}
"""The evidence that there must be, and by how much the log odds must have changed: what is only new is worth less, as for `drift`."""


def threshold(case: Case) -> Iterable[Finding]:
    """Whether another share of scores lies above the threshold, and since when."""
    if not any(PREDICTION in look.profile.outputs for look in case.looks):
        return
    above = functools.partial(_above, edge=keys_of(np.array([case.threshold]))[0])
    looks, season = (_counted(case, some, above) for some in (case.looks, case.season))
    chunks = case.once(
        "above", lambda: np.array([above(profile) for profile in case.reference], np.float64).reshape(-1, 2)
    )
    if not _all_scores(case) or not looks.sum():
        return
    change = _from_training(case, chunks, looks) if chunks.sum() else _from_before(looks, season)
    if change is not None and change.matters():
        yield _finding(case, change)


class _Change(NamedTuple):
    """Scores above and below since some look, those they are held against, and how the share moves of itself."""

    began: Onset
    now: Floats
    reference: Floats
    movement: Movement
    against: Against

    def matters(self) -> bool:
        """Whether there is evidence enough, and an effect that one would act upon."""
        bar, odds = BARS[self.against]
        if self.began.evidence < bar:
            return False
        apart = abs(_log_odds(self.now) - _log_odds(self.reference))
        return apart >= odds and self.movement.effect(self.now, self.reference) >= self.movement.usual


def _from_training(case: Case, chunks: Floats, looks: Floats) -> _Change:
    reference = chunks.sum(axis=0)
    movement = case.once("above moves", lambda: of_training(chunks)).seen_in(looks, shares_of(reference))
    began = onset(looks, reference, movement.from_training)
    return _Change(began, looks[began.look :].sum(axis=0), reference, movement, "training")


def _from_before(looks: Floats, season: Floats) -> _Change | None:
    change = change_from_before(looks, season)
    return change and _Change(*change, "before")


def _counted(case: Case, looks: Sequence[Look], above: Callable[[Profile], tuple[int, int]]) -> Floats:
    """Scores above and below, by look."""
    return np.array([case.once_of(look, "above", above) for look in looks], np.float64).reshape(-1, 2)


def _above(profile: Profile, edge: int) -> tuple[int, int]:
    """Scores in the cell of the threshold or above, and below."""
    keys, counts = numbers_of(profile.outputs.get(PREDICTION, FeatureProfile())).sketch.cells()
    above = int(counts[keys >= edge].sum())
    return above, int(counts.sum()) - above


def _all_scores(case: Case) -> bool:
    """Whether all predictions are numbers from 0 to 1, those of a regression or of classes being no scores."""
    parts = [numbers_of(look.profile.outputs.get(PREDICTION, FeatureProfile())).moments for look in case.looks]
    return all(part.smallest >= 0 and part.largest <= 1 for part in parts if part.count)


def _log_odds(counts: Floats) -> float:
    above, below = evidence.smoothed(counts)
    return math.log(above / below)


def _finding(case: Case, change: _Change) -> Finding:
    began, now, reference, movement, against = change
    looks = case.looks[began.look :]
    rows = float(now.sum())
    share, usual = float(now[0] / rows), float(reference[0] / reference.sum())
    low, high = wilson(share, rows / (1 + rows * float(movement.noise(np.array(rows)))))
    whose = "on training data" if against == "training" else "before"
    return Finding(
        feature=PREDICTION,
        kind="scoring",
        finding="threshold",
        against=against,
        effect=share - usual,
        evidence=began.evidence,
        since=moment(looks[0].start),
        until=moment(looks[-1].end),
        sentence=(
            f"A threshold of {number(case.threshold)} no longer means the same{since(looks[0].start, looks[-1].end)}: {percent(share)} of "
            f"{int(rows):,} scores reach it ({percent(low)} to {percent(high)}), where it was {percent(usual)} {whose}."
        ),
        details={
            "threshold": case.threshold,
            "share": share,
            "interval": [low, high],
            "reference": usual,
            "rows": int(rows),
        },
    )

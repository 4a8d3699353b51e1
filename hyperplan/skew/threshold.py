"""`threshold`: the scores moved so that a threshold no longer means the same: another share of predictions lies at or above it.

A team that calls back everybody with a score of 0.5 or more planned for as many as there were in training, and finds itself with twice
as many. Reference: the scores of the model on its training data where the reference has them, else what was served before the change.
Looked at are scores, predictions from 0 to 1, over the two bins that the threshold (`Case.threshold`) cuts; evidence and movement are those of `shift`
and `drift`. A change of the share by a fifth of the odds matters, if it is more than 19 of 20 chunks of training showed.

The share comes with Wilson's interval for as many rows as there are once clumps are taken off. Sketches know scores to 1 %, so
rows that close to the threshold may be counted on the wrong side of it, on both sides alike.
"""

import functools
import math
from collections.abc import Iterable

import numpy as np

from hyperplan.comparison.rate import wilson
from hyperplan.profile import FeatureProfile, Profile
from hyperplan.profile.outputs import PREDICTION
from hyperplan.profile.quantiles import keys_of
from hyperplan.skew import evidence
from hyperplan.skew.bins import numbers_of
from hyperplan.skew.case import Case
from hyperplan.skew.evidence import shares_of
from hyperplan.skew.finding import Finding
from hyperplan.skew.movement import Floats, Movement, of_training
from hyperplan.skew.onset import Onset, onset
from hyperplan.skew.words import moment, number, percent, since

ODDS = 1.2
"""By so many times the odds of being above the threshold must have changed."""


def threshold(case: Case) -> Iterable[Finding]:
    """Whether another share of scores lies above the threshold, and since when."""
    if not any(PREDICTION in look.profile.outputs for look in case.looks):
        return
    above = functools.partial(_above, edge=keys_of(np.array([case.threshold]))[0])
    looks = np.array([case.once_of(look, "above", above) for look in case.looks], np.float64)
    chunks = case.once(
        "above", lambda: np.array([above(profile) for profile in case.reference], np.float64).reshape(-1, 2)
    )
    if not _all_scores(case) or not looks.sum():
        return
    usual = chunks if chunks.sum() else looks
    movement = case.once("above moves", lambda: of_training(chunks))
    movement = movement.seen_in(looks, shares_of(usual.sum(axis=0)))
    if chunks.sum():
        reference = chunks.sum(axis=0)
        began = onset(looks, reference, movement.from_training)
    else:
        before = np.cumsum(looks, axis=0) - looks
        began = onset(looks, before, movement.from_before)
        reference = before[began.look]
    now = looks[began.look :].sum(axis=0)
    if began.evidence < evidence.threshold(1) or not reference.sum() or not now.sum():
        return
    apart = abs(_log_odds(now) - _log_odds(reference))
    if apart >= math.log(ODDS) and movement.effect(now, reference) >= movement.usual:
        yield _finding(case, began, now, reference, movement, bool(chunks.sum()))


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


def _finding(case: Case, began: Onset, now: Floats, reference: Floats, movement: Movement, trained: bool) -> Finding:
    looks = case.looks[began.look :]
    rows = float(now.sum())
    share, usual = float(now[0] / rows), float(reference[0] / reference.sum())
    low, high = wilson(share, rows / (1 + rows * float(movement.noise(np.array(rows)))))
    whose = "on training data" if trained else "before"
    return Finding(
        feature=PREDICTION,
        kind="scoring",
        finding="threshold",
        against="training" if trained else "before",
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

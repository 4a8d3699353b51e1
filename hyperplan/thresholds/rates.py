"""Thresholds from scores alone: the one at which a share of them is positive.

A version without labels starts at the one that keeps its predecessor's rate: whoever acts on decisions gets as many as before. Where many scores are equal
no threshold parts them, so the nearest rate that there is is kept.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from hyperplan.comparison.rate import kish
from hyperplan.thresholds.cells import cells_of
from hyperplan.thresholds.evidence import Scores
from hyperplan.thresholds.lesson import FEWEST, Attained, CannotLearn, Lesson

Floats = NDArray[np.float64]


class Kept(NamedTuple):
    """A threshold, the rate that was wanted, and the one that there is at this threshold."""

    threshold: float
    wanted: float
    rate: float


def threshold_of_rate(scores: Floats, weight: Floats, wanted: float) -> Kept:
    """The threshold at which the share of scores (by weight) that are positive is the nearest to what is wanted.

    >>> scores = np.array([0.1, 0.2, 0.2, 0.9])
    >>> threshold_of_rate(scores, np.ones(4), 0.3).rate
    0.25
    """
    cells = cells_of(scores, len(scores))
    sums = np.append(np.cumsum(cells.sums(weight)[::-1])[::-1], 0.0)
    rates = sums / sums[0]
    place = int(np.argmin(np.abs(rates - wanted)))
    return Kept(float(cells.cuts[place]), wanted, float(rates[place]))


def rate_at(scores: Floats, weight: Floats, threshold: float) -> float:
    """The share of scores (by weight) that are positive at a threshold."""
    return float(weight[scores >= threshold].sum() / weight.sum())


def learn(scores: Scores, wanted: float, current: float) -> Lesson:
    """The threshold with a rate, beside the one that is in force.

    By how much the rate that is in force is off, in standard errors of the rate, is put as other objectives have it: half of that is the normal quantile of `better`
    (see `lesson.SURE`).

    Raises:
        CannotLearn: there are too few scores.
    """
    score, weight = scores
    effective = kish(weight)
    if effective < FEWEST:
        raise CannotLearn(
            f"{len(score)} scores say as much as {effective:.0f} of equal weight; at least {FEWEST} are needed"
        )
    kept = threshold_of_rate(score, weight, wanted)
    error = float(np.sqrt(wanted * (1 - wanted) / effective))
    ends = [threshold_of_rate(score, weight, min(max(wanted + side * error, 0), 1)).threshold for side in (1.96, -1.96)]
    now = rate_at(score, weight, current)
    gain = abs(now - wanted) - abs(kept.rate - wanted)
    return Lesson(
        value=kept.threshold,
        interval=(ends[0], ends[1]),
        labels=0,
        effective=effective,
        attained=_around(kept.rate, effective),
        before=_around(now, effective),
        better=float(norm.cdf(gain / error / 2)),
        gain=gain / wanted,
    )


def _around(rate: float, effective: float) -> Attained:
    error = 1.96 * float(np.sqrt(rate * (1 - rate) / effective))
    return Attained(rate, max(rate - error, 0.0), min(rate + error, 1.0))

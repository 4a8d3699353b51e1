"""How probable it is that an arm is the best one.

A posterior for the mean reward of each arm: Beta for rewards of 0 and 1 (uniform before any), else normal, with the mean and the deviation of all arms
together counting as one row more of each. The probability that arm a is the best is the integral of its density times the others' distribution
functions; it is taken over the quantiles of a, in steps of equal probability, so the same evidence gives the same weights in every replica.
"""

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
from scipy import special

from hyperplan.exploration.evidence import Evidence
from hyperplan.outcomes import Floats

STEPS = 500
"""Steps of the integral; more of them change the fourth digit."""
_Distribution = tuple[Callable[[Floats], Floats], Callable[[Floats], Floats]]
"""A distribution function and its inverse."""


def chances(found: Evidence) -> Floats:
    """The probability of each arm that its mean reward is the highest; they sum to 1. Alike for all while nothing is known."""
    if not any(earned.rows for earned in found.earned):
        return np.full(len(found.earned), 1 / len(found.earned))
    posteriors = _beta(found) if found.binary else _normal(found)
    levels = (np.arange(STEPS) + 0.5) / STEPS
    ahead = np.empty(len(posteriors))
    for index, (_, quantile) in enumerate(posteriors):
        at = quantile(levels)
        others = [below(at) for other, (below, _) in enumerate(posteriors) if other != index]
        ahead[index] = np.prod(others, axis=0).mean()
    chance: Floats = ahead / ahead.sum()
    return chance


def _beta(found: Evidence) -> Sequence[_Distribution]:
    made: list[_Distribution] = []
    for earned in found.earned:
        good = earned.mean * earned.effective if earned.rows else 0.0
        a, b = 1.0 + good, 1.0 + earned.effective - good
        made.append((partial(special.betainc, a, b), partial(special.betaincinv, a, b)))
    return made


def _normal(found: Evidence) -> Sequence[_Distribution]:
    known = [earned for earned in found.earned if earned.rows]
    weights = np.array([earned.effective for earned in known])
    centre = float(np.average([earned.mean for earned in known], weights=weights))
    spread = float(np.average([earned.deviation**2 for earned in known], weights=weights))
    made: list[_Distribution] = []
    for earned in found.earned:
        mean, variance = (earned.mean, earned.deviation**2) if earned.rows else (centre, spread)
        size = earned.effective + 1
        middle = (mean * earned.effective + centre) / size
        error = np.sqrt(max((variance * earned.effective + spread) / size, np.finfo(float).tiny) / size)
        made.append((partial(_below, middle, error), partial(_at, middle, error)))
    return made


def _below(mean: float, deviation: float, value: Floats) -> Floats:
    below: Floats = special.ndtr((value - mean) / deviation)
    return below


def _at(mean: float, deviation: float, level: Floats) -> Floats:
    at: Floats = mean + deviation * special.ndtri(level)
    return at

"""Before the start: how many units an experiment needs, and how long that takes.

For a test with a fixed number of units, that looks once, at its end: the textbook number (two-sided z test of two means with their own variances). For
ours, that looks all the time: log wealth of the bet on the true effect walks like a Brownian motion whose drift is the information per unit,
`gap^2 share (1 - share) / (2 variance)`, and whose variance is twice that (Wald, 1945), so the units until it reaches its bar follow an inverse
Gaussian distribution. The other sizes of bets help a little, which is not counted. Half of all experiments with the minimum effect end before the fixed number is reached, and
larger effects end much earlier; but some go on for longer.
"""

import math
from typing import NamedTuple

import numpy as np
from scipy.stats import invgauss, norm

from hyperplan.experiments.effects import Effect, Ratio
from hyperplan.experiments.wealth import SIZES, bar

_MULTIPLE = np.ones(1)


class Spread(NamedTuple):
    """Mean and variance of a unit's outcome in one arm."""

    mean: float
    variance: float

    @staticmethod
    def of_rate(rate: float) -> "Spread":
        """Of an outcome that is 0 or 1."""
        return Spread(rate, rate * (1 - rate))


class Planned(NamedTuple):
    """Units of both arms together. `fixed`: of a test that looks once. `half`, `most`: with which half and 90 % of experiments with the minimum effect
    have ended. `found`: the share of them that end within twice the fixed number.
    """

    fixed: int
    half: int
    most: int
    found: float

    def days(self, units_per_day: float, window: float) -> tuple[float, float]:
        """Days until half and until 90 % have ended, when so many *new* units come a day, each watched for a window of so many days."""
        return self.half / units_per_day + window, self.most / units_per_day + window


def plan(
    effect: Effect, control: Spread, share: float, alpha: float = 0.05, power: float = 0.8, comparisons: int = 1
) -> Planned:
    """The units needed for the minimum effect. `share` is the part of the two arms' units that is treated.

    Raises:
        ValueError: if the share is not between 0 and 1, or nothing varies.
    """
    if not 0 < share < 1:
        raise ValueError(f"the treatment gets a share of {share:g} of the units; there is nothing to compare")
    treated = _treated(effect, control)
    gap = treated.mean - control.mean
    variance = treated.variance / share + control.variance / (1 - share)
    if variance <= 0 or gap == 0:
        raise ValueError("the outcome does not vary, or the effect is 0; there is nothing to plan")
    quantiles = norm.isf(alpha / comparisons / 2) + norm.isf(1 - power)
    fixed = math.ceil(quantiles**2 * variance / gap**2)
    drift = gap**2 / variance / 2
    height = bar(alpha, comparisons) + math.log(2 / SIZES[1.0])
    ends = invgauss(mu=2 / height, scale=height**2 / (2 * drift))
    return Planned(fixed, math.ceil(ends.ppf(0.5)), math.ceil(ends.ppf(0.9)), float(ends.cdf(2 * fixed)))


def _treated(effect: Effect, control: Spread) -> Spread:
    """The treatment's outcome with the minimum effect: a rate stays one, and what is multiplied varies that much more."""
    more = float(effect.at(_MULTIPLE)[0])
    mean = control.mean * (1 + more) if isinstance(effect, Ratio) else control.mean + more
    if math.isclose(control.variance, control.mean * (1 - control.mean)) and 0 <= mean <= 1:
        return Spread.of_rate(mean)
    return Spread(mean, control.variance * (1 + more) ** 2 if isinstance(effect, Ratio) else control.variance)

"""The interval around an estimate that is a ratio of sums over entities.

Weights have heavy tails, so an estimate plus or minus two standard errors is wrong on one side. Empirical likelihood (Owen, "Empirical likelihood ratio confidence intervals for a
single functional", 1988) takes its shape from the data: it holds the values that the entities could have without being reweighted too much, so it stays
where values can be, and it needs no variance. For evaluating policies: Karampatziakis et al., "Empirical likelihood for contextual bandits", 2020.
"""

import numpy as np
from scipy.optimize import brentq
from scipy.stats import f

from hyperplan.outcomes import Floats

MOST_STEPS = 60


def interval(above: Floats, below: Floats, size: float, level: float = 0.95) -> tuple[float, float, float]:
    """The estimate `above.sum() / below.sum()`, one value of each for an entity, and the bounds of its interval.

    `below` sums to more than 0. `size` is the effective number of entities: few of them allow for more, as Student's t does (Owen's F calibration). The bounds
    are the estimate itself where nothing varies.
    """
    estimate = float(above.sum() / below.sum())
    error = float(np.sqrt(((above - estimate * below) ** 2).sum()) / below.sum())
    if error <= 1e-12 * max(1.0, abs(estimate)):
        return estimate, estimate, estimate
    allowed = float(f.ppf(level, 1, max(size - 1, 1)))
    low, high = (_bound(above, below, estimate, side * error, allowed) for side in (-1, 1))
    return estimate, low, high


def _bound(above: Floats, below: Floats, estimate: float, step: float, allowed: float) -> float:
    """Where the likelihood ratio passes what is allowed, on the side of the step."""

    def excess(value: float) -> float:
        return _ratio(above - value * below) - allowed

    reach = 1.0
    while excess(estimate + reach * step) < 0:
        reach *= 1.5
    return float(brentq(excess, estimate, estimate + reach * step, xtol=abs(step) * 1e-4))


_IMPOSSIBLE = 1e6


def _ratio(moved: Floats) -> float:
    """Twice the log of the likelihood ratio against a mean of 0: Newton's method, kept between bounds, for the multiplier."""
    scaled = moved / np.abs(moved).max()
    highest, lowest = scaled.max(), scaled.min()
    if highest <= 0 or lowest >= 0:
        return _IMPOSSIBLE
    low, high, multiplier = -1 / highest, -1 / lowest, 0.0
    for _ in range(MOST_STEPS):
        tilted = scaled / (1 + multiplier * scaled)
        slope = tilted.sum()
        low, high = (multiplier, high) if slope > 0 else (low, multiplier)
        nearer = multiplier + slope / (tilted**2).sum()
        if not low < nearer < high:
            nearer = (low + high) / 2
        if abs(nearer - multiplier) < 1e-9:
            break
        multiplier = nearer
    return float(2 * np.log1p(multiplier * scaled).sum())

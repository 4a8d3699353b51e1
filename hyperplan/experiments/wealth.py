"""Wealth of bets against a null hypothesis: several sizes of each bet, both ways, and what they have won together.

A bet multiplies its stake by `1 + bet * surprise` at each unit, where the surprise has a mean of 0 if the null hypothesis is true,
whatever came before. So wealth is a test martingale: its mean never exceeds the stake, and by Ville's inequality it ever reaches
1 / alpha with a probability of at most alpha, however often one looks (Shafer, "Testing by betting", 2021; Waudby-Smith and Ramdas,
"Estimating means of bounded random variables by betting", 2024).

How large the effect is nobody knows, but the design says which is the smallest that matters. The stake is split between bets that would be
best against multiples of that one, half of it on either direction. A null hypothesis that lies less than an eighth of
the smallest effect from the truth is never refuted: all bets are too large for that.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

Floats = NDArray[np.float64]

SIZES = {0.25: 0.05, 0.5: 0.15, 1.0: 0.55, 2.0: 0.25}
"""Multiples of the minimum effect that are bet upon, and their shares of the stake."""
MULTIPLES: Floats = np.array([sign * size for sign in (1, -1) for size in SIZES])
"""All bets: those on a higher effect, then those on a lower one."""
STAKES: Floats = np.log([share / 2 for _ in (1, -1) for share in SIZES.values()])
"""The logarithms of their stakes, which sum to one."""
CAUTION = 0.9
"""The share of its wealth that a bet may lose at one unit."""


def won(wealth: Floats) -> Any:
    """The log of what all bets (last axis) have together: a log e-value, in nats."""
    return logsumexp(wealth + STAKES, axis=-1)


def leaning(wealth: Floats) -> Any:
    """Which bets (last axis) have won more: 1 for those on a higher effect, -1 for those on a lower one."""
    half = len(SIZES)
    up, down = (wealth + STAKES)[..., :half], (wealth + STAKES)[..., half:]
    return np.where(logsumexp(up, axis=-1) >= logsumexp(down, axis=-1), 1, -1)


def bar(alpha: float, comparisons: int = 1) -> float:
    """The log e-value at which a null hypothesis is refuted; alpha is shared by so many comparisons.

    >>> round(bar(0.05), 3)
    2.996
    """
    return math.log(max(comparisons, 1) / alpha)


def kept(nulls: Floats, best: Floats, height: float, leans: NDArray[np.int64]) -> tuple[float, float]:
    """The least and the greatest null hypothesis that was not refuted, rounded outwards to the next that was.

    `nulls` ascend. `best` is the most that was ever won against each, `leans` which way the bets against it lean (`leaning`). An end that is not refuted has no
    bound. If all are refuted, the truth lies beyond the end that bets lean away from; NaN twice if there is none: no one effect explains what was seen.

    >>> kept(np.array([-1.0, 0.0, 1.0, 2.0]), np.array([9.0, 0.0, 0.0, 9.0]), 3.0, np.array([1, 1, -1, -1]))
    (-1.0, 2.0)
    """
    standing = np.flatnonzero(best < height)
    if not len(standing):
        if leans[-1] > 0:
            return float(nulls[-1]), math.inf
        return (-math.inf, float(nulls[0])) if leans[0] < 0 else (math.nan, math.nan)
    first, last = int(standing[0]), int(standing[-1])
    low = float(nulls[first - 1]) if first else -math.inf
    high = float(nulls[last + 1]) if last + 1 < len(nulls) else math.inf
    return low, high

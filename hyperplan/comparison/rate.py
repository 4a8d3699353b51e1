"""A rate with its interval: a share of what requests hold, estimated from weighted requests.

The interval is Wilson's ("Probable inference, the law of succession, and statistical inference", 1927), which stays
honest near 0 and 1 and with few observations. Its sample size is Kish's effective one (Survey Sampling, 1965), (sum w)² / sum w²,
over requests: weights that differ tell less than equal ones. What is of one request counts as a single
observation however much it is, for rows that came together tend to go right or wrong together; so the interval is wide rather than
narrow.
"""

import math
from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import ArrayLike

Z = 1.959963984540054
"""The quantile of the normal distribution between which and its negative 95 % lie."""


class Rate(msgspec.Struct, frozen=True):
    """A share, and the interval that holds it with a probability of 95 %."""

    estimate: float
    low: float
    high: float

    @staticmethod
    def of(hits: Sequence[float], totals: Sequence[float]) -> "Rate | None":
        """The share of hits in totals, each given by request and weighted; None when there is nothing to share.

        >>> Rate.of([0.0, 0.0], [1.0, 1.0])
        Rate(estimate=0.0, low=0.0, high=0.6576197724933469)
        """
        total = float(np.sum(totals))
        if not total:
            return None
        estimate = min(float(np.sum(hits)) / total, 1.0)
        return Rate(estimate, *wilson(estimate, kish(totals)))


def kish(weights: ArrayLike) -> float:
    """How many equal weights tell as much as these; 0 if all are 0."""
    squares = float(np.sum(np.square(weights)))
    return float(np.sum(weights)) ** 2 / squares if squares > 0 else 0.0


def wilson(share: float, size: float) -> tuple[float, float]:
    """Wilson's interval of a share that was seen in a sample of some size, which need not be whole."""
    spread = Z**2 / size
    centre = (share + spread / 2) / (1 + spread)
    half = Z / (1 + spread) * math.sqrt(share * (1 - share) / size + spread / (4 * size))
    # At the ends the two terms cancel, and what rounding leaves of them would be told as a bound.
    return (centre - half if share > 0 else 0.0), (centre + half if share < 1 else 1.0)

"""Mean, deviation and extremes of numbers.

Means and sums of squared deviations are merged by the formulas of Chan, Golub and LeVeque ("Updating formulae and a
pairwise algorithm for computing sample variances", 1979), which lose no digits when the mean is large and the
deviation small. Count and extremes merge exactly, mean and deviation up to rounding.
"""

import math
from collections.abc import Iterable

import msgspec
import numpy as np
from numpy.typing import ArrayLike, NDArray

from hyperplan.profile.packing import Integers
from hyperplan.profile.scaling import Scale


class Moments(msgspec.Struct, frozen=True, array_like=True):
    """Count, mean, sum of squared deviations from the mean, smallest and largest of finite numbers.

    >>> Moments.of([1.0, 2.0, 3.0]).deviation()
    1.0
    """

    count: int = 0
    mean: float = 0.0
    squares: float = 0.0
    smallest: float = math.inf
    largest: float = -math.inf

    @staticmethod
    def of(values: ArrayLike, counts: Integers | None = None) -> "Moments":
        """The moments of finite numbers, and how often each came, if not once."""
        numbers = np.asarray(values, np.float64)
        if not numbers.size:
            return Moments()
        smallest, largest = float(numbers.min()), float(numbers.max())
        count = numbers.size if counts is None else int(counts.sum())
        if smallest == largest:
            return Moments(count, smallest, 0.0, smallest, largest)
        with np.errstate(over="ignore", invalid="ignore"):
            mean = _total(numbers, counts) / count
            if not math.isfinite(mean):  # the sum is beyond all doubles
                mean = _total(numbers / count, counts)
            off = np.square(numbers - mean)
            squares = _total(off, counts)
        return Moments(count, mean, squares, smallest, largest)

    @staticmethod
    def merged(moments: Iterable["Moments"]) -> "Moments":
        """The moments of all the numbers of several."""
        parts = [part for part in moments if part.count]
        if len(parts) < 2:
            return parts[0] if parts else Moments()
        counts = np.array([part.count for part in parts], np.float64)
        means = np.array([part.mean for part in parts])
        shares = counts / counts.sum()
        with np.errstate(over="ignore", invalid="ignore"):
            mean = float(means[0] + np.sum((means - means[0]) * shares))
            if not math.isfinite(mean):  # the largest doubles are further apart than any double
                mean = float(np.sum(means * shares))
            squares = float(sum(part.squares for part in parts) + np.sum(counts * np.square(means - mean)))
        return Moments(
            sum(part.count for part in parts),
            mean,
            squares,
            min(part.smallest for part in parts),
            max(part.largest for part in parts),
        )

    def scaled(self, scale: Scale) -> "Moments":
        """The moments of so many times as many numbers with the same mean, deviation and extremes."""
        count = scale.total(self.count)
        return (
            Moments(count, self.mean, self.squares * scale.factor, self.smallest, self.largest) if count else Moments()
        )

    def deviation(self) -> float | None:
        """The sample standard deviation; None for fewer than two numbers."""
        return math.sqrt(self.squares / (self.count - 1)) if self.count > 1 else None


def _total(numbers: NDArray[np.float64], counts: Integers | None) -> float:
    return float(numbers.sum() if counts is None else (numbers * counts).sum())

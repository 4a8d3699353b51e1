"""How what is added up of looks becomes counts over bins.

What is kept of a look must add up to what is kept of a longer stretch. Mostly these are counts over bins, and there is nothing to do. But a sketch knows
numbers to 1 % of their size, and some features vary by less than that: air pressure, voltage, temperatures in kelvin, years. All of
their numbers are in two or three cells. Their mean and deviation are known exactly, so of these features numbers, sums and sums
of squares are added up, and the stretch is taken for a normal distribution, over ten bins that have a tenth of the reference's each. Changes
of location and width are seen that way; others are not.
"""

from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

Floats = NDArray[np.float64]

NARROW = 0.12
"""The deviation, as a share of the mean, below which a sketch has fewer than six cells for it."""
BINS_OF_CURVE = 10


class View(Protocol):
    """What is added up, on the last axis, as rows by bin."""

    def counts(self, sums: Floats) -> Floats:
        """Rows by bin."""

    def freedom(self, bins: int) -> int:
        """In how many ways that many bins can change."""

    def sight(self) -> float:
        """The part of a moderate change's PSI that is seen at worst."""


class Binned(NamedTuple):
    """Counts by bin, which are what is added up."""

    def counts(self, sums: Floats) -> Floats:
        return sums

    def freedom(self, bins: int) -> int:
        return max(bins - 1, 1)

    def sight(self) -> float:
        return 1.0


class Curve(NamedTuple):
    """A normal distribution: numbers, sums and sums of squares, less the mean of the reference and in units of its deviation."""

    mean: float
    deviation: float

    def sums(self, count: float, mean: float, squares: float) -> tuple[float, float, float]:
        """What is added up of numbers of which these are count, mean, and sum of squared deviations from it."""
        away = (mean - self.mean) / self.deviation
        return count, count * away, squares / self.deviation**2 + count * away**2

    def counts(self, sums: Floats) -> Floats:
        rows = sums[..., 0]
        known = np.maximum(rows, 1.0)
        mean = sums[..., 1] / known
        deviation = np.sqrt(np.maximum(sums[..., 2] / known - mean**2, 1e-12))
        edges = ndtri(np.arange(1, BINS_OF_CURVE) / BINS_OF_CURVE)
        below = ndtr((edges - mean[..., None]) / deviation[..., None])
        ends = np.zeros((*rows.shape, 1))
        shares = np.diff(np.concatenate([ends, below, ends + 1], axis=-1), axis=-1)
        return np.asarray(rows[..., None] * shares)

    def freedom(self, bins: int) -> int:  # noqa: ARG002 - a curve has two whatever they are
        return 2

    def sight(self) -> float:
        return 0.5


BINNED = Binned()

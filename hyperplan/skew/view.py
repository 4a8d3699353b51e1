"""How what is added up of looks is compared.

What is kept of a look must add up to what is kept of a longer stretch. Mostly these are rows by bin. But a sketch knows numbers to
1 % of their size, and some features vary by less than that: air pressure, voltage, temperatures in kelvin, years. All of their numbers
are in two or three cells. Their mean and deviation are known exactly, so of these features numbers, sums and sums of squares are added up,
and a change of location or a widening is seen; others are not.

Either way a stretch is a point: `vector`, whose coordinates have a variance of 1/rows when rows are drawn from the reference.
"""

import math
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from hyperplan.skew import evidence
from hyperplan.skew.evidence import FURTHER, SMOOTHING, average, shares_of

Floats = NDArray[np.float64]

NARROW = 0.12
"""The deviation, as a share of the mean, below which a sketch has fewer than six cells for it."""
LIGHT = 6.0
"""Deviations from the mean beyond which an extreme of the reference says that its tails are heavy, and its deviation no good measure."""
BETS = (0.02, 0.1, 0.5)
"""Squares of the changes that are bet upon, of a mean in deviations: a change of 0.1 is a PSI of 0.1."""


class View(Protocol):
    """Compares what is added up, which is on the last axis."""

    def rows(self, sums: Floats) -> Floats:
        """How many rows there are."""

    def vector(self, sums: Floats, shares: Floats) -> Floats:
        """Where the rows lie. `shares` are those of the reference's bins."""

    def freedom(self, size: int) -> int:
        """In how many ways what has that many sums can change."""

    def further(self, sums: Floats, reference: Floats, allowed: Floats) -> Floats:
        """The log e-value that rows lie further from those of the reference than allowed: see `evidence.further`."""

    def stability(self, sums: Floats, reference: Floats) -> Floats:
        """The population stability index of rows against those of the reference."""

    def sight(self) -> float:
        """The part of a moderate change's PSI that is seen at worst."""


class Binned(NamedTuple):
    """Rows by bin."""

    def rows(self, sums: Floats) -> Floats:
        return np.asarray(sums.sum(axis=-1))

    def vector(self, sums: Floats, shares: Floats) -> Floats:
        return np.asarray(sums / np.maximum(self.rows(sums), 1.0)[..., None] / np.sqrt(shares))

    def freedom(self, size: int) -> int:
        return max(size - 1, 1)

    def further(self, sums: Floats, reference: Floats, allowed: Floats) -> Floats:
        return evidence.further(sums, reference, allowed)

    def stability(self, sums: Floats, reference: Floats) -> Floats:
        # Few rows in many bins leave some empty, and adding half a row to each, as for a PSI of equals, would be a change of its own.
        expected = shares_of(reference)
        found = sums + SMOOTHING * expected.shape[-1] * expected
        found = found / found.sum(axis=-1, keepdims=True)
        return np.asarray(((found - expected) * np.log(found / expected)).sum(axis=-1))

    def sight(self) -> float:
        return 1.0


class Curve(NamedTuple):
    """Numbers, sums and sums of squares, less the mean of the reference and in units of its deviation, taken for those of a normal distribution.

    `widths` are the smallest and largest deviation that a stretch is taken to have. It is never taken to be narrower than the reference: a short
    stretch of what moves slowly is, though nothing changed.
    """

    mean: float
    deviation: float
    widths: tuple[float, float] = (1.0, math.inf)

    def sums(self, count: float, mean: float, squares: float) -> tuple[float, float, float]:
        """What is added up of numbers of which these are count, mean, and sum of squared deviations from it."""
        away = (mean - self.mean) / self.deviation
        return count, count * away, squares / self.deviation**2 + count * away**2

    def rows(self, sums: Floats) -> Floats:
        return np.asarray(sums[..., 0])

    def vector(self, sums: Floats, shares: Floats) -> Floats:  # noqa: ARG002 - there are no bins
        mean, width = self._shape(sums)
        # The logarithm of a deviation has a variance of 1 / (2 rows).
        return np.stack([mean, math.sqrt(2) * np.log(width)], axis=-1)

    def freedom(self, size: int) -> int:  # noqa: ARG002 - however many sums there are
        return 1 if self.widths[0] == self.widths[1] else 2

    def further(self, sums: Floats, reference: Floats, allowed: Floats) -> Floats:
        """A normal mixture (Robbins, "Statistical methods related to the law of the iterated logarithm", 1970) in place of a Dirichlet's."""
        none = np.zeros(0)
        apart = ((self.vector(sums, none) - self.vector(reference, none)) ** 2).sum(axis=-1)
        null = 1 / np.maximum(self.rows(sums), 1.0) + allowed
        wider = [null + np.maximum(bet, FURTHER * allowed) for bet in BETS]
        freedom = self.freedom(sums.shape[-1])
        return np.asarray(
            average([freedom * np.log(null / bet) / 2 + apart * (1 / null - 1 / bet) / 2 for bet in wider])
        )

    def stability(self, sums: Floats, reference: Floats) -> Floats:
        """Jeffreys' divergence of two normal distributions, which is what their PSI is with ever more bins."""
        (mean, width), (was, was_width) = self._shape(sums), self._shape(reference)
        ratio = (width / was_width) ** 2
        return np.asarray((ratio + 1 / ratio - 2 + (mean - was) ** 2 * (1 / width**2 + 1 / was_width**2)) / 2)

    def sight(self) -> float:
        return 0.5

    def _shape(self, sums: Floats) -> tuple[Floats, Floats]:
        """Mean and deviation, in deviations of the reference."""
        rows = np.maximum(sums[..., 0], 1.0)
        mean = sums[..., 1] / rows
        return mean, np.clip(np.sqrt(np.maximum(sums[..., 2] / rows - mean**2, 0.0)), *self.widths)


BINNED = Binned()


def curve(mean: float, deviation: float, smallest: float, largest: float) -> Curve | None:
    """The curve for numbers of which these are the moments and extremes; None for those that bins tell better."""
    if not 0 < deviation < NARROW * abs(mean):
        return None
    if max(mean - smallest, largest - mean) > LIGHT * deviation:
        return Curve(mean, deviation, (1.0, 1.0))
    return Curve(mean, deviation)

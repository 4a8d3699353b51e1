"""The axis of a distribution: linear, logarithmic where the numbers span decades, or both around zero.

Where there are numbers on both sides of zero the axis is the inverse hyperbolic sine: linear near zero, logarithmic far from it, with no gap
between (Burbidge, Magee and Robb, "Alternative transformations to handle extreme values of the dependent variable", 1988).
"""

import math
from abc import ABC, abstractmethod

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

SPANS_DECADES = 60.0
"""From which ratio of large to small magnitudes on an axis is logarithmic."""
BINS = 43
NARROW = 1e-9
"""An axis that is narrower than this share of its numbers is that of a constant."""
SMALLEST, LARGEST, WHOLE_UP_TO = 1e-150, 1e150, 1e9
"""Magnitudes that can be drawn, and whole numbers that get bins of their own."""


class Scale(ABC):
    """Maps numbers to places from 0 to 1, and cuts the axis into bins and ticks."""

    def __init__(self, low: float, high: float) -> None:
        self._low, self._high = low, high
        self._from, self._to = self._bend(low), self._bend(high)

    def place(self, value: float) -> float:
        """Where a number stands on the axis."""
        return (self._bend(value) - self._from) / (self._to - self._from)

    def edges(self) -> Floats:
        """The bounds of bins, equally wide on the axis."""
        return np.array([self._unbend(at) for at in np.linspace(self._from, self._to, BINS + 1)])

    def ticks(self) -> list[float]:
        """The numbers to write on the axis, ascending, those of most weight where there is no room for all."""
        apart = 0.085
        chosen: list[float] = []
        for value in self._marks():
            inside = -0.001 <= self.place(value) <= 1.001
            if inside and all(abs(self.place(value) - self.place(other)) >= apart for other in chosen):
                chosen.append(value)
        return sorted(chosen)

    @abstractmethod
    def _bend(self, value: float) -> float: ...

    @abstractmethod
    def _unbend(self, place: float) -> float: ...

    @abstractmethod
    def _marks(self) -> list[float]: ...


class Linear(Scale):
    """Equal steps."""

    def _bend(self, value: float) -> float:
        return value

    def _unbend(self, place: float) -> float:
        return place

    def _marks(self) -> list[float]:
        return round_steps(self._low, self._high, 6)


class Whole(Linear):
    """Equal steps over whole numbers: bins hold the same number of them each, or they would look like a comb."""

    def edges(self) -> Floats:
        width = max(1, math.ceil((self._high - self._low) / BINS))
        first, last = math.floor(self._low), math.ceil(self._high)
        return np.arange(first - 0.5, last + width + 0.5, width)

    def place(self, value: float) -> float:
        edges = self.edges()
        return float((value - edges[0]) / (edges[-1] - edges[0]))

    def _marks(self) -> list[float]:
        return [value for value in super()._marks() if value % 1 == 0]


class Logarithmic(Scale):
    """Equal ratios; for positive numbers."""

    def _bend(self, value: float) -> float:
        return math.log10(value)

    def _unbend(self, place: float) -> float:
        return float(10.0**place)

    def _marks(self) -> list[float]:
        decades = range(math.floor(self._from), math.ceil(self._to) + 1)
        step = max(1, math.ceil(len(decades) / 8))
        whole = [10.0**decade for decade in decades if decade % step == 0]
        return whole + [factor * 10.0**decade for factor in (3, 2, 5) for decade in decades]


class Around(Scale):
    """Linear below `unit`, logarithmic above, on both sides of zero."""

    def __init__(self, low: float, high: float, unit: float) -> None:
        self._unit = unit
        super().__init__(low, high)

    def _bend(self, value: float) -> float:
        return math.asinh(value / self._unit)

    def _unbend(self, place: float) -> float:
        return self._unit * math.sinh(place)

    def _marks(self) -> list[float]:
        first = math.ceil(math.log10(self._unit))
        last = math.ceil(math.log10(max(-self._low, self._high, self._unit)))
        step = max(1, math.ceil((last - first + 1) / 5))
        decades = range(last - (last - first) // step * step, last + 1, step)
        return [0.0, *(sign * 10.0**decade for decade in reversed(decades) for sign in (1, -1))]


def scale_for(low: float, high: float, magnitudes: tuple[float, float], *, whole: bool) -> Scale:
    """The scale for numbers from `low` to `high`, of which most magnitudes are between two bounds; 0 and 0 if all are zero."""
    low, high, small, large = map(_drawable, (low, high, *magnitudes))
    if small > 0 and large / small >= SPANS_DECADES and high > low:
        return Logarithmic(low, high) if low > 0 else Around(low, high, 10.0 ** math.ceil(math.log10(small)))
    if high - low <= NARROW * max(abs(low), abs(high)):
        room = max(abs(low) / 2, 1.0) if whole else abs(low) / 2 or 1.0
        low, high = low - room, high + room
    return Whole(low, high) if whole and max(-low, high) < WHOLE_UP_TO else Linear(low, high)


def _drawable(value: float) -> float:
    """A number as near as an axis can come to it: what is too large or too near to zero to compute with is moved."""
    if value == 0:
        return 0.0
    return math.copysign(min(max(abs(value), SMALLEST), LARGEST), value)


def round_steps(low: float, high: float, most: int) -> list[float]:
    """Round numbers within a range, in steps of 1, 2 or 5 times a power of ten, at most so many and one.

    >>> round_steps(0.0, 0.13, 3)
    [0.0, 0.05, 0.1]
    """
    power = 10.0 ** math.floor(math.log10((high - low) / most))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power * most >= high - low)
    return [index * step for index in range(math.ceil(low / step), math.floor(high / step) + 1)]

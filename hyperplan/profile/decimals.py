"""The decimals that people and programs write, seen through the rounding of binary numbers.

The double nearest to 0.3 is what most write as 0.3; but 0.1 + 0.2 is another one, two units in the last place above it, and the
single-precision 0.3 of a file differs from the eighth digit on. A number is taken for a decimal of three places when it is one
but for such rounding. That is a function of the single number, so it means the same whatever else there is.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hyperplan.profile.packing import Integers

NOISE = 2.0**-50
"""Relative error of a few operations on doubles: four units in the last place."""
LARGEST = 2.0**43
"""From here on doubles are too coarse for thousandths."""
_LARGEST_SINGLE = 2.0**23
"""Digits that single precision holds without doubt, as the largest integer of so many bits."""
_BEYOND_SINGLE = (1 << 29) - 1
"""The bits of a double that a single-precision number does not have."""


class Decimals(NamedTuple):
    """Finite numbers as they were meant.

    `values` are the numbers, decimals freed of rounding, and no zero negative. `decimal` says which are multiples of 0.001, and `units` how
    many thousandths those are; `large` are integers beyond what can be counted so, None for none. `counts` says how often each came, None for
    once.
    """

    values: NDArray[np.float64]
    decimal: NDArray[np.bool_]
    units: NDArray[np.float64]
    large: NDArray[np.bool_] | None = None
    counts: Integers | None = None

    @staticmethod
    def of(numbers: NDArray[np.float64], counts: Integers | None = None) -> "Decimals":
        """Finite numbers, and how often each came.

        >>> Decimals.of(np.array([0.1 + 0.2, np.float32(0.3), -0.0, 1 / 3])).values.tolist()
        [0.3, 0.3, 0.0, 0.3333333333333333]
        """
        decimal, units, large = _thousandths(numbers)
        values = numbers + 0.0
        if decimal.all():
            np.divide(units, 1000.0, out=values)
            values += 0.0
        elif decimal.any():
            values[decimal] = units[decimal] / 1000.0 + 0.0
        return Decimals(values, decimal, units, large, counts)

    def size(self) -> int:
        """How many numbers there are."""
        return self.values.size if self.counts is None else int(self.counts.sum())

    def total(self, chosen: NDArray[np.bool_]) -> int:
        """How many numbers are among the chosen ones."""
        return int(np.count_nonzero(chosen)) if self.counts is None else int(self.counts[chosen].sum())


def _thousandths(
    numbers: NDArray[np.float64],
) -> tuple[NDArray[np.bool_], NDArray[np.float64], NDArray[np.bool_] | None]:
    """Which numbers are multiples of 0.001, of which integer, and which are large integers."""
    large = None
    with np.errstate(over="ignore", invalid="ignore"):
        scaled = numbers * 1000.0
        units = np.rint(scaled)
        off = np.subtract(scaled, units)
        np.abs(off, out=off)
        np.abs(scaled, out=scaled)
        largest = scaled.max(initial=0.0)
        scaled *= NOISE
        decimal = off <= scaled
    if largest >= LARGEST * 1000.0:
        near = np.abs(numbers) < LARGEST
        decimal &= near
        large = ~near & (numbers == np.rint(numbers))
    narrow = ((numbers.view(np.int64) & _BEYOND_SINGLE) == 0) & ~decimal
    if narrow.any():
        _add_singles(numbers, np.flatnonzero(narrow), decimal, units)
    return decimal, units, large


def _add_singles(
    numbers: NDArray[np.float64], at: NDArray[np.intp], decimal: NDArray[np.bool_], units: NDArray[np.float64]
) -> None:
    """Add those that are a decimal's nearest number of single precision: the shortest such decimal is meant."""
    singles = numbers[at]
    for scale in (10.0, 100.0, 1000.0):
        with np.errstate(over="ignore"):
            found = np.rint(singles * scale)
            fits = (np.abs(found) < _LARGEST_SINGLE) & ((found / scale).astype(np.float32) == singles)
        decimal[at[fits]] = True
        units[at[fits]] = found[fits] * (1000.0 / scale)
        singles, at = singles[~fits], at[~fits]

"""The decimals that people and programs write, seen through the rounding of binary numbers.

The double nearest to 0.3 is what most write as 0.3; but 0.1 + 0.2 is another one, two units in the last place above it, and the
single-precision 0.3 of a file differs from the eighth digit on. A number is taken for a decimal of three places when it is one
but for such rounding. That is a function of the single number, so it means the same whatever else there is.
"""

import numpy as np
from numpy.typing import NDArray

NOISE = 2.0**-50
"""Relative error of a few operations on doubles: four units in the last place."""
LARGEST = 2.0**43
"""From here on doubles are too coarse for thousandths."""
_LARGEST_SINGLE = 2.0**23
"""Digits that single precision holds without doubt, as the largest integer of so many bits."""
_BEYOND_SINGLE = (1 << 29) - 1
"""The bits of a double that a single-precision number does not have."""


def thousandths(values: NDArray[np.float64]) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Which finite numbers are multiples of 0.001, and of which integer: only there the second array means something."""
    with np.errstate(over="ignore", invalid="ignore"):
        scaled = values * 1000.0
        nearest = np.rint(scaled)
        are = np.abs(scaled - nearest) <= np.abs(scaled) * NOISE
    large = np.abs(values) >= LARGEST
    if large.any():
        are &= ~large
    narrow = ~are & ((np.ascontiguousarray(values).view(np.int64) & _BEYOND_SINGLE) == 0) & ~large
    if narrow.any():
        _add_singles(values, np.flatnonzero(narrow), are, nearest)
    return are, nearest


def _add_singles(
    values: NDArray[np.float64], at: NDArray[np.intp], are: NDArray[np.bool_], nearest: NDArray[np.float64]
) -> None:
    """Add those that are a decimal's nearest number of single precision: the shortest such decimal is meant."""
    singles = values[at]
    for scale in (10.0, 100.0, 1000.0):
        units = np.rint(singles * scale)
        fits = (np.abs(units) < _LARGEST_SINGLE) & ((units / scale).astype(np.float32) == singles) & ~are[at]
        are[at[fits]] = True
        nearest[at[fits]] = units[fits] * (1000.0 / scale)


def meant(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Each number as the decimal it was before it was rounded; one that is no multiple of 0.001 as it is. No zero is negative.

    >>> meant(np.array([0.1 + 0.2, np.float32(0.3), -0.0, 1 / 3])).tolist()
    [0.3, 0.3, 0.0, 0.3333333333333333]
    """
    are, nearest = thousandths(values)
    return np.where(are, nearest / 1000.0, values) + 0.0

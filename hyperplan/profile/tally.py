"""Counting equal numbers, where that is quicker than looking at each.

Most columns of numbers hold few different ones: hours, counts, prices in cents. These are counted without sorting them, and all that
is expensive is then done once for each number, not for each row. It is only a matter of speed: summaries are the same either way.
"""

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from hyperplan.profile.packing import Integers

S = TypeVar("S", bound=np.generic)

FEW = 64
"""Different numbers that are looked for among any; decimals may be more."""
_SAMPLE = 256
"""Numbers that are looked at first, and up to which all are sorted at once."""
_HASH_BITS = 14
_HASH_FACTOR = np.uint64(0x9E3779B97F4A7C15)

Tally = tuple[NDArray[S], Integers]
"""Different numbers, ascending, and how often each came."""


def tally(numbers: NDArray[np.float64]) -> Tally[np.float64] | None:
    """The tally of numbers; None if they are too many and too different.

    >>> tally(np.array([2.0, 1.0, 2.0]))
    (array([1., 2.]), array([1, 2]))
    """
    if numbers.size <= _SAMPLE:
        return sorted_tally(numbers)
    sample, _ = sorted_tally(spread(numbers, _SAMPLE))
    found = _of_decimals(numbers, sample)
    return found if found or sample.size > FEW else _of_few(numbers, sample)


def sorted_tally(numbers: NDArray[S]) -> Tally[S]:
    """The tally of numbers, by sorting them: quick where they are not many."""
    ascending = np.sort(numbers)
    first = np.flatnonzero(ascending[1:] != ascending[:-1])
    first += 1
    ends = np.empty(first.size + 2, np.int64)
    ends[0], ends[1:-1], ends[-1] = 0, first, numbers.size
    ends = ends if numbers.size else _NONE
    return ascending[ends[:-1]], ends[1:] - ends[:-1]


def distinct(numbers: NDArray[np.float64], counts: Integers | None) -> Tally[np.float64]:
    """The tally of numbers each of which came so often, None for once."""
    if counts is None:
        return sorted_tally(numbers)
    if not np.any(numbers[1:] <= numbers[:-1]):
        return numbers, counts
    different, inverse = np.unique(numbers, return_inverse=True)  # some were told apart by rounding only
    return different, np.bincount(inverse, counts).astype(np.int64)


def spread(numbers: NDArray[S], most: int) -> NDArray[S]:
    """At most so many of the numbers, from all over."""
    return numbers[:: max(numbers.size // most, 1)][:most]


def _of_decimals(numbers: NDArray[np.float64], sample: NDArray[np.float64]) -> Tally[np.float64] | None:
    """The tally of decimals with the same number of places, at most three, that are as dense as they are many."""
    scale = 1000.0
    if not _are_decimals(sample, scale):
        return None
    while scale > 1.0 and _are_decimals(sample, scale / 10.0):
        scale /= 10.0
    units = _units(numbers, scale)
    lowest, highest = units.min(), units.max()
    if highest - lowest > 4 * numbers.size or not np.all(units / scale == numbers):
        return None
    units -= lowest
    counts = np.bincount(units.astype(np.intp))
    filled = np.flatnonzero(counts)
    return (filled + lowest) / scale, counts[filled]


def _are_decimals(numbers: NDArray[np.float64], scale: float) -> bool:
    return bool(np.all(_units(numbers, scale) / scale == numbers))


def _units(numbers: NDArray[np.float64], scale: float) -> NDArray[np.float64]:
    with np.errstate(over="ignore"):
        units = numbers * scale
    return np.rint(units, out=units)


def _of_few(numbers: NDArray[np.float64], known: NDArray[np.float64]) -> Tally[np.float64] | None:
    """The tally of at most `FEW` different numbers, some of which are known."""
    slots = _slots(numbers)
    while known.size <= FEW:
        table = np.zeros(1 << _HASH_BITS, np.intp)
        table[_slots(known)] = np.arange(known.size)
        which = table[slots]
        other = known[which] != numbers
        if not other.any():
            return known, np.bincount(which, minlength=known.size)
        grown = np.union1d(known, spread(numbers[other], _SAMPLE))
        if grown.size == known.size:  # two of them fell to one slot
            return sorted_tally(numbers)
        known = grown
    return None


def _slots(numbers: NDArray[np.float64]) -> NDArray[np.intp]:
    bits = (numbers + 0.0).view(np.uint64) * _HASH_FACTOR  # no zero is negative
    bits >>= np.uint64(64 - _HASH_BITS)
    return bits.view(np.intp)


_NONE = np.zeros(1, np.int64)

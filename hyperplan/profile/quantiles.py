"""Quantiles of numbers from a sketch with relative accuracy.

A DDSketch (Masson, Rim and Lee, "DDSketch: a fast and fully-mergeable quantile sketch with relative-error guarantees",
VLDB 2019): the real line is cut into cells whose bounds grow by a constant factor, and numbers are counted by cell.
Every sketch uses the same cells, so sketches merge exactly, and two of them can be compared cell by cell with no error
but the width of a cell.
"""

import math
from collections.abc import Iterable

import msgspec
import numpy as np
from numpy.typing import ArrayLike, NDArray

from hyperplan.profile.packing import Integers, packed, raw, unpacked
from hyperplan.profile.scaling import Scale

ACCURACY = 0.01
"""A quantile is off by at most this share of its value."""
MOST_CELLS = 4096
"""Cells that a sketch keeps. Data that spans fewer than 35 orders of magnitude on either side of zero never gets there;
beyond, the cells nearest to zero are counted as zero."""

_LOG_GAMMA = math.log((1 + ACCURACY) / (1 - ACCURACY))
_OFFSET = 1 << 20
"""Keeps the keys of positive cells positive, whatever their exponent."""


class QuantileSketch(msgspec.Struct, frozen=True, array_like=True):
    """How many numbers lie in each cell.

    `first` is the key of the lowest filled cell, `steps` the differences between the keys of filled cells, `counts` how
    many numbers each holds; both are packed. Keys order cells as their numbers: negative ones below 0, the cell of zero is 0.

    >>> sketch = QuantileSketch.of([1.0, 2.0, 3.0, 4.0, 1000.0])
    >>> [round(value, 1) for value in sketch.quantiles([0.0, 0.5, 1.0])]
    [1.0, 3.0, 1002.4]
    """

    first: int = 0
    steps: bytes = b""
    counts: bytes = b""

    def __post_init__(self) -> None:
        if abs(self.first) > 2 * _OFFSET:
            raise ValueError("a sketch starts out of range")
        steps, counts = raw(self.steps), raw(self.counts)
        if steps.size != max(counts.size - 1, 0) or counts.size > MOST_CELLS:
            raise ValueError("the cells of a sketch do not match its counts")
        if not (steps.all() and counts.all()) or (steps.itemsize > 2 and int(steps.max()) > 4 * _OFFSET):
            raise ValueError("the cells of a sketch must be filled and in order")

    @staticmethod
    def of(values: ArrayLike) -> "QuantileSketch":
        """The sketch of finite numbers."""
        numbers = np.asarray(values, np.float64)
        positive = numbers > 0
        above = np.count_nonzero(positive)
        if above == numbers.size:
            return _sketch(*_counted(numbers))
        negative = numbers < 0
        below = np.count_nonzero(negative)
        keys, counts = _counted(-numbers[negative])
        zeros = numbers.size - above - below
        zero = np.zeros(1 if zeros else 0, np.int64)
        keys_above, counts_above = _counted(numbers[positive])
        return _sketch(
            np.concatenate((-keys[::-1], zero, keys_above)),
            np.concatenate((counts[::-1], zero + zeros, counts_above)),
        )

    @staticmethod
    def of_tally(numbers: NDArray[np.float64], counts: Integers) -> "QuantileSketch":
        """The sketch of finite numbers, ascending, each of which came so often."""
        keys = keys_of(numbers)
        first = np.flatnonzero(np.concatenate((_ONE, keys[1:] != keys[:-1])))
        return _sketch(keys[first], np.add.reduceat(counts, first)) if keys.size else QuantileSketch()

    @staticmethod
    def merged(sketches: Iterable["QuantileSketch"]) -> "QuantileSketch":
        """The sketch of all the numbers of several."""
        cells = [sketch.cells() for sketch in sketches if sketch.counts]
        if len(cells) < 2:
            return _sketch(*cells[0]) if cells else QuantileSketch()
        keys, inverse = np.unique(np.concatenate([keys for keys, _ in cells]), return_inverse=True)
        counts = np.zeros(keys.size, np.int64)
        np.add.at(counts, inverse, np.concatenate([counts for _, counts in cells]))
        return _sketch(keys, counts)

    def scaled(self, scale: Scale) -> "QuantileSketch":
        """The sketch of so many times as many numbers; a cell that comes to nothing goes."""
        keys, counts = self.cells()
        counts = scale.parts(counts)
        return _sketch(keys[counts > 0], counts[counts > 0])

    def cells(self) -> tuple[Integers, Integers]:
        """The keys of the filled cells, ascending, and their counts."""
        counts = unpacked(self.counts)
        if not counts.size:
            return counts, counts
        return np.concatenate(([self.first], self.first + np.cumsum(unpacked(self.steps)))), counts

    def count(self) -> int:
        """How many numbers the sketch holds."""
        return int(unpacked(self.counts).sum())

    def quantiles(self, shares: Iterable[float]) -> list[float]:
        """The number below or at which each share (0 to 1) of all lies, within `ACCURACY` of its value.

        Raises:
            ValueError: the sketch is empty.
        """
        keys, counts = self.cells()
        if not keys.size:
            raise ValueError("an empty sketch has no quantiles")
        below = np.cumsum(counts)
        ranks = np.floor(np.asarray(list(shares), np.float64) * (below[-1] - 1))
        found: list[float] = values_of(keys[np.searchsorted(below, ranks, side="right")]).tolist()
        return found


def keys_of(values: NDArray[np.float64]) -> Integers:
    """The key of the cell that each finite number falls into."""
    sizes = np.abs(values)
    zero = sizes == 0
    sizes[zero] = 1.0
    keys = _exponents(sizes).astype(np.int64) + _OFFSET
    keys[zero] = 0
    return np.where(values < 0, -keys, keys)


def _exponents(sizes: NDArray[np.float64]) -> NDArray[np.float64]:
    """The number of the cell that each positive number falls into, as a double: the one that ends at it or just above."""
    exponents = np.log(sizes)
    exponents /= _LOG_GAMMA
    return np.ceil(exponents, out=exponents)


def _counted(sizes: NDArray[np.float64]) -> tuple[Integers, Integers]:
    """The keys of the cells that positive numbers fill, ascending, and how many are in each."""
    if not sizes.size:
        return _NONE, _NONE
    exponents = _exponents(sizes)
    lowest = exponents.min()
    exponents -= lowest
    counts = np.bincount(exponents.astype(np.intp))
    filled = np.flatnonzero(counts)
    return filled + (int(lowest) + _OFFSET), counts[filled]


_NONE = np.zeros(0, np.int64)
_ONE = np.ones(1, np.bool_)


def values_of(keys: Integers) -> NDArray[np.float64]:
    """For each cell the number that is within `ACCURACY` of all numbers in it."""
    exponents = np.abs(keys) - _OFFSET
    middles = np.exp(np.minimum(exponents * _LOG_GAMMA + math.log1p(-ACCURACY), math.log(np.finfo(np.float64).max)))
    return np.where(keys == 0, 0.0, np.sign(keys) * middles)


def _sketch(keys: Integers, counts: Integers) -> QuantileSketch:
    if keys.size > MOST_CELLS:
        keys, counts = _collapsed(keys, counts)
    if not keys.size:
        return QuantileSketch()
    return QuantileSketch(int(keys[0]), packed(keys[1:] - keys[:-1]), packed(counts))


def _collapsed(keys: Integers, counts: Integers) -> tuple[Integers, Integers]:
    """The cells furthest from zero, and all others as zero.

    Which cells stay depends on nothing but which are filled, and a cell that goes here would go from any larger
    sketch: so merging stays associative.
    """
    far = np.lexsort((keys, np.abs(keys)))[-(MOST_CELLS - 1) :]
    kept = np.zeros(keys.size, bool)
    kept[far] = True
    at = int(np.searchsorted(keys[kept], 0))
    return np.insert(keys[kept], at, 0), np.insert(counts[kept], at, counts[~kept].sum())

"""Which numbers come often: constants, codes, and what stands in for a value that nobody had.

As long as there are at most `MOST` different numbers, all are counted exactly. When there are more, those stay that people
choose to write: the numbers that programs use for "none" (0, -1, 999, the largest integers, ...) first, then decimals of at most seven digits, those
of few digits before those of many, and of equals those with the smallest hashes. So what is kept is a bottom-k sample (Cohen and
Kaplan, 2007) in an order that favours likely fills. It depends on nothing but the set of numbers seen; summaries of heavy hitters that
look at the counts (Misra-Gries, SpaceSaving) depend on the order of merging too.

What is guaranteed: the count of a number that is kept is exact; no number is kept while one that comes before it in the
order is not; the numbers that are not kept are counted together. What is not: that an odd number, a mean of training say, is
kept though half of all values are equal to it, when there are many others. The sketch shows it, to within 1 %.
"""

from collections import Counter
from collections.abc import Iterable

import msgspec
import numpy as np
from numpy.typing import ArrayLike, NDArray

from hyperplan.profile.decimals import LARGEST, Decimals
from hyperplan.profile.hashing import mixed
from hyperplan.profile.packing import Integers
from hyperplan.profile.scaling import Scale
from hyperplan.profile.tally import distinct, sorted_tally, spread

MOST = 64
"""Numbers that are kept."""
LONGEST = 7
"""Significant digits of a number that may be kept when there are more."""
FILLS = frozenset(
    float(sign * number)
    for sign in (1, -1)
    for number in (
        *(0, 1, 255, 32767, 32768, 65535, 2**31 - 1, 2**31, 2**32 - 1, 2**63, 2**64, 1e20, 1e30, 1e33, 1e36, 1e38),
        *(10**digits - 1 for digits in range(1, 16)),
        *(float(np.finfo(kind).max) for kind in (np.float32, np.float64)),
        9.969209968386869e36,  # netCDF's
    )
)
"""Numbers that stand for "none" in the world's data."""
_FILLS = np.array(sorted(FILLS))


class FrequentNumbers(msgspec.Struct, frozen=True, array_like=True):
    """How often each number came, taken for the decimal it was meant to be (`decimals`). `other` counts what is not kept.

    >>> FrequentNumbers.of([5.0, -1.0, 5.0]).counts
    {-1: 1, 5: 2}
    """

    counts: dict[int | float, int] = {}
    other: int = 0

    def __post_init__(self) -> None:
        if len(self.counts) > MOST or self.other < 0 or min(self.counts.values(), default=0) < 0:
            raise ValueError("counts of numbers are out of range")

    @staticmethod
    def of(values: ArrayLike) -> "FrequentNumbers":
        """The counts of finite numbers."""
        return FrequentNumbers.of_decimals(Decimals.of(np.asarray(values, np.float64)))

    @staticmethod
    def of_decimals(numbers: Decimals) -> "FrequentNumbers":
        """The counts of numbers as they were meant."""
        if not _more_than_fit(numbers.values):
            return _bounded(*distinct(numbers.values, numbers.counts), 0)
        first = _first(numbers)
        counts = None if numbers.counts is None else numbers.counts[first]
        different, counts = distinct(numbers.values[first], counts)
        return _bounded(different, counts, numbers.size() - int(counts.sum()))

    @staticmethod
    def merged(several: Iterable["FrequentNumbers"]) -> "FrequentNumbers":
        """The counts of all the numbers of several."""
        counted: Counter[float] = Counter()
        other = 0
        for part in several:
            counted.update(part.counts)
            other += part.other
        ascending = dict(sorted(counted.items()))
        if not other and len(ascending) <= MOST:
            return FrequentNumbers(ascending)
        size = len(ascending)
        return _bounded(
            np.fromiter(ascending, np.float64, size), np.fromiter(ascending.values(), np.int64, size), other
        )

    def scaled(self, scale: Scale) -> "FrequentNumbers":
        """The counts of so many times as many numbers; a number that comes to nothing goes."""
        return FrequentNumbers(scale.named(self.counts), scale.part(self.other, sum(self.counts.values())))

    @property
    def complete(self) -> bool:
        """Whether every number that came is kept."""
        return not self.other

    def total(self) -> int:
        """How many numbers came, kept or not."""
        return sum(self.counts.values()) + self.other

    def horizon(self) -> tuple[int, int] | None:
        """The last kept number in the order (`order`): all numbers up to it that came are kept. None when all are."""
        if self.complete:
            return None
        return max(map(order, self.counts), default=(-1, 0)) if len(self.counts) == MOST else (LONGEST, 1 << 64)

    def lacks(self, numbers: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Which numbers surely never came: those that would be kept and are not.

        >>> FrequentNumbers.of([5.0, -1.0, 5.0]).lacks(np.array([5.0, 6.0])).tolist()
        [False, True]
        """
        absent = ~np.isin(numbers, np.fromiter(self.counts, np.float64, len(self.counts)))
        end = self.horizon()
        if end is None:
            return absent
        digits = _digits(numbers)
        before = mixed(numbers) <= np.uint64(min(end[1], (1 << 64) - 1))
        return np.asarray(absent & ((digits < end[0]) | ((digits == end[0]) & before)), np.bool_)


def order(number: float) -> tuple[int, int]:
    """What decides which numbers stay, the smallest do: 0 for a fill or else the significant digits, then the hash."""
    array = np.array([number], np.float64)
    return int(_digits(array)[0]), int(mixed(array)[0])


def _digits(numbers: NDArray[np.float64]) -> NDArray[np.int64]:
    """The significant digits of each number, 0 for a fill, and more than `LONGEST` for what is no decimal of three places."""
    near = np.abs(numbers) < LARGEST
    units = np.rint(np.where(near, np.abs(numbers), 0.0) * 1000.0)
    decimal = near & (units / 1000.0 == np.abs(numbers))
    integers = np.where(decimal, units, 0.0).astype(np.int64)
    digits = np.searchsorted(_POWERS, integers, side="right")
    for power in _POWERS[1:]:
        whole = (integers % power == 0) & (integers > 0)
        if not whole.any():
            break
        digits -= whole
    digits[~decimal] = LONGEST + 1
    digits[_are_fills(numbers)] = 0
    return digits


_POWERS = 10 ** np.arange(17, dtype=np.int64)


def _bounded(numbers: NDArray[np.float64], counts: Integers, other: int) -> FrequentNumbers:
    """The counts of distinct numbers, ascending, as many of them as may stay."""
    if numbers.size and (other or numbers.size > MOST):
        digits = _digits(numbers)
        first = np.lexsort((mixed(numbers), digits))[:MOST]
        kept = np.sort(first[digits[first] <= LONGEST])
        other += int(counts.sum() - counts[kept].sum())
        numbers, counts = numbers[kept], counts[kept]
    return FrequentNumbers(_keyed(numbers, counts), other)


def _keyed(numbers: NDArray[np.float64], counts: Integers) -> dict[int | float, int]:
    """Whole numbers as integers, which are shorter when they are encoded, and equal."""
    keys = (int(number) if number.is_integer() and abs(number) < LARGEST else number for number in numbers.tolist())
    return dict(zip(keys, counts.tolist(), strict=True))


def _more_than_fit(numbers: NDArray[np.float64]) -> bool:
    """Whether there are more different numbers than are kept, as far as some thousands of them tell."""
    return numbers.size > MOST and any(_different(spread(numbers, most)) > MOST for most in (4 * MOST, 64 * MOST))


def _different(numbers: NDArray[np.float64]) -> int:
    return sorted_tally(numbers)[0].size


def _are_fills(numbers: NDArray[np.float64]) -> NDArray[np.bool_]:
    found: NDArray[np.bool_] = _FILLS[np.searchsorted(_FILLS[:-1], numbers)] == numbers
    return found


def _first(numbers: Decimals) -> NDArray[np.intp]:
    """Where those of many numbers are that may come first in the order; all that do are among them.

    Fills are looked for by a hash of a few bits. Of the others those of few digits are enough, if there are enough of them.
    """
    likely = np.flatnonzero(_LIKELY[_slots(numbers.values)])
    fills = likely[_are_fills(numbers.values[likely])]
    decimal = np.flatnonzero(numbers.decimal)
    if not decimal.size:
        return fills
    units = np.abs(numbers.units[decimal])
    with np.errstate(divide="ignore"):
        places = np.log10(units, out=np.zeros(units.size), where=units > 0).astype(np.intp)
    for digits in (2, 4, LONGEST):
        steps = units / _TENS[np.maximum(places - (digits - 1), 0)]
        short = decimal[steps == np.rint(steps)]
        if digits < LONGEST and _different(spread(numbers.values[short], 16 * MOST)) >= MOST:
            break
    return np.union1d(fills, short)


_TENS = 10.0 ** np.arange(17)
_SLOT_BITS = 12


def _slots(numbers: NDArray[np.float64]) -> NDArray[np.intp]:
    return ((numbers.view(np.uint64) * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(64 - _SLOT_BITS)).view(np.intp)


_LIKELY = np.zeros(1 << _SLOT_BITS, np.bool_)
_LIKELY[_slots(_FILLS)] = True

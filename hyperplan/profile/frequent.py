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

from hyperplan.profile.decimals import LARGEST, meant
from hyperplan.profile.hashing import mixed
from hyperplan.profile.scaling import Scale

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
        return FrequentNumbers.counted(*np.unique(meant(np.asarray(values, np.float64)), return_counts=True))

    @staticmethod
    def counted(numbers: NDArray[np.float64], counts: NDArray[np.int64]) -> "FrequentNumbers":
        """The counts of numbers that are already counted: different ones, ascending, each as it was `meant`."""
        return _bounded(numbers, counts.astype(np.int64), 0)

    @staticmethod
    def merged(several: Iterable["FrequentNumbers"]) -> "FrequentNumbers":
        """The counts of all the numbers of several."""
        counted: Counter[float] = Counter()
        other = 0
        for part in several:
            counted.update(part.counts)
            other += part.other
        numbers = np.array(sorted(counted), np.float64)
        return _bounded(numbers, np.array([counted[number] for number in sorted(counted)], np.int64), other)

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
        digits -= (integers % power == 0) & (integers > 0)
    digits[~decimal] = LONGEST + 1
    digits[np.isin(numbers, _FILLS)] = 0
    return digits


_POWERS = 10 ** np.arange(17, dtype=np.int64)


def _bounded(numbers: NDArray[np.float64], counts: NDArray[np.int64], other: int) -> FrequentNumbers:
    """The counts of distinct numbers, ascending, as many of them as may stay."""
    if other or numbers.size > MOST:
        digits = _digits(numbers)
        first = np.lexsort((mixed(numbers), digits))[:MOST]
        kept = np.sort(first[digits[first] <= LONGEST])
        other += int(counts.sum() - counts[kept].sum())
        numbers, counts = numbers[kept], counts[kept]
    return FrequentNumbers(_keyed(numbers, counts), other)


def _keyed(numbers: NDArray[np.float64], counts: NDArray[np.int64]) -> dict[int | float, int]:
    """Whole numbers as integers, which are shorter when they are encoded, and equal."""
    keys = (int(number) if number % 1 == 0 and abs(number) < LARGEST else number for number in numbers.tolist())
    return dict(zip(keys, counts.tolist(), strict=True))

"""A few of the distinct numbers that came, chosen by nothing but their hashes.

What numbers look like, how many digits they have, of what they are multiples, shows in a sample of them if it favours none. As long as
there are at most `MOST` different numbers it holds them all; of more it holds those with the smallest hashes, a bottom-k
sample (Cohen and Kaplan, "Summarizing data using bottom-k sketches", PODC 2007), which merges in any order. The count of a number that is kept is
exact. `FrequentNumbers` is the one to ask for what comes often: it favours what people choose to write.

The largest of the kept hashes tells how many different numbers there were (Bar-Yossef, Jayram, Kumar, Sivakumar and Trevisan, "Counting distinct
elements in a data stream", 2002; the estimate without bias is that of Beyer and others, SIGMOD 2007): with 64 of them to within 13 %, one standard error.
"""

from collections.abc import Iterable, Mapping

import msgspec
import numpy as np
from numpy.typing import ArrayLike, NDArray

from hyperplan.profile.decimals import Decimals
from hyperplan.profile.hashing import mixed
from hyperplan.profile.packing import Integers, packed, raw, unpacked
from hyperplan.profile.scaling import Scale
from hyperplan.profile.tally import distinct, sorted_tally, spread

MOST = 64
"""Numbers that are kept."""


class SampledNumbers(msgspec.Struct, frozen=True, array_like=True):
    """Distinct numbers, each taken for the decimal it was meant to be (`decimals`), and how often each came.

    `numbers` holds little-endian doubles, ascending; `counts` is packed. `other` counts what came of numbers that are not kept.

    >>> sample = SampledNumbers.of([5.0, -1.0, 5.0])
    >>> [array.tolist() for array in sample.items()]
    [[-1.0, 5.0], [1, 2]]
    """

    numbers: bytes = b""
    counts: bytes = b""
    other: int = 0

    def __post_init__(self) -> None:
        if len(self.numbers) % 8:
            raise ValueError("not an array of numbers")
        numbers = np.frombuffer(self.numbers, "<f8")
        if numbers.size != raw(self.counts).size or numbers.size > MOST or self.other < 0:
            raise ValueError("the numbers of a sample do not match their counts")
        if not (numbers[1:] > numbers[:-1]).all() or not np.isfinite(numbers[:: max(numbers.size - 1, 1)]).all():
            raise ValueError("the numbers of a sample must be finite and in order")

    @staticmethod
    def of(values: ArrayLike) -> "SampledNumbers":
        """The sample of finite numbers."""
        return SampledNumbers.of_decimals(Decimals.of(np.asarray(values, np.float64)))

    @staticmethod
    def of_decimals(numbers: Decimals) -> "SampledNumbers":
        """The sample of numbers as they were meant."""
        hashes = mixed(numbers.values)
        first = np.flatnonzero(hashes <= _threshold(hashes))
        counts = None if numbers.counts is None else numbers.counts[first]
        different, counts = distinct(numbers.values[first], counts)
        return _bounded(different, counts, numbers.size() - int(counts.sum()))

    @staticmethod
    def counted(counts: Mapping[float, int]) -> "SampledNumbers":
        """The sample of at most `MOST` numbers that are already counted."""
        ascending = dict(sorted(counts.items()))
        size = len(ascending)
        return _packed(np.fromiter(ascending, np.float64, size), np.fromiter(ascending.values(), np.int64, size), 0)

    @staticmethod
    def merged(several: Iterable["SampledNumbers"]) -> "SampledNumbers":
        """The sample of all the numbers of several."""
        parts = list(several)
        items = [part.items() for part in parts]
        if not items:
            return SampledNumbers()
        numbers, inverse = np.unique(np.concatenate([numbers for numbers, _ in items]), return_inverse=True)
        counts = np.zeros(numbers.size, np.int64)
        np.add.at(counts, inverse, np.concatenate([counts for _, counts in items]))
        return _bounded(numbers, counts, sum(part.other for part in parts))

    def scaled(self, scale: Scale) -> "SampledNumbers":
        """The sample of so many times as many numbers; one that comes to nothing goes."""
        numbers, counts = self.items()
        before = int(counts.sum())
        counts = scale.parts(counts)
        return _packed(numbers[counts > 0], counts[counts > 0], scale.part(self.other, before))

    @property
    def complete(self) -> bool:
        """Whether every number that came is kept."""
        return not self.other

    def distinct(self) -> float:
        """How many different numbers there were, as far as the sample tells."""
        numbers, _ = self.items()
        if self.complete or not numbers.size:
            return float(numbers.size)
        return float((numbers.size - 1) / (float(mixed(numbers).max()) + 1) * 2.0**64)

    def items(self) -> tuple[NDArray[np.float64], Integers]:
        """The numbers that are kept, ascending, and their counts."""
        return np.frombuffer(self.numbers, "<f8").astype(np.float64), unpacked(self.counts)


def _threshold(hashes: NDArray[np.uint64]) -> np.uint64:
    """A hash up to which there are more than `MOST` different ones, or the largest, if a few are not enough to find one."""
    few = spread(hashes, min(max(hashes.size // 16, _FEWEST), _MOST_LOOKED_AT))
    if few.size < _FEWEST:
        return _ALL
    lowest, _ = sorted_tally(np.partition(few, 4 * MOST)[: 4 * MOST])
    return lowest[MOST] if lowest.size > MOST else _ALL


_FEWEST, _MOST_LOOKED_AT = 8 * MOST, 64 * MOST
"""Numbers of which the lowest hashes tell which of the others matter."""
_ALL = np.uint64((1 << 64) - 1)


def _bounded(numbers: NDArray[np.float64], counts: Integers, other: int) -> SampledNumbers:
    """A sample of distinct numbers, ascending, as many of them as may stay."""
    if numbers.size > MOST:
        kept = np.sort(np.argpartition(mixed(numbers), MOST)[:MOST])
        other += int(counts.sum() - counts[kept].sum())
        numbers, counts = numbers[kept], counts[kept]
    return _packed(numbers, counts, other)


def _packed(numbers: NDArray[np.float64], counts: Integers, other: int) -> SampledNumbers:
    return SampledNumbers(numbers.astype("<f8").tobytes(), packed(counts), other)

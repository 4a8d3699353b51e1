"""Counts of values, of which there may be too many to keep.

When more than `limit` distinct values come, those whose hashes are smallest stay: a bottom-k sample of the distinct
values (Cohen and Kaplan, "Summarizing data using bottom-k sketches", PODC 2007). Which values stay depends on nothing
but the set of values seen, never on the order in which they came or were merged, and a value that stays was never
dropped on the way: its count is exact. Heavy values get no preference; that is another summary's business.
"""

import hashlib
import heapq
from collections import Counter
from collections.abc import Iterable, Mapping

import msgspec

from hyperplan.profile.scaling import Scale

LONGEST_VALUE = 256
"""Characters of a value that are kept, as in samples."""


class CategoryCounts(msgspec.Struct, frozen=True, array_like=True):
    """How often each value came. `other` counts what came of values that are not kept.

    >>> CategoryCounts.of(["a", "b", "a"]).counts
    {'a': 2, 'b': 1}
    """

    limit: int = 1000
    counts: dict[str, int] = {}
    other: int = 0

    def __post_init__(self) -> None:
        if (
            self.limit < 1
            or len(self.counts) > self.limit
            or self.other < 0
            or min(self.counts.values(), default=0) < 0
        ):
            raise ValueError("counts of categories are out of range")

    @staticmethod
    def of(values: Iterable[str] | Mapping[str, int], limit: int = 1000) -> "CategoryCounts":
        """The counts of values, or of values that are already counted."""
        counted: Counter[str] = Counter()
        for value, count in Counter(values).items():
            counted[_clean(value)] += count
        return _bounded(limit, counted, 0)

    @staticmethod
    def merged(parts: Iterable["CategoryCounts"]) -> "CategoryCounts":
        """The counts of all the values of several; the smallest limit among them holds."""
        several = list(parts)
        if not several:
            return CategoryCounts()
        counted: Counter[str] = Counter()
        for part in several:
            counted.update(part.counts)
        return _bounded(min(part.limit for part in several), counted, sum(part.other for part in several))

    def scaled(self, scale: Scale, before: int = 0) -> "CategoryCounts":
        """The counts of so many times as many values, after `before` others of the same whole; a value that comes to nothing goes."""
        kept = sum(self.counts.values())
        return CategoryCounts(self.limit, scale.named(self.counts, before), scale.part(self.other, before + kept))

    def total(self) -> int:
        """How many values came, kept or not."""
        return sum(self.counts.values()) + self.other

    def horizon(self) -> bytes | None:
        """The largest hash of a kept value: every value whose hash is not above it is counted exactly.

        None when all values are kept.
        """
        return max(map(order, self.counts), default=b"") if self.other else None


def order(value: str) -> bytes:
    """The hash that decides which values stay: the smallest do."""
    return hashlib.blake2b(value.encode(), digest_size=8).digest()


def _clean(value: str) -> str:
    """A value as it is kept: cut, and with every half of a surrogate pair replaced, which UTF-8 cannot hold."""
    value = value[:LONGEST_VALUE]
    return value if value.isascii() else value.encode("utf-8", "replace").decode()


def _bounded(limit: int, counted: Mapping[str, int], other: int) -> CategoryCounts:
    kept = counted if len(counted) <= limit else heapq.nsmallest(limit, counted, key=order)
    counts = {value: counted[value] for value in sorted(kept)}
    return CategoryCounts(limit, counts, other + sum(counted.values()) - sum(counts.values()))

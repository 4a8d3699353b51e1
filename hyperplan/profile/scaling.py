"""Counts of so many times as many rows of the same kind, in whole numbers.

Rounding each count for itself would lose what comes rarely: of 100 numbers in 100 cells not one would be left at a factor of 0.4. So what is
rounded are running totals, and each count is the step from one to the next: parts still add up to their whole, every quantile is off by
less than one row, and of what comes once each a share as large as the factor stays. This is systematic sampling (Madow and Madow, "On the
theory of systematic sampling", 1944), whose `phase` says where it starts: 0.5 rounds to the nearest. Over phases that are spread evenly from
0 to 1 each count is unbiased.
"""

import math
from collections.abc import Iterable, Mapping
from typing import NamedTuple, TypeVar

import numpy as np

from hyperplan.profile.packing import Integers

K = TypeVar("K")


class Scale(NamedTuple):
    """How many times as many rows, and the phase of rounding, from 0 to below 1."""

    factor: float
    phase: float = 0.5

    def total(self, count: int) -> int:
        """How many of so many there are then.

        >>> Scale(0.5).total(3)
        2
        """
        return math.floor(count * self.factor + self.phase)

    def part(self, count: int, before: int) -> int:
        """The same of a part that comes after `before` others of the same whole."""
        return self.total(before + count) - self.total(before)

    def parts(self, counts: Integers) -> Integers:
        """The same of each of the parts of a whole, in their order.

        >>> Scale(0.4).parts(np.ones(5, np.int64)).tolist()
        [0, 1, 0, 1, 0]
        """
        totals: Integers = np.floor(np.cumsum(counts) * self.factor + self.phase).astype(np.int64)
        return totals - np.concatenate(([0], totals[:-1]))

    def named(self, counts: Mapping[K, int], before: int = 0) -> dict[K, int]:
        """The same of parts with names; those of which nothing is left are left out."""
        found = {}
        for name, count in counts.items():
            part = self.part(count, before)
            before += count
            if part:
                found[name] = part
        return found


def phases(number: int) -> Iterable[float]:
    """So many phases, spread evenly and out of step with whatever order counts are in.

    >>> [round(phase, 2) for phase in phases(4)]
    [0.5, 0.12, 0.74, 0.35]
    """
    golden = (math.sqrt(5) - 1) / 2
    return ((0.5 + index * golden) % 1 for index in range(number))

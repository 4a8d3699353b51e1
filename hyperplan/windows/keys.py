"""What a bucket of served rows is told apart by.

A bucket is the profile of the rows that came in one stretch of time, for one model that answered, one arm that was chosen and one
slice of the traffic. Buckets only ever add up: the same key may stand in the store many times, from each batch of samples and each
replica of control, and whoever reads merges.
"""

import math
from typing import NamedTuple

from hyperplan.profile import Profile

ALL = ""
"""The slice of all rows."""
OTHER = "*other"
"""Stands for the values of a slice that have no bucket of their own, because there are too many."""


class WindowKey(NamedTuple):
    """Which rows a bucket holds: those that came from `start` to before `start + width`, in nanoseconds since 1970.

    `model` is the one that answered, or else was chosen; empty for requests that were rejected. `arm` is the one that was chosen, empty
    when none was. `slice` is empty for all rows, or names one slice of them, like "origin=EWR". `inclusion` is the probability with
    which the requests of these rows were sampled.
    """

    endpoint: str
    model: str
    arm: str
    slice: str
    start: int
    inclusion: float
    width: int

    @property
    def end(self) -> int:
        """When the bucket is over."""
        return self.start + self.width


class Bucket(NamedTuple):
    """The rows of one key."""

    key: WindowKey
    profile: Profile


def slice_of(part: str, value: str) -> str:
    """The name of the slice of the rows in which a part of the request (a feature, or `header:NAME`) has a value.

    >>> slice_of("origin", "EWR")
    'origin=EWR'
    """
    return f"{part}={value}"


def part_of(slice_name: str) -> str:
    """The part of the request that a slice is of.

    >>> part_of("origin=EWR")
    'origin'
    """
    return slice_name.partition("=")[0]


def rounded_inclusion(inclusion: float) -> float:
    """An inclusion probability to two significant digits, so that rows with about the same one share a bucket.

    What is no probability counts as 1: such a row stands for itself alone.

    >>> rounded_inclusion(0.01234), rounded_inclusion(0.0)
    (0.012, 1.0)
    """
    if not 0 < inclusion <= 1:
        return 1.0
    return round(inclusion, 1 - math.floor(math.log10(inclusion)))

"""Profiles of fields that no schema declares, made of hashes alone.

What nobody declared may be anybody's secret, so a sample keeps a hash of it and never the value (`hyperplan.sample.hashed`). Hashes are
enough to tell that a field holds what a feature of the reference held: the same values, as often, and as many of them. A column of a file
goes the same way as a field of a sample, so that both are judged alike.

Such a profile is an ordinary `FeatureProfile` whose `values` are hashes: it merges and travels like any other.
"""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from hyperplan.profile.categories import CategoryCounts
from hyperplan.profile.feature import FeatureProfile
from hyperplan.sample import hashed

HASHES_KEPT = 256
"""Distinct hashes kept of an unknown field. Few features are told apart by more, and a client may send any number of fields."""

NULL = hashed(None)
"""The hash of null, which is counted and not kept."""


def profile_of_hashes(hashes: Iterable[str], rows: int) -> FeatureProfile:
    """The profile of an unknown field over so many rows, from the hashes of its values in those that had it.

    >>> profile_of_hashes([hashed("a"), hashed("a"), NULL], rows=5).missing
    2
    """
    counted = Counter(hashes)
    null = counted.pop(NULL, 0)
    present = null + sum(counted.values())
    return FeatureProfile(rows=rows, missing=rows - present, null=null, values=CategoryCounts.of(counted, HASHES_KEPT))


def profile_of_column(values: Iterable[Any]) -> FeatureProfile:
    """The profile of a column of plain JSON values that the schema does not know, as samples of its rows would give it.

    Arrays are told by `array.tolist()`, and null is None.
    """
    hashes = [hashed(value) for value in values]
    return profile_of_hashes(hashes, len(hashes))

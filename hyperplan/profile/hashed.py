"""Profiles of fields that no schema declares, made of hashes alone.

What nobody declared may be anybody's secret, so a sample keeps a hash of it and never the value (`hyperplan.sample.hashed`). Hashes are
enough to tell that a field holds what a feature of the reference held: the same values, as often, and as many of them. A column of a file
goes the same way as a field of a sample, so that both are judged alike.

Such a profile is an ordinary `FeatureProfile` whose `values` are hashes: it merges and travels like any other.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from hyperplan.profile.categories import CategoryCounts, order
from hyperplan.profile.feature import FeatureProfile
from hyperplan.sample import ObservedRow, hashed

HASHES_KEPT = 256
"""Distinct hashes kept of an unknown field. Few features are told apart by more, and a client may send any number of fields."""

FIELDS_KEPT = 16
"""Unknown fields with a profile: those whose names have the smallest hashes, since anybody can send names."""

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


def profiles_of_unknown(rows: Iterable[ObservedRow], count: int) -> dict[str, FeatureProfile]:
    """The profiles of the unknown fields that rows held, over so many rows."""
    hashes: dict[str, list[str]] = {}
    for row in rows:
        for name, value in row.unknown.items():
            hashes.setdefault(name, []).append(value)
    return _bounded({name: profile_of_hashes(values, count) for name, values in hashes.items()})


def merged_unknown(parts: Sequence[tuple[int, Mapping[str, FeatureProfile]]]) -> dict[str, FeatureProfile]:
    """The unknown fields of several sets of rows, each with its number of rows: where a set has no such field, no row had it."""
    names = {name for _, fields in parts for name in fields}
    return _bounded({name: unknown_field(parts, name) for name in names})


def unknown_field(parts: Iterable[tuple[int, Mapping[str, FeatureProfile]]], name: str) -> FeatureProfile:
    """One unknown field over all of several sets of rows, which may together have more such fields than are kept."""
    return FeatureProfile.merged(fields.get(name) or FeatureProfile(rows=rows, missing=rows) for rows, fields in parts)


def _bounded(profiles: Mapping[str, FeatureProfile]) -> dict[str, FeatureProfile]:
    return {name: profiles[name] for name in sorted(sorted(profiles, key=order)[:FIELDS_KEPT])}

"""Profiles of fields that the schema does not know, made of hashes of their values alone.

What nobody declared may be anybody's secret, so a sample holds no more of it than a hash (`hyperplan.sample.hashed`). It is enough to tell
a renamed feature: hash the values that the reference has seen of it, and see how many turn up here.
"""

from collections import Counter
from collections.abc import Iterable, Mapping

from hyperplan.profile.categories import CategoryCounts, order
from hyperplan.profile.feature import FeatureProfile
from hyperplan.sample import ObservedRow, hashed

FIELDS_KEPT = 32
"""Unknown fields with a profile: those whose names have the smallest hashes, since anybody can send names."""
HASHES_KEPT = 64
"""Hashes that are kept of one field."""
_NULL = hashed(None)


def hashed_profiles(rows: Iterable[ObservedRow]) -> dict[str, FeatureProfile]:
    """The profile of each unknown field: `rows` counts those that hold it, `values` the hashes of what is not null."""
    counted: dict[str, Counter[str]] = {}
    for row in rows:
        for name, value in row.unknown.items():
            counted.setdefault(name, Counter())[value] += 1
    return bounded_fields({name: _profile(counts) for name, counts in counted.items()})


def _profile(counts: Counter[str]) -> FeatureProfile:
    null = counts.pop(_NULL, 0)
    values = CategoryCounts.of(counts, HASHES_KEPT)
    return FeatureProfile(rows=null + values.total(), null=null, values=values)


def bounded_fields(profiles: Mapping[str, FeatureProfile]) -> dict[str, FeatureProfile]:
    """As many fields as are kept."""
    return {name: profiles[name] for name in sorted(sorted(profiles, key=order)[:FIELDS_KEPT])}

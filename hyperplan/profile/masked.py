"""Profiles of training data in which personal features are masked, so that they can be compared with samples, and told to anybody.

Samples hold a keyed hash of a personal value (`hyperplan.privacy`). Training data is compared with them by the same hashes, which needs the same key. Without
it such a feature is left out: what was in it before it was called personal would look like other values, and must not be told.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from hyperplan.privacy import shown_schema
from hyperplan.profile.columns import Counted
from hyperplan.profile.feature import FeatureProfile
from hyperplan.profile.profile import Profile
from hyperplan.schema import Schema
from hyperplan.secret import Secret, is_hashed_value


def trained_schema(schema: Schema, secret: Secret | None) -> Schema:
    """The schema of what a reference says: that of samples, without what cannot be hashed."""
    shown = shown_schema(schema)
    if secret is not None:
        return shown
    kept = {name: feature for name, feature in shown.features.items() if feature.masking is None}
    return msgspec.structs.replace(shown, features=kept)


def masked_values(values: NDArray[Any] | Counted, secret: Secret) -> Counted:
    """A column of training data as samples show it: hashes, counted, and null."""
    if isinstance(values, Counted):
        counts: Mapping[Any, int] = values.counts
    else:
        counts = _counted(values)
    found: dict[str | None, int] = {}
    for value, count in counts.items():
        shown = None if value is None else secret.value(list(value) if isinstance(value, tuple) else value)
        found[shown] = found.get(shown, 0) + count
    return Counted(found)


def masked_series(schema: Schema, series: Iterable[Profile]) -> list[Profile]:
    """A reference without the features that are personal, and of which it holds something else than hashes."""
    masked = [name for name, feature in schema.features.items() if feature.masking is not None]
    several = list(series)
    gone = {
        name
        for name in masked
        for profile in several
        if name in profile.features
        and (schema.features[name].masking == "drop" or not only_hashes(profile.features[name]))
    }
    return [_without(profile, gone) for profile in several] if gone else several


def only_hashes(profile: FeatureProfile) -> bool:
    """Whether nothing is told of the values of a feature but their hashes."""
    texts = [counts for counts in (profile.values, profile.unseen_values) if counts is not None]
    return (
        profile.numbers is None
        and profile.norms is None
        and not profile.components
        and all(is_hashed_value(value) for counts in texts for value in counts.counts)
    )


def _without(profile: Profile, names: set[str]) -> Profile:
    kept = {name: feature for name, feature in profile.features.items() if name not in names}
    return msgspec.structs.replace(profile, features=kept)


def _counted(array: NDArray[Any]) -> Mapping[Any, int]:
    found: dict[Any, int] = {}
    nulls = np.ma.getmaskarray(array)
    for index, value in enumerate(np.ma.getdata(array).tolist()):
        null = value is None or bool(np.all(nulls[index])) or (isinstance(value, float) and value != value)
        key = None if null else tuple(value) if isinstance(value, list) else value
        found[key] = found.get(key, 0) + 1
    return found

"""Buckets to test with: of the endpoint `flights`, whose rows hold a number `x` and a category `kind`."""

import math
from collections.abc import Sequence
from typing import Any

import msgspec

from hyperplan.profile import Profile
from hyperplan.sample import ObservedRow, Sample
from hyperplan.schema import Category, Float, Schema
from hyperplan.windows import ALL, Bucket, WindowKey

MINUTE = 60 * 10**9
HOUR = 60 * MINUTE
DAY = 24 * HOUR
SCHEMA = Schema(features={"x": Float(min=0, nullable=True), "kind": Category(required=False)})


def profile(values: Sequence[Any], predictions: Sequence[Any] = ()) -> Profile:
    """The profile of rows with these values of `x`, and `kind` a for the odd ones."""
    rows = [ObservedRow({"x": value, "kind": "a" if value and value % 2 else "b"}) for value in values]
    sample = Sample(
        prediction_id="p",
        time=0,
        endpoint="flights",
        plan=1,
        revision=1,
        schema_version="1",
        inclusion=1.0,
        rows=rows,
        predictions=list(predictions),
    )
    return Profile.of_samples(SCHEMA, [sample], "binary")


def bucket(start: int, values: Sequence[Any] = (1.0,), predictions: Sequence[Any] = (), **key: Any) -> Bucket:
    """A bucket that starts at a time, a minute wide, of the model `gbm@1`, of all rows; `key` says what is different."""
    usual = WindowKey("flights", "gbm@1", "gbm@1", ALL, start, 1.0, MINUTE)
    return Bucket(usual._replace(**key), profile(values, predictions))


def same(one: Profile, other: Profile) -> bool:
    """Whether two profiles say the same, up to the rounding of means and deviations, which is all that depends on the order of merging."""

    def alike(a: Any, b: Any) -> bool:
        if isinstance(a, float) and isinstance(b, float):
            return math.isclose(a, b, rel_tol=1e-6, abs_tol=1e-6)
        if isinstance(a, dict) and isinstance(b, dict):
            return a.keys() == b.keys() and all(alike(a[key], b[key]) for key in a)
        if isinstance(a, list) and isinstance(b, list):
            return len(a) == len(b) and all(map(alike, a, b))
        return bool(a == b)

    return alike(msgspec.to_builtins(one), msgspec.to_builtins(other))

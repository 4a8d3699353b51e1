"""Profiles of samples: whatever their values are."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from hyperplan.profile import Profile
from hyperplan.sample import ObservedRow, Sample
from hyperplan.schema import Schema

WILD = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(["distance", "carrier", "other"]), WILD))
def test_no_values_of_a_sample_stop_its_profile(values: dict[str, Any]) -> None:
    for schema in (None, Schema(features={})):
        sample = Sample(
            prediction_id="p",
            time=0,
            endpoint="e",
            plan=1,
            revision=1,
            schema_version="",
            inclusion=1,
            rows=[ObservedRow(values)],
        )
        assert Profile.decode(Profile.of_samples(schema, [sample]).encode()).rows == 1

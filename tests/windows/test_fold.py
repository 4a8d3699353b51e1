"""Samples become buckets: each row in the bucket of its time, model, arm, inclusion, and in each of its slices."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyperplan.endpoint import Endpoint, parse_endpoint
from hyperplan.profile import Profile
from hyperplan.sample import Sample, observe_rows
from hyperplan.schema import Float, Schema, violations_of
from hyperplan.windows import ALL, MOST_VALUES, OTHER, WindowKey, fold, rounded_inclusion, slice_of
from tests.windows.served import same

ENDPOINT = parse_endpoint("""
name: flights
match: { path: /predict }
protocol: json
task: binary
schema:
  features:
    distance: { type: float, min: 0 }
    carrier: { type: category, values: [AA, DL] }
models:
  gbm@1: { url: "http://127.0.0.1:9001/predict", protocol: json }
routing: { split: { gbm@1: 1 } }
""")
SCHEMA = ENDPOINT.schema
BUCKET = 60 * 10**9


def sample(seconds: float = 0.0, rows: list[Any] | None = None, **fields: Any) -> Sample:
    rows = [{"distance": 100.0, "carrier": "AA"}] if rows is None else rows
    defaults: dict[str, Any] = {
        "prediction_id": "p",
        "time": round(seconds * 1e9),
        "endpoint": "flights",
        "plan": 1,
        "revision": 1,
        "schema_version": "1",
        "chosen": "gbm@1",
        "answered": "gbm@1",
        "inclusion": 1.0,
        "rows": observe_rows(SCHEMA, rows),
        "violations": list(violations_of(SCHEMA, rows)),
    }
    return Sample(**(defaults | fields))


def key(part: str = ALL, start: int = 0, **fields: Any) -> WindowKey:
    return WindowKey("flights", "gbm@1", "gbm@1", part, start, 1.0, BUCKET)._replace(**fields)


def folded(*samples: Sample, endpoint: Endpoint = ENDPOINT) -> dict[WindowKey, Profile]:
    return fold(lambda _: endpoint, samples, BUCKET)


def test_rows_of_one_minute_model_arm_and_inclusion_share_a_bucket() -> None:
    samples = [sample(seconds) for seconds in (0, 20, 59.9)]
    assert folded(*samples) == {key(): Profile.of_samples(SCHEMA, samples)}


@pytest.mark.parametrize(
    ("other", "place"),
    [
        ({"answered": "logit@1"}, {"model": "logit@1"}),
        ({"answered": None}, {"model": "gbm@1"}),
        ({"inclusion": 0.1}, {"inclusion": 0.1}),
        ({"endpoint": "trains"}, {"endpoint": "trains"}),
    ],
)
def test_a_bucket_is_for_one_endpoint_model_arm_and_inclusion(other: Any, place: Any) -> None:
    assert key(**place) in folded(sample(**other))


def test_what_was_rejected_is_profiled_under_no_model() -> None:
    refused = sample(rows=[{"distance": "far"}], chosen=None, answered=None, rejected=True)
    profile = folded(refused)[key(model="", arm="")]
    assert (profile.features["distance"].wrong_type, profile.features["carrier"].missing) == (1, 1)


def test_a_late_sample_goes_to_the_bucket_of_its_own_time() -> None:
    found = folded(sample(3600), sample(3601), sample(5))
    assert {place.start: profile.rows for place, profile in found.items()} == {3600 * 10**9: 2, 0: 1}


def test_a_sample_from_a_clock_before_1970_gets_a_bucket_all_the_same() -> None:
    assert [place.start for place in folded(sample(-1))] == [-BUCKET]


def test_each_slice_of_a_sample_has_a_bucket_beside_that_of_all_rows() -> None:
    found = folded(
        sample(slices={"origin": "EWR", "header:x-app": "ios"}),
        sample(slices={"origin": "JFK", "header:x-app": "ios"}),
        sample(slices={}),
    )
    assert {place.slice: profile.rows for place, profile in found.items()} == {
        ALL: 3,
        "origin=EWR": 1,
        "origin=JFK": 1,
        "header:x-app=ios": 2,
    }


def test_the_rarest_of_too_many_values_of_a_slice_share_a_bucket() -> None:
    frequent = [sample(slices={"user": str(user)}) for user in range(MOST_VALUES) for _ in range(2)]
    rare = [sample(slices={"user": f"rare-{user}"}) for user in range(50)]
    found = folded(*frequent, *rare)
    assert len(found) == MOST_VALUES + 2
    assert found[key(slice_of("user", OTHER))].rows == 50
    assert found[key(slice_of("user", "0"))].rows == 2


SLICES = st.dictionaries(st.sampled_from(["origin", "day"]), st.sampled_from("abc"))
SAMPLES = st.lists(st.tuples(SLICES, st.sampled_from(["gbm@1", "logit@1"])), max_size=12)


@given(drawn=SAMPLES, times=st.sampled_from([1, 60]))
def test_every_bucket_is_the_profile_of_just_its_samples(drawn: list[tuple[dict[str, str], str]], times: int) -> None:
    samples = [
        sample(rows=[{"distance": float(index), "carrier": "AA"}], slices=slices, answered=model, predictions=[0.5])
        for index, (slices, model) in enumerate(drawn * times)
    ]
    found = folded(*samples)
    assert sum(profile.rows for place, profile in found.items() if place.slice == ALL) == len(samples)
    for place, profile in found.items():
        members = [
            one
            for one in samples
            if one.answered == place.model
            and place.slice in (ALL, *(slice_of(part, value) for part, value in one.slices.items()))
        ]
        assert same(profile, Profile.of_samples(SCHEMA, members, ENDPOINT.task))


def test_a_feature_that_appears_in_mid_day_is_absent_before_not_missing() -> None:
    later = msgspec.structs.replace(ENDPOINT, schema=Schema(features=SCHEMA.features | {"origin": Float()}))
    before = folded(sample(0))[key()]
    after = folded(sample(0, rows=[{"distance": 1.0, "carrier": "AA"}]), endpoint=later)[key()]
    assert "origin" not in before.features
    assert Profile.merged([before, after]).features["origin"].rows == 1


@pytest.mark.parametrize(("inclusion", "expected"), [(1.0, 1.0), (0.0123, 0.012), (0.999, 1.0), (3e-7, 3e-7)])
def test_inclusion_probabilities_are_kept_to_two_digits(inclusion: float, expected: float) -> None:
    assert rounded_inclusion(inclusion) == expected


@pytest.mark.parametrize("nonsense", [0.0, -0.5, 1.5, float("nan"), float("inf")])
def test_what_is_no_probability_counts_as_one(nonsense: float) -> None:
    assert rounded_inclusion(nonsense) == 1.0

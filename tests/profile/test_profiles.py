"""Profiles of rows, samples and columns."""

import math
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyperplan.comparison.readings import THRESHOLD, reader
from hyperplan.endpoint import Task
from hyperplan.profile import FeatureProfile, Numbers, Profile, Reference, Scale
from hyperplan.profile.hashed import FIELDS_KEPT
from hyperplan.sample import ObservedRow, Sample, hashed, observe_rows
from hyperplan.schema import Bool, Category, Float, Int, NumberList, Schema, String, violations_of

SCHEMA = Schema(
    features={
        "x": Float(min=-10, max=100, aliases=("ex",)),
        "n": Int(nullable=True),
        "flag": Bool(required=False),
        "name": String(required=False),
        "color": Category(values=("red", "green")),
        "kind": Category(required=False),
        "vector": NumberList(length=2, min=-5, max=5, required=False),
    }
)

ANYTHING = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=3),
    st.lists(st.integers(), max_size=3),
    st.just({}),
)
NUMBERS = st.floats(-1000, 1000) | st.integers(-1000, 1000)
GOOD = {
    "x": NUMBERS,
    "n": st.integers(-100, 100),
    "flag": st.booleans(),
    "name": st.text(max_size=2),
    "color": st.sampled_from(["red", "green", "blue"]),
    "kind": st.sampled_from("abc"),
    "vector": st.lists(st.floats(-10, 10), min_size=2, max_size=2),
}
WILD_ROWS = st.lists(
    st.fixed_dictionaries(
        {}, optional={name: good | ANYTHING for name, good in GOOD.items()} | {"ex": NUMBERS, "what": ANYTHING}
    )
    | st.just("no row")
)
TIDY_ROWS = st.lists(st.fixed_dictionaries({name: good | st.none() for name, good in GOOD.items()}))


def alike(one: Any, other: Any) -> bool:
    """Whether two profiles are the same but for the rounding of moments, which is all that depends on the order of merging."""
    if isinstance(one, Profile):
        return alike(msgspec.to_builtins(one), msgspec.to_builtins(other))
    if isinstance(one, float):
        return math.isclose(one, other, rel_tol=1e-6, abs_tol=1e-9)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(alike(value, other[key]) for key, value in one.items())
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(alike, one, other))
    return bool(one == other)


def sample(rows: list[Any], schema: Schema = SCHEMA, predictions: list[Any] | None = None) -> Sample:
    return Sample(
        prediction_id="p",
        time=0,
        endpoint="e",
        plan=1,
        revision=1,
        schema_version=schema.version(),
        inclusion=1.0,
        rows=observe_rows(schema, rows),
        violations=list(violations_of(schema, rows)),
        predictions=predictions or [],
    )


@given(TIDY_ROWS)
def test_rows_and_columns_give_the_same_profile(rows: list[dict[str, Any]]) -> None:
    columns: dict[str, np.ndarray[Any, Any]] = {}
    for name in SCHEMA.features:
        values = [row[name] for row in rows]
        column: np.ndarray[Any, Any] = np.empty(len(rows), object)
        column[:] = values
        if name in ("x", "n"):
            numbers = [0.0 if value is None else float(value) for value in values]
            column = np.ma.masked_array(numbers, [value is None for value in values])
        columns[name] = column
    assert Profile.of_columns(SCHEMA, columns) == Profile.of_rows(SCHEMA, rows)


@given(st.lists(st.none() | st.floats() | st.integers()))
def test_a_masked_array_and_an_array_of_objects_give_the_same_profile(values: list[Any]) -> None:
    schema = Schema(features={"x": Float(min=0, max=10)})
    doubles = [0.0 if value is None else float(value) for value in values]
    masked = np.ma.masked_array(doubles, [value is None for value in values], dtype=np.float64)
    objects = np.array([None if value is None else float(value) for value in values], object)
    assert Profile.of_columns(schema, {"x": masked}) == Profile.of_columns(schema, {"x": objects})


@given(WILD_ROWS)
def test_counts_agree_with_the_checker(rows: list[Any]) -> None:
    profile = Profile.of_rows(SCHEMA, rows)
    expected: dict[tuple[str, str], int] = {}
    for violation in violations_of(SCHEMA, rows):
        if violation.kind == "renamed" or any(
            other.kind == "renamed" and (other.row, other.feature) == (violation.row, violation.feature)
            for other in violations_of(SCHEMA, rows)
        ):
            continue
        key = (violation.feature, violation.kind)
        expected[key] = expected.get(key, 0) + 1
    assert profile.broken == expected.pop(("", "type"), 0)
    for name, feature in SCHEMA.features.items():
        if name == "x":
            continue  # a renamed value is held against the feature too, which the checker leaves out
        found = profile.features[name].violations(required=feature.required, nullable=feature.nullable)
        assert found == {kind: expected[name, kind] for (other, kind) in expected if other == name}


@given(WILD_ROWS)
def test_a_sample_gives_the_profile_of_its_rows(rows: list[Any]) -> None:
    from_rows, from_sample = Profile.of_rows(SCHEMA, rows), Profile.of_samples(SCHEMA, [sample(rows)])
    assert (from_sample.rows, from_sample.broken) == (from_rows.rows, from_rows.broken)
    for name in SCHEMA.features:
        if name == "x" and from_rows.features[name].renamed:
            continue  # what an alias held may have been shortened
        assert from_sample.features[name] == from_rows.features[name]


@given(st.lists(WILD_ROWS, max_size=4), st.integers(0, 4))
def test_profiles_merge_to_the_profile_of_all_rows(parts: list[list[Any]], cut: int) -> None:
    profiles = [Profile.of_rows(SCHEMA, part) for part in parts]
    whole = Profile.of_rows(SCHEMA, [row for part in parts for row in part])
    grouped = Profile.merged([Profile.merged(profiles[cut:]), Profile.merged(profiles[:cut])])
    assert alike(Profile.merged([*profiles, Profile.of_rows(SCHEMA, [])]), whole)
    assert alike(Profile.merged([grouped, Profile.of_rows(SCHEMA, [])]), whole)


@given(WILD_ROWS)
def test_an_encoded_profile_comes_back(rows: list[Any]) -> None:
    profile = Profile.of_rows(SCHEMA, rows)
    assert Profile.decode(profile.encode()) == profile


@pytest.mark.parametrize("data", [b"", b"\x93\x01\x02\xff", b"\xff", b"\x91\x02", b"\x92\x01\xff", b"\x91" * 5000])
def test_what_is_no_profile_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="not a profile"):
        Profile.decode(data)


def test_a_renamed_feature_is_counted_and_its_values_are_kept() -> None:
    rows = [{"ex": 5.0, "n": 1, "color": "red"}]
    for profile in (Profile.of_rows(SCHEMA, rows), Profile.of_samples(SCHEMA, [sample(rows)])):
        feature = profile.features["x"]
        assert (feature.renamed, feature.missing, feature.usable) == (1, 0, 1)
        assert not profile.unknown.counts


def test_unknown_fields_are_counted_by_name() -> None:
    rows = [{"x": 1.0, "n": 1, "color": "red", "extra": 1}, {"x": 1.0, "n": 1, "color": "red", "extra": 2}]
    assert Profile.of_samples(SCHEMA, [sample(rows)]).unknown.counts == {"extra": 2}


def test_a_structure_in_place_of_a_string_is_of_the_wrong_type() -> None:
    feature = Profile.of_samples(SCHEMA, [sample([{"name": {"first": "Ada"}}])]).features["name"]
    assert (feature.wrong_type, feature.values and feature.values.total()) == (1, 0)


def test_a_flood_of_unseen_values_does_not_push_out_those_that_the_schema_lists() -> None:
    rows = [{"color": f"shade-{index}"} for index in range(5000)] + [{"color": "red"}] * 3
    feature = Profile.of_rows(SCHEMA, rows).features["color"]
    assert feature.values
    assert feature.values.counts == {"red": 3}
    assert feature.unseen == 5000


def test_samples_without_a_schema_are_profiled_by_what_their_values_are() -> None:
    row = ObservedRow({"a": 1, "b": "text", "c": True, "d": [3.0, 4.0], "e": None})
    observed = Sample(
        prediction_id="p",
        time=0,
        endpoint="e",
        plan=1,
        revision=1,
        schema_version="?",
        inclusion=1.0,
        rows=[row, ObservedRow({"a": 2.5})],
    )
    features = Profile.of_samples(None, [observed]).features
    assert features["a"].numbers
    assert features["a"].numbers.moments.mean == 1.75
    assert features["b"].values
    assert features["b"].values.counts == {"text": 1}
    assert features["c"].values
    assert features["c"].values.counts == {"true": 1}
    assert features["d"].norms
    assert features["d"].norms.moments.mean == 5.0
    assert (features["e"].null, features["e"].missing) == (1, 1)


def test_a_feature_without_a_column_is_missing_from_every_row() -> None:
    profile = Profile.of_columns(SCHEMA, {"x": np.array([1.0, 2.0]), "label": np.array([0, 1])})
    assert profile.features["n"] == FeatureProfile(rows=2, missing=2, numbers=profile.features["n"].numbers)
    assert "label" not in profile.features


def test_a_reference_merges_its_series_and_comes_back() -> None:
    chunks = [Profile.of_rows(SCHEMA, [{"x": float(value)}]) for value in range(3)]
    reference = Reference(endpoint="e", model="m@1", made_at=1.5, rows=3, series=chunks)
    assert reference.merged() == Profile.merged(chunks)
    assert Reference.decode(reference.encode()) == reference


def test_a_reference_that_miscounts_its_rows_is_refused() -> None:
    with pytest.raises(ValueError, match="rows of a reference"):
        Reference(endpoint="e", model="m@1", made_at=0, rows=7, series=[])
    with pytest.raises(ValueError, match="not a reference"):
        Reference.decode(b"garbage")


OLD = bytes.fromhex(
    "9501030083a1789b030001000000009293d2ffefffddc4050438002000c4030101019502cbbfd0000000000000cb4018800000000000cbc000000000000000"
    "cb3ff8000000000000c0c0c0a1639b03010000000100c093cd03e881a1610100936481a1620100c0a1769b03020000000000c0c0c09293ce00100051c400c4"
    "0201019501cb4014000000000000cb0000000000000000cb4014000000000000cb4014000000000000936481a1790100"
)
"""What the first version encoded of the rows below."""


def test_profiles_that_were_encoded_with_fewer_summaries_are_read_and_merged() -> None:
    schema = Schema(features={"x": Float(), "c": Category(values=("a",)), "v": NumberList(length=2)})
    rows = [{"x": 1.5, "c": "a", "v": [3, 4]}, {"x": None, "c": "b", "y": 1}, {"x": -2}]
    old, new = Profile.decode(OLD), Profile.of_rows(schema, rows)
    assert (old.outputs, old.unknown_profiles, old.features["v"].components) == ({}, {}, [])
    assert old.features["x"].numbers
    assert new.features["x"].numbers
    assert old.features["x"].numbers.sketch == new.features["x"].numbers.sketch
    assert old.features["x"].numbers.resolution.count == 0
    merged = Profile.merged([old, new]).features["x"].numbers
    assert merged
    assert (merged.moments.count, merged.resolution.count, merged.frequent.total()) == (4, 2, 2)


def test_nan_is_told_apart_from_null_where_the_source_can() -> None:
    schema = Schema(features={"x": Float(), "c": Category()})
    values = [1.0, np.nan, 3.0]
    plain = Profile.of_columns(schema, {"x": np.array(values), "c": np.array(["a", np.nan, None], object)})
    masked = Profile.of_columns(schema, {"x": np.ma.masked_array(values, [False, False, True])})
    rows = Profile.of_rows(schema, [{"x": value} for value in (1.0, float("nan"), None)])
    assert (plain.features["x"].nan, plain.features["x"].null, plain.features["c"].null) == (0, 1, 2)
    for profile in (masked, rows):
        feature = profile.features["x"]
        assert (feature.nan, feature.null, feature.wrong_type, feature.usable) == (1, 1, 0, 1)
        assert feature.violations(required=True, nullable=True) == {"type": 1}


def test_nan_of_a_rejected_sample_is_counted_as_nan() -> None:
    rows = [{"x": float("nan"), "n": 1, "color": "red"}, {"x": {}, "n": 1, "color": "red"}]
    feature = Profile.of_samples(SCHEMA, [sample(rows)]).features["x"]
    assert (feature.nan, feature.wrong_type) == (1, 1)


def test_lists_are_kept_by_component_and_norm() -> None:
    schema = Schema(features={"v": NumberList(length=100)})
    vectors = np.random.default_rng(0).normal(size=(50, 100))
    feature = Profile.of_rows(schema, [{"v": vector.tolist()} for vector in vectors]).features["v"]
    assert len(feature.components) == 64
    assert feature.components[63] == Numbers.outline(vectors[:, 63])
    assert feature.norms
    assert feature.norms.moments.mean == pytest.approx(np.linalg.norm(vectors, axis=1).mean())


EIGHTHS = st.integers(-16, 16).map(lambda eighths: eighths / 8)
"""Numbers of which sums lose nothing."""
PREDICTIONS: st.SearchStrategy[list[Any]] = st.lists(
    st.none()
    | EIGHTHS
    | st.integers(-9, 9)
    | st.sampled_from(["late", "early", math.nan, math.inf, 1e200])
    | st.lists(EIGHTHS, max_size=3)
    | st.just({})
)


@given(st.lists(PREDICTIONS, max_size=3), st.sampled_from(["binary", "multiclass", "regression"]))
def test_outputs_are_what_comparisons_read(parts: list[list[Any]], task: Task) -> None:
    everything = [prediction for part in parts for prediction in part]
    samples = [sample([], predictions=part) for part in parts]
    profile = Profile.of_samples(None, samples, task)
    merged = Profile.merged(Profile.of_samples(None, [each], task) for each in samples)
    assert alike(merged, profile)
    if not everything:
        assert profile.outputs == {}
        return
    readings = [reader(task, THRESHOLD)(prediction) for prediction in everything]
    outputs = profile.outputs["prediction"]
    assert (outputs.rows, outputs.null) == (len(everything), everything.count(None))
    assert outputs.usable == sum(reading is not None for reading in readings)


def test_outputs_of_each_task() -> None:
    def outputs(task: Task, *predictions: Any) -> dict[str, FeatureProfile]:
        return Profile.of_samples(None, [sample([], predictions=list(predictions))], task).outputs

    binary = outputs("binary", 0.25, [0.25, 0.75])["prediction"].numbers
    assert binary
    assert binary.moments.mean == 0.5
    regression = outputs("regression", 10.0, 20)["prediction"].numbers
    assert regression
    assert regression.moments.mean == 15.0
    multiclass = outputs("multiclass", [0.1, 0.9], "late")
    assert multiclass["prediction"].values
    assert multiclass["prediction"].values.counts == {"1": 1, "late": 1}
    assert multiclass["confidence"].numbers
    assert multiclass["confidence"].numbers.moments.mean == 0.9
    assert "confidence" not in outputs("multiclass", "late")
    assert Profile.of_samples(None, [sample([], predictions=[1.0])]).outputs == {}


def test_unknown_fields_are_profiled_by_hashes_alone() -> None:
    rows = [{"x": 1.0, "extra": value} for value in ("secret", "secret", None, 5)] + [{"x": 1.0}]
    profile = Profile.of_samples(SCHEMA, [sample(rows)])
    extra = profile.unknown_profiles["extra"]
    assert (extra.rows, extra.missing, extra.null) == (5, 1, 1)
    assert extra.values
    assert extra.values.counts == {hashed("secret"): 2, hashed(5): 1}
    assert b"secret" not in profile.encode()


@given(st.lists(st.lists(st.sets(st.integers(0, 60)), max_size=4), max_size=3))
def test_profiles_of_unknown_fields_merge_and_are_bounded(parts: list[list[set[int]]]) -> None:
    samples = [sample([{f"field{name}": name for name in names} for names in part]) for part in parts]
    whole = Profile.of_samples(SCHEMA, samples)
    empty = Profile.of_samples(SCHEMA, [])
    merged = Profile.merged([empty, *(Profile.of_samples(SCHEMA, [each]) for each in samples)])
    assert merged.unknown_profiles == whole.unknown_profiles
    assert len(whole.unknown_profiles) <= FIELDS_KEPT


def test_a_scaled_profile_has_all_its_counts_scaled() -> None:
    rows: list[Any] = [{"x": 1000, "ex": 1}, {"n": None, "color": "blue", "what": 1}, {"flag": 1, "vector": [1, 2]}, 7]
    once = Profile.of_samples(SCHEMA, [sample(rows, predictions=[0.5])], "binary")
    assert alike(once.scaled(Scale(3)), Profile.merged([once] * 3))
    assert once.scaled(Scale(1)) == once

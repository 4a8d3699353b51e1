"""Profiles of rows, samples and columns."""

from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyperplan.profile import FeatureProfile, Profile, Reference
from hyperplan.sample import ObservedRow, Sample, observe_rows
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


def approximately(profile: Profile) -> Any:
    """A profile with its moments rounded, which are all that depends on the order of merging."""

    def rounded(value: Any) -> Any:
        if isinstance(value, float):
            return float(f"{value:.6g}")
        if isinstance(value, dict):
            return {key: rounded(item) for key, item in value.items()}
        return [rounded(item) for item in value] if isinstance(value, list | tuple) else value

    return rounded(msgspec.to_builtins(profile))


def sample(rows: list[Any], schema: Schema = SCHEMA) -> Sample:
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
    assert approximately(Profile.merged([*profiles, Profile.of_rows(SCHEMA, [])])) == approximately(whole)
    assert approximately(Profile.merged([grouped, Profile.of_rows(SCHEMA, [])])) == approximately(whole)


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

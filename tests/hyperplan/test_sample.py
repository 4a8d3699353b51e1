"""A sample travels as msgpack between versions, keeps what is small, and holds no value that nobody declared."""

import json
import math
from typing import Any

import msgpack
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyperplan.inspection import Inspector
from hyperplan.protocols import PROTOCOLS, Speaker
from hyperplan.sample import LONGEST_TEXT, MOST_ROWS, ObservedRow, Sample, bounded, hashed, observe_rows
from hyperplan.schema import Float, Int, Schema, String, Violation

SCHEMA = Schema(features={"delay": Float(aliases=("dep_delay",)), "tail": String(required=False)})


def sample(**changes: Any) -> Sample:
    required: dict[str, Any] = {
        "prediction_id": "p",
        "time": 1,
        "endpoint": "e",
        "plan": 2,
        "revision": 3,
        "schema_version": "v",
    }
    return Sample(**required, **({"inclusion": 0.1} | changes))


FULL = sample(
    entity="N14228",
    chosen="gbm@1",
    answered="logit@1",
    attempts=2,
    propensity=0.9,
    status=200,
    latency=0.012,
    slices={"carrier": "AA"},
    rows=[ObservedRow({"delay": 1.5, "tail": None, "v": [1, 2.5]}, {"x": "0011223344556677"})],
    rows_seen=1,
    violations=[Violation(0, "delay", "range", "at least 2", "1.5")],
    flaw="no_rows",
    rejected=True,
    predictions=[0.25, [0.75, 0.25], {"p": 1}, "late"],
)


def test_a_full_sample_survives_its_encoding() -> None:
    assert Sample.decode(FULL.encode()) == FULL


@pytest.mark.parametrize("predictions", [[], FULL.predictions, ["\ud800", 1]])
def test_the_predictions_of_an_encoded_sample_are_those_of_the_sample(predictions: list[Any]) -> None:
    full = msgspec.structs.replace(FULL, predictions=predictions, entity="\ud800")
    assert Sample.predictions_in(full.encode()) == predictions


def test_a_small_sample_survives_its_encoding() -> None:
    assert Sample.decode(sample().encode()) == sample()


def test_fields_of_a_later_version_are_passed_over() -> None:
    plain = msgpack.unpackb(FULL.encode())
    plain["colour"] = "red"
    plain["rows"][0]["weight"] = 2
    assert Sample.decode(msgpack.packb(plain)) == FULL


def test_fields_that_an_earlier_version_lacks_take_their_defaults() -> None:
    plain = msgpack.unpackb(sample(status=200).encode())
    required = {field.name for field in msgspec.structs.fields(Sample) if field.required}
    assert Sample.decode(msgpack.packb({key: plain[key] for key in required})) == sample()


@given(st.binary())
def test_any_bytes_are_a_sample_or_a_value_error(data: bytes) -> None:
    with pytest.raises(ValueError, match="not a sample"):
        Sample.decode(data)


@given(st.data())
def test_a_sample_with_some_bytes_changed_is_a_sample_or_a_value_error(data: st.DataObject) -> None:
    encoded = bytearray(FULL.encode())
    for _ in range(data.draw(st.integers(1, 4))):
        encoded[data.draw(st.integers(0, len(encoded) - 1))] = data.draw(st.integers(0, 255))
    del encoded[data.draw(st.integers(0, len(encoded))) :]
    try:
        assert isinstance(Sample.decode(bytes(encoded)), Sample)
    except ValueError as error:
        assert "not a sample" in str(error)  # noqa: PT017 - both ends are good


@pytest.mark.parametrize(
    "data",
    [
        b"\x91" * 100_000,
        b"\xdf\xff\xff\xff\xff",
        b"\xc6\xff\xff\xff\xff",
        b"\x81\x80\x01",
        b"\x81\x90\x01",
        b"\xd6\xff\x00\x00\x00\x00",
        b"\xc7\x0c\xff" + b"\xff" * 12,
    ],
)
def test_hostile_msgpack_is_a_value_error(data: bytes) -> None:
    with pytest.raises(ValueError, match="not a sample"):
        Sample.decode(data)


TEXT = st.text(st.characters(), max_size=8) | st.sampled_from(["\ud800", "x" * 1000, "\ud83d", "é" * 300])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.integers(-(10**400), 10**400) | st.floats() | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=10,
)


def alike(first: Any, second: Any) -> bool:
    """Equal, where NaN is equal to itself and 1 is not True."""
    return repr(first) == repr(second)


@given(JSON)
def test_any_json_is_bounded_to_what_msgpack_holds(value: Any) -> None:
    small = bounded(value)
    assert alike(msgpack.unpackb(msgpack.packb(small)), small)


@given(JSON)
def test_bounding_twice_changes_nothing_more(value: Any) -> None:
    assert alike(bounded(bounded(value)), bounded(value))


@given(
    st.none()
    | st.booleans()
    | st.floats()
    | st.integers(-(2**63), 2**64 - 1)
    | st.text(st.characters(codec="utf-8"), max_size=LONGEST_TEXT)
)
def test_small_values_are_kept_as_they_are(value: Any) -> None:
    assert alike(bounded(value), value)
    assert alike(bounded([1, value, 2.5]), [1, value, 2.5] if isinstance(value, int | float) else "a list")


@pytest.mark.parametrize(
    ("value", "small"),
    [
        (2**64, float(2**64)),
        (-(2**63) - 1, -float(2**63)),
        (10**400, math.inf),
        (-(10**400), -math.inf),
        ("x" * 1000, "x" * LONGEST_TEXT),
        ("a\ud800b", "a?b"),
        ([1, "x"], "a list"),
        ([[1]], "a list"),
        ([], []),
        ({"a": 1}, "an object"),
        ([2**64], [float(2**64)]),
    ],
)
def test_what_is_large_or_no_feature_becomes_small(value: Any, small: Any) -> None:
    assert alike(bounded(value), small)


def test_declared_features_are_kept_and_the_values_of_others_hashed() -> None:
    [row] = observe_rows(SCHEMA, [{"delay": 1, "tail": None, "x": "secret"}])
    assert row.values == {"delay": 1, "tail": None}
    assert set(row.unknown) == {"x"}
    assert len(row.unknown["x"]) == 16


def test_equal_values_of_unknown_fields_have_equal_hashes() -> None:
    one, same, other = observe_rows(SCHEMA, [{"x": [1, {"a": 2}]}, {"x": [1, {"a": 2}]}, {"x": [1, {"a": 3}]}])
    assert one.unknown == same.unknown != other.unknown


@pytest.mark.parametrize(("one", "other"), [(5, 5.0), (0, -0.0), (10**22, 1e22), ([1, [2]], [1.0, [2.0]])])
def test_a_number_has_one_hash_however_it_is_written(one: Any, other: Any) -> None:
    assert hashed(one) == hashed(other)


@pytest.mark.parametrize(("one", "other"), [(5, "5"), (1, True), (0, None), (0.1, 0.2), (2**53, 2**53 + 1), ("a", "A")])
def test_different_values_have_different_hashes(one: Any, other: Any) -> None:
    assert hashed(one) != hashed(other)


@pytest.mark.parametrize(
    ("value", "digits"),
    [
        (5, "8b54089fee8d99a0"),
        (0.5, "23d7c4ddf8924c03"),
        ("a", "9f831472c270fbe9"),
        (None, "536fd5a56c585c00"),
        (True, "2dec20237ee10e83"),
        ({"a": 1.0}, "9c74a057a0969b93"),
    ],
)
def test_hashes_of_earlier_versions_still_hold(value: Any, digits: str) -> None:
    """Samples wait in spools and profiles in stores while a version changes."""
    assert hashed(value) == digits


def test_a_renamed_feature_is_kept_under_its_own_name() -> None:
    assert observe_rows(SCHEMA, [{"dep_delay": 5}]) == [ObservedRow({"delay": 5})]


def test_an_alias_beside_its_feature_does_not_take_its_place() -> None:
    for row in ({"dep_delay": 5, "delay": 1}, {"delay": 1, "dep_delay": 5}):
        assert observe_rows(SCHEMA, [row])[0].values == {"delay": 1}


def test_rows_that_are_no_objects_are_empty() -> None:
    assert observe_rows(SCHEMA, [5, None, ["secret"], "secret"]) == [ObservedRow()] * 4


def test_a_sample_keeps_some_rows_only() -> None:
    assert len(observe_rows(SCHEMA, [{"delay": 1}] * 1000)) == MOST_ROWS


def test_a_value_that_nests_as_deep_as_json_can_be_read_is_hashed() -> None:
    deep: Any = "secret"
    for _ in range(5000):
        deep = [deep]
    [row] = observe_rows(SCHEMA, [{"x": deep}])
    assert set(row.unknown) == {"x"}


def encoded(body: str, schema: Schema = SCHEMA) -> bytes:
    """The sample of a body, with all that an inspection found."""
    inspection = Inspector(schema, PROTOCOLS["json"](Speaker(schema.features))).inspect(body.encode())
    rows = observe_rows(schema, inspection.plain_rows(10**6))
    return sample(rows=rows, violations=list(inspection.violations), flaw=inspection.flaw).encode()


@given(
    st.dictionaries(
        st.sampled_from(["x", "y", "delay", "dep_delay"]),
        st.sampled_from(["SECRET", "SECRET" * 99, ["SECRET"], {"SECRET": "SECRET"}]),
    ),
    st.sampled_from(["reject", "warn", "ignore"]),
)
def test_values_of_unknown_fields_never_appear_in_the_encoded_sample(row: dict[str, Any], on_unknown: Any) -> None:
    schema = Schema(features={"hour": Int(required=False)}, on_unknown=on_unknown)
    assert b"SECRET" not in encoded(json.dumps([row]), schema)


@given(JSON)
def test_a_sample_of_any_body_can_be_encoded_read_and_stored(body: Any) -> None:
    found = Sample.decode(encoded(json.dumps([{"delay": body, "tail": body, "x": body, "\ud800": body}, body])))
    for row in found.rows:
        for text in (*row.values, *row.unknown, *(value for value in row.values.values() if isinstance(value, str))):
            assert len(text.encode()) <= 4 * LONGEST_TEXT
    for violation in found.violations:
        assert len(msgspec.json.encode(violation)) < 1000

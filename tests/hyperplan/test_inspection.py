"""A body is held against its endpoint: whatever it is, the answer is rows, violations or a flaw, and never an exception."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyperplan.inspection import LISTED, Flaw, Inspection, Inspector
from hyperplan.protocols import MOST_ROWS, PROTOCOLS, Speaker
from hyperplan.schema import Category, Float, Int, NumberList, Schema, String

SCHEMA = Schema(
    features={
        "delay": Float(nullable=True, aliases=("dep_delay",)),
        "carrier": Category(values=("AA", "NO")),
        "hour": Int(min=0, max=23),
        "tail": String(required=False),
    }
)
ROW = {"delay": 1.5, "carrier": "NO", "hour": 5}


def inspect(body: bytes | str, protocol: str = "tfserving", schema: Schema = SCHEMA) -> Inspection:
    return Inspector(schema, PROTOCOLS[protocol](Speaker(schema.features))).inspect(
        body.encode() if isinstance(body, str) else body
    )


def found(inspection: Inspection) -> list[tuple[int, str, str]]:
    return [(violation.row, violation.feature, violation.kind) for violation in inspection.violations]


BODIES: dict[str, list[Any]] = {
    "tfserving": [{"instances": [ROW, ROW]}, {"signature_name": "s", "instances": [ROW, ROW]}],
    "kserve": [{"instances": [ROW, ROW]}],
    "mlflow": [{"instances": [ROW, ROW]}, {"dataframe_records": [ROW, ROW]}, {"inputs": [ROW, ROW]}],
    "json": [[ROW, ROW]],
}
COLUMNS = {key: [value, value] for key, value in ROW.items()}
DATATYPES = {"delay": "FP32", "carrier": "BYTES", "hour": "INT64"}
TENSORS = [{"name": key, "datatype": DATATYPES[key], "data": values} for key, values in COLUMNS.items()]
BODIES["oip"] = [
    {"id": "7", "inputs": [tensor | {"shape": shape} for tensor in TENSORS], "outputs": [{"name": "predict"}]}
    for shape in ([2], [2, 1])
]
BODIES["tfserving"].append({"inputs": COLUMNS})
BODIES["mlflow"].append({"inputs": COLUMNS})
BODIES["mlflow"].append({"dataframe_split": {"columns": list(ROW), "data": [list(ROW.values())] * 2}, "params": {}})


@pytest.mark.parametrize(("protocol", "body"), [(name, body) for name, bodies in BODIES.items() for body in bodies])
def test_a_good_body_has_its_rows_and_nothing_else(protocol: str, body: Any) -> None:
    inspection = inspect(json.dumps(body), protocol)
    assert (inspection.flaw, inspection.detail, list(inspection.violations)) == (None, "", [])
    assert inspection.plain_rows(10**6) == [ROW, ROW]
    assert inspection.first("carrier") == "NO"
    assert inspection.first("tail") is None


def test_the_first_row_names_the_entity_whether_it_is_good_or_bad() -> None:
    rows = [ROW | {"tail": "N14228"}, ROW | {"tail": "N24211"}]
    assert inspect(json.dumps({"instances": rows})).first("tail") == "N14228"
    rows[0]["hour"] = 24
    assert inspect(json.dumps({"instances": rows})).first("tail") == "N14228"
    assert inspect('{"instances": [5]}').first("tail") is None
    assert inspect("").first("tail") is None


FLAWS: list[tuple[bytes, Flaw]] = [
    (b"", "empty"),
    (b" ", "not_json"),
    (b"{", "not_json"),
    (b"instances", "not_json"),
    (b'{"instances": [{"hour": 01}]}', "not_json"),
    (b'{"instances": [{"hour": 1}]} x', "not_json"),
    (b"\xef\xbb\xbf{}", "not_json"),
    (b"{'instances': []}", "not_json"),
    (b'{"instances": [{"carrier": "\xff"}]}', "encoding"),
    (b"\x1f\x8b\x08\x00\x00", "encoding"),
    ("{}".encode("utf-16"), "encoding"),
    (b"[" * 10_000_000, "too_deep"),
    (b'{"a":' * 2_000_000, "too_deep"),
    (b'{"instances": ' + b"[" * 5000 + b"]" * 5000 + b"}", "too_deep"),
    (b"{}", "no_rows"),
    (b"[]", "no_rows"),
    (b"5", "no_rows"),
    (b"null", "no_rows"),
    (b"NaN", "no_rows"),
    (b'"x"', "no_rows"),
    (b'{"instances": []}', "no_rows"),
    (b'{"instances": {}}', "no_rows"),
    (b'{"instances": null}', "no_rows"),
    (b'{"instances": [{}], "inputs": {"a": [1]}}', "no_rows"),
    (b'{"inputs": {}}', "no_rows"),
    (b'{"inputs": {"a": [1], "b": [1, 2]}}', "no_rows"),
    (b'{"inputs": {"a": []}}', "no_rows"),
]


@pytest.mark.parametrize(("body", "flaw"), FLAWS, ids=lambda value: str(value)[:30])
def test_a_body_without_rows_has_a_flaw(body: bytes, flaw: Flaw) -> None:
    inspection = inspect(body)
    assert inspection.flaw == flaw
    assert inspection.detail
    assert len(inspection.detail) < 300
    assert (list(inspection.rows), list(inspection.violations)) == ([], [])


@pytest.mark.parametrize("where", ['"\xff": 1', '"other": "\xff"', '"other": {"deep": ["\xff"]}'])
def test_bytes_that_are_no_utf_8_are_found_where_nobody_looks_too(where: str) -> None:
    schema = Schema(features={"hour": Int()}, on_unknown="ignore")
    row = f'{{"hour": 1, {where}}}'.encode("latin-1")
    assert inspect(row, "json", schema).flaw == "encoding"
    assert (
        inspect(b'{"instances": [{"hour": 1}], ' + where.encode("latin-1") + b"}", "tfserving", schema).flaw
        == "encoding"
    )


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e400", "9" * 5000, "-" + "9" * 5000])
def test_numbers_that_no_double_holds_are_named_by_their_feature(number: str) -> None:
    inspection = inspect(f'{{"instances": [{{"delay": {number}, "carrier": "AA", "hour": {number}}}]}}')
    assert found(inspection) == [(0, "delay", "type"), (0, "hour", "type")]


def test_rows_that_are_no_objects_are_violations_of_the_row() -> None:
    inspection = inspect('{"instances": [5, null, [], "x"]}')
    assert found(inspection) == [(row, "", "type") for row in range(4)]
    assert inspection.plain_rows(10**6) == [5, None, [], "x"]


def test_all_that_is_wrong_is_listed_and_good_rows_stay() -> None:
    rows: list[Any] = [ROW, {"dep_delay": 1, "carrier": "XX", "hour": 24, "extra": 1}, ROW | {"delay": None}]
    inspection = inspect(json.dumps({"instances": rows}))
    assert found(inspection) == [
        (1, "delay", "renamed"),
        (1, "carrier", "category"),
        (1, "hour", "range"),
        (1, "extra", "unknown"),
    ]
    assert inspection.plain_rows(10**6) == rows


def test_the_list_of_violations_is_bounded() -> None:
    inspection = inspect(json.dumps({"instances": [{}] * 100_000}))
    assert len(inspection.violations) == LISTED
    assert len(inspection.rows) == 100_000


def test_an_inspection_of_a_body_costs_what_the_body_holds_not_what_the_schema_holds() -> None:
    """A decoded row has room for each feature; were each row decoded, this body would take gigabytes."""
    schema = Schema(features={f"x{index}": Float(required=False) for index in range(5000)})
    inspection = inspect(b"[" + b"{}," * 99_999 + b"{}]", "json", schema)
    assert (len(inspection.rows), list(inspection.violations)) == (100_000, [])
    assert not hasattr(inspection.rows[0], "__struct_fields__")


def test_a_split_of_rows_without_columns_costs_what_it_holds() -> None:
    schema = Schema(features={f"x{index}": Float(required=False) for index in range(5000)})
    inspection = inspect(json.dumps({"dataframe_split": {"columns": [], "data": [[]] * 100_000}}), "mlflow", schema)
    assert (len(inspection.rows), list(inspection.violations)) == (100_000, [])
    assert not hasattr(inspection.rows[0], "__struct_fields__")


def of_rows(count: int) -> dict[str, list[Any]]:
    """Bodies with so many rows of one number, by protocol."""
    column, rows, lists = [1] * count, [{"x": 1}] * count, [[1]] * count
    tensors = [{"name": name, "shape": [count], "datatype": "FP64", "data": column} for name in ("x", "all")]
    return {
        "tfserving": [{"instances": rows}, {"instances": column}, {"inputs": {"x": column}}, {"inputs": column}],
        "kserve": [{"instances": rows}],
        "mlflow": [{key: rows} for key in ("dataframe_records", "instances", "inputs")]
        + [{"inputs": {"x": column}}, {"dataframe_split": {"columns": ["x"], "data": lists}}],
        "json": [rows],
        "oip": [{"inputs": [tensor]} for tensor in tensors],
    }


@pytest.mark.parametrize("protocol", sorted(PROTOCOLS))
def test_a_body_of_too_many_rows_is_one_that_has_no_rows(protocol: str) -> None:
    schema = Schema(features={"x": Float()})
    for body in of_rows(MOST_ROWS)[protocol]:
        inspection = inspect(json.dumps(body), protocol, schema)
        assert (inspection.flaw, len(inspection.rows)) == (None, MOST_ROWS)
    for body in of_rows(MOST_ROWS + 1)[protocol]:
        inspection = inspect(json.dumps(body), protocol, schema)
        assert (inspection.flaw, len(inspection.rows)) == ("no_rows", 0)
        assert "has 100001 rows; send 100000 at most" in inspection.detail


def test_a_sparse_row_is_read_like_any_other() -> None:
    schema = Schema(features={f"x{index}": Float(required=False) for index in range(5000)})
    for count in (1, 100):
        assert inspect(json.dumps([{"x7": 1}] * count), "json", schema).plain_rows(10**6) == [{"x7": 1}] * count


def test_a_list_of_numbers_is_read() -> None:
    schema = Schema(features={"v": NumberList(length=2)})
    assert inspect('[{"v": [1, 2.5]}]', "json", schema).plain_rows(10**6) == [{"v": [1, 2.5]}]


TEXT = st.text(max_size=5) | st.sampled_from(["instances", "inputs", "dataframe_split", "columns", "data", *ROW])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=10,
)
protocols = st.sampled_from(sorted(PROTOCOLS))


@given(st.binary(), protocols)
def test_no_bytes_raise(body: bytes, protocol: str) -> None:
    inspection = inspect(body, protocol)
    assert inspection.flaw or inspection.rows


@given(JSON, protocols)
def test_no_json_raises_and_bad_rows_are_listed_or_the_body_has_a_flaw(body: Any, protocol: str) -> None:
    inspection = inspect(json.dumps(body), protocol)
    assert inspection.flaw or inspection.violations or inspection.rows
    assert len(inspection.plain_rows(10**6)) == len(inspection.rows)


@given(st.sampled_from(sorted(PROTOCOLS)), st.data())
def test_a_good_body_with_some_bytes_changed_never_raises(protocol: str, data: st.DataObject) -> None:
    body = bytearray(json.dumps(data.draw(st.sampled_from(BODIES[protocol]))).encode())
    for _ in range(data.draw(st.integers(1, 3))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    inspection = inspect(bytes(body), protocol)
    assert inspection.flaw or inspection.rows

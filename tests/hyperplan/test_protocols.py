"""Where each wire format keeps the rows of a request and the predictions of an answer."""

import json
import math
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyperplan.protocols import PROTOCOLS, Protocol, Speaker, Unreadable
from hyperplan.protocols.base import without_nan
from hyperplan.schema import Float, RowType, Schema, String

ROWS = [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}]
COLUMNS = {"a": [1, 2], "b": ["x", "y"]}
TENSORS: list[dict[str, Any]] = [
    {"name": "a", "shape": [2], "datatype": "FP64", "data": [1, 2]},
    {"name": "b", "shape": [2], "datatype": "BYTES", "data": ["x", "y"]},
]
SPLIT = {"columns": ["a", "b"], "data": [[1, "x"], [2, "y"]]}


def spoken(name: str, **configured: Any) -> Protocol:
    """A protocol as it is spoken about the features a and b."""
    return PROTOCOLS[name](Speaker({"a": Float(), "b": String()}, **configured))


@pytest.mark.parametrize(
    ("protocol", "body"),
    [
        ("tfserving", {"instances": ROWS}),
        ("tfserving", {"signature_name": "serving_default", "instances": ROWS}),
        ("tfserving", {"inputs": COLUMNS}),
        ("kserve", {"instances": ROWS}),
        ("kserve", {"instances": ROWS, "inputs": 5}),
        ("mlflow", {"dataframe_split": SPLIT}),
        ("mlflow", {"dataframe_split": SPLIT | {"index": [0, 1]}, "params": {"k": 1}}),
        ("mlflow", {"dataframe_records": ROWS}),
        ("mlflow", {"instances": ROWS}),
        ("mlflow", {"inputs": ROWS}),
        ("mlflow", {"inputs": COLUMNS}),
        ("json", ROWS),
        ("tfserving", {"instances": [[1, "x"], [2, "y"]]}),
        ("kserve", {"instances": [[1, "x"], [2, "y"]]}),
        ("mlflow", {"inputs": [[1, "x"], [2, "y"]]}),
        ("oip", {"inputs": TENSORS}),
        ("oip", {"inputs": [tensor | {"shape": [2, 1]} for tensor in TENSORS]}),
        ("oip", {"inputs": [tensor | {"shape": [2, 1], "data": [[i] for i in tensor["data"]]} for tensor in TENSORS]}),
        ("oip", {"inputs": [{"name": "x", "shape": [2, 2], "datatype": "BYTES", "data": [1, "x", 2, "y"]}]}),
    ],
)
def test_rows_are_found_in_each_form(protocol: str, body: Any) -> None:
    assert spoken(protocol).rows(body) == ROWS


def test_an_object_is_one_row_of_plain_json() -> None:
    assert spoken("json").rows({"instances": 1}) == [{"instances": 1}]


@pytest.mark.parametrize(
    ("protocol", "body", "words"),
    [
        ("tfserving", [], "'instances'"),
        ("tfserving", {}, "'instances' is missing"),
        ("tfserving", {"instances": []}, "at least one row"),
        ("tfserving", {"instances": {}}, "must be a list"),
        ("tfserving", {"instances": ROWS, "inputs": COLUMNS}, "not both"),
        ("tfserving", {"inputs": ROWS}, "'inputs' must be an object"),
        ("tfserving", {"inputs": {"a": [1], "b": [1, 2]}}, "one length"),
        ("tfserving", {"inputs": {"a": 1}}, "must be lists"),
        ("kserve", {"inputs": COLUMNS}, "'instances' is missing"),
        ("mlflow", {}, "exactly one of"),
        ("mlflow", [], "exactly one of"),
        ("mlflow", {"instances": ROWS, "inputs": ROWS}, "exactly one of"),
        ("mlflow", {"instances": ROWS, "inputs": None}, "exactly one of"),
        ("mlflow", {"dataframe_records": {}}, "'dataframe_records' must be a list"),
        ("mlflow", {"dataframe_split": []}, "'columns'"),
        ("mlflow", {"dataframe_split": {"columns": ["a"]}}, "'data' is missing"),
        ("mlflow", {"dataframe_split": {"columns": ["a"], "data": []}}, "at least one row"),
        ("mlflow", {"dataframe_split": {"columns": [1], "data": [[1]]}}, "list of names"),
        ("mlflow", {"dataframe_split": {"columns": ["a", "a"], "data": [[1, 2]]}}, "twice"),
        ("mlflow", {"dataframe_split": {"columns": ["a"], "data": [[1], [1, 2]]}}, "1 values"),
        ("json", [], "at least one row"),
        ("json", 5, "an object"),
    ],
)
def test_a_body_without_rows_is_unreadable_and_says_why(protocol: str, body: Any, words: str) -> None:
    with pytest.raises(Unreadable, match=words):
        spoken(protocol).rows(body)


@pytest.mark.parametrize(
    ("protocol", "body", "predictions"),
    [
        ("tfserving", {"predictions": [0.1, 0.2]}, [0.1, 0.2]),
        ("tfserving", {"outputs": [0.1, 0.2]}, [0.1, 0.2]),
        ("tfserving", {"outputs": {"p": [0.1], "q": [0.9]}}, [{"p": 0.1, "q": 0.9}]),
        ("kserve", {"predictions": [[0.1, 0.9]]}, [[0.1, 0.9]]),
        ("mlflow", {"predictions": [0, 1]}, [0, 1]),
        ("mlflow", {"predictions": {"p": [0.1, 0.2]}}, [{"p": 0.1}, {"p": 0.2}]),
        ("json", [0.1, 0.2], [0.1, 0.2]),
        ("json", {"predictions": [0.1]}, [0.1]),
        ("json", {"prediction": 0.1}, [0.1]),
        ("json", 0.1, [0.1]),
        ("json", {"p": 0.1}, [{"p": 0.1}]),
    ],
)
def test_predictions_are_found_in_each_form(protocol: str, body: Any, predictions: list[Any]) -> None:
    assert spoken(protocol).predictions(body) == predictions


@pytest.mark.parametrize(
    ("protocol", "body"),
    [
        ("tfserving", {"error": "no"}),
        ("tfserving", {"predictions": 5}),
        ("tfserving", {"outputs": []}),
        ("tfserving", {"outputs": {"p": [1], "q": []}}),
        ("kserve", {"outputs": [1]}),
        ("kserve", []),
        ("mlflow", [1]),
        ("mlflow", {"predictions": []}),
        ("json", {"predictions": 5}),
    ],
)
def test_an_answer_without_predictions_is_unreadable(protocol: str, body: Any) -> None:
    with pytest.raises(Unreadable):
        spoken(protocol).predictions(body)


def test_protocols_are_registered_under_their_own_names() -> None:
    assert {name: protocol.name for name, protocol in PROTOCOLS.items()} == {name: name for name in PROTOCOLS}


ROW_TYPE = RowType(Schema(features={"a": Float(required=False)}))
ROW: st.SearchStrategy[Any] = st.fixed_dictionaries({}, optional={"a": st.floats(-9, 9)}) | st.sampled_from(
    [{"b": 1}, 5, None, [], {"a": "x"}]
)
FORM: st.SearchStrategy[Any] = (
    st.lists(ROW, max_size=3)
    | ROW
    | st.sampled_from([{"a": [1.0, 2.0]}, {"columns": ["a"], "data": [[1.0]]}])
    | st.fixed_dictionaries(
        {
            "columns": st.lists(st.sampled_from("ab"), max_size=2),
            "data": st.lists(st.lists(st.sampled_from([1.0, 2, "x", None]), max_size=2), max_size=2),
        }
    )
)
KEYS = ["instances", "outputs", "inputs", "dataframe_split", "dataframe_records", "params", "signature_name"]
BODY: st.SearchStrategy[Any] = FORM | st.dictionaries(st.sampled_from(KEYS), FORM, max_size=3)


def fast_rows(name: str, body: Any) -> list[Any]:
    """The rows that the fast reading finds; none when it leaves the body to the slow one."""
    protocol = spoken(name)
    try:
        decoded = msgspec.json.decode(json.dumps(body), type=protocol.body_type(ROW_TYPE))
        return [ROW_TYPE.as_dict(row) for row in protocol.decoded_rows(decoded)]
    except msgspec.ValidationError:
        return []


@given(st.sampled_from(sorted(PROTOCOLS)), BODY)
def test_the_fast_reading_finds_the_rows_that_the_slow_one_finds(name: str, body: Any) -> None:
    rows = fast_rows(name, body)
    if rows:
        assert spoken(name).rows(body) == rows


@pytest.mark.parametrize(
    ("protocol", "other"),
    [("tfserving", "inputs"), *(("mlflow", form) for form in ("inputs", "dataframe_split", "dataframe_records"))],
)
@pytest.mark.parametrize("value", [[{"a": 1.0}], {"a": [1.0]}, None, 5])
def test_the_fast_reading_finds_no_rows_in_a_body_that_has_two_forms(protocol: str, other: str, value: Any) -> None:
    body = {"instances": [{"a": 1.0}], other: value}
    with pytest.raises(Unreadable):
        spoken(protocol).rows(body)
    assert fast_rows(protocol, body) == []


@pytest.mark.parametrize(
    ("name", "body"),
    [
        *(("tfserving", {"instances": [{"a": 1.0}]}), ("kserve", {"instances": [{"a": 1.0}]}), ("json", [{"a": 1.0}])),
        *(
            ("mlflow", {"instances": [{"a": 1.0}]}),
            ("mlflow", {"dataframe_records": [{"a": 1.0}]}),
            ("mlflow", {"dataframe_split": {"columns": ["a"], "data": [[1.0]]}}),
            ("json", {"a": 1.0}),
        ),
    ],
)
def test_common_forms_take_the_fast_reading(name: str, body: Any) -> None:
    assert fast_rows(name, body) == [{"a": 1.0}]


@given(
    st.sampled_from(sorted(PROTOCOLS)),
    st.recursive(FORM, lambda inner: st.dictionaries(st.sampled_from([*KEYS, "predictions", "outputs"]), inner)),
)
def test_any_answer_has_predictions_or_is_unreadable(name: str, body: Any) -> None:
    try:
        assert isinstance(spoken(name).predictions(body), list)
    except Unreadable as unreadable:
        assert str(unreadable)  # noqa: PT017 - both ends are good


def test_numbers_that_json_cannot_hold_are_none_wherever_they_stand_and_all_else_is_kept() -> None:
    huge = 10**400
    found = without_nan(
        [1.5, math.nan, True, "nan", huge, None, [2, math.inf], [0.5, 0.25], {"a": -math.inf, "b": [3]}]
    )
    assert found == [1.5, None, True, "nan", huge, None, [2, None], [0.5, 0.25], {"a": None, "b": [3]}]

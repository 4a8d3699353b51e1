"""Tensors are read whatever their shape and datatype, in JSON and in binary, and say why when they are none."""

import json
import math
import struct
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyperplan.inspection import Inspector
from hyperplan.protocols import PROTOCOLS, Body, Form, Protocol, Speaker, Unanswerable, Unreadable, Unwritable
from hyperplan.schema import AnyFeature, Bool, Float, Int, NumberList, RowType, Schema, String

FEATURES: dict[str, AnyFeature] = {"a": Float(), "b": String()}


def oip(features: dict[str, AnyFeature] = FEATURES, **configured: Any) -> Protocol:
    return PROTOCOLS["oip"](Speaker(features, "flights", **configured))


def tensor(name: str, data: Any, datatype: str = "FP64", shape: Any = None, **more: Any) -> dict[str, Any]:
    return {"name": name, "shape": shape or [len(data)], "datatype": datatype, "data": data} | more


def binary(message: Any, *blobs: bytes) -> Body:
    head = json.dumps(message).encode()
    return Body(head + b"".join(blobs), "application/octet-stream", len(head))


def blob(name: str, datatype: str, shape: list[int], data: bytes) -> dict[str, Any]:
    parameters = {"binary_data_size": len(data)}
    return {"name": name, "shape": shape, "datatype": datatype, "parameters": parameters}


@pytest.mark.parametrize(
    ("datatype", "code", "value"),
    [
        ("BOOL", "?", True),
        ("UINT8", "B", 255),
        ("UINT16", "H", 2**16 - 1),
        ("UINT32", "I", 2**32 - 1),
        ("UINT64", "Q", 2**64 - 1),
        ("INT8", "b", -128),
        ("INT16", "h", -(2**15)),
        ("INT32", "i", -(2**31)),
        ("INT64", "q", -(2**63)),
        ("FP16", "e", 0.0999755859375),
        ("FP32", "f", 0.10000000149011612),
        ("FP64", "d", 0.1),
    ],
)
def test_numbers_in_binary_keep_every_bit(datatype: str, code: str, value: Any) -> None:
    data = struct.pack(f"<2{code}", value, value)
    found = oip().read_predictions(binary({"outputs": [blob("p", datatype, [2, 1], data)]}, data))
    assert repr(found) == repr([value, value])


def test_strings_in_binary_have_their_length_before_them() -> None:
    a, b = struct.pack("<2f", 1.5, 2), b"\x01\x00\x00\x00x\x02\x00\x00\x00\xc3\xa9"
    body = binary({"inputs": [blob("a", "FP32", [2], a), blob("b", "BYTES", [2], b)]}, a, b)
    rows = oip().rows(oip().loaded(body))
    assert rows == [{"a": 1.5, "b": "x"}, {"a": 2.0, "b": "é"}]
    inspection = Inspector(Schema(features=FEATURES), oip()).inspect(body.content, body.json_length)
    assert (inspection.plain_rows(9), list(inspection.violations)) == (rows, [])


def test_tensors_in_binary_and_in_json_stand_in_one_body() -> None:
    data = struct.pack("<d", 0.1)
    body = binary({"inputs": [blob("a", "FP64", [1], data), tensor("b", ["x"], "BYTES")]}, data)
    assert oip().rows(oip().loaded(body)) == [{"a": 0.1, "b": "x"}]


@pytest.mark.parametrize(
    ("tensors", "blobs", "words"),
    [
        ([blob("a", "FP64", [1], b"1234567")], [b"1234567"], "no whole number of FP64"),
        ([blob("a", "BF16", [1], b"12")], [b"12"], "'BF16' is none"),
        ([blob("a", "FP64", [1], b"12345678")], [b"1234"], "there are 4 bytes"),
        ([blob("a", "FP64", [1], b"12345678")], [b"12345678", b"9"], "1 bytes of binary data that no tensor has"),
        ([blob("a", "BYTES", [1], b"\x05\x00\x00\x00x")], [b"\x05\x00\x00\x00x"], "longer than the data"),
        ([blob("a", "BYTES", [1], b"\x01\x00\x00\x00\xff")], [b"\x01\x00\x00\x00\xff"], "not UTF-8"),
        ([blob("a", "FP64", [1], b"") | {"parameters": {"binary_data_size": -1}}], [], "-1"),
        ([blob("a", "FP64", [2], b"12345678")], [b"12345678"], "do not fill its shape"),
    ],
)
def test_binary_data_that_is_not_what_the_json_says_is_unreadable(
    tensors: list[Any], blobs: list[bytes], words: str
) -> None:
    with pytest.raises(Unreadable, match=words):
        oip().read_predictions(binary({"outputs": tensors}, *blobs))


def test_json_that_should_be_longer_than_the_body_is_unreadable() -> None:
    with pytest.raises(Unreadable, match="99 bytes"):
        oip().read_predictions(Body(b"{}", json_length=99))


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (5, "'name'"),
        (tensor("a", [1], shape=[0]), "sizes above 0"),
        (tensor("a", [1], shape=[-1]), "sizes above 0"),
        (tensor("a", [1], shape=[True]), "sizes above 0"),
        (tensor("a", [1], shape=[1] * 33), "1 to 32 dimensions"),
        (tensor("a", [1], shape=[10**9]), "do not fill"),
        (tensor("a", [[1, 2], [3]], shape=[3, 1]), "do not fill"),
        ({"name": "a", "shape": [1], "datatype": "FP64"}, "must be a list"),
        ({"name": "a", "shape": [1], "data": [1]}, "a datatype"),
        ({"name": 7}, "name of its own"),
    ],
)
def test_what_is_no_tensor_is_unreadable_and_says_why(wrong: Any, words: str) -> None:
    with pytest.raises(Unreadable, match=words):
        oip().rows({"inputs": [wrong]})


def test_tensors_of_different_length_or_of_one_name_are_no_rows() -> None:
    for tensors in ([tensor("a", [1]), tensor("b", ["x", "y"])], [tensor("a", [1]), tensor("a", [2])], []):
        with pytest.raises(Unreadable):
            oip().rows({"inputs": tensors})


def test_one_matrix_with_a_name_of_its_own_has_the_features_in_order() -> None:
    features: dict[str, AnyFeature] = {"x": Float(), "y": Float()}
    for data in ([1, 2, 3, 4], [[1, 2], [3, 4]]):
        rows = oip(features).rows({"inputs": [tensor("input-0", data, shape=[2, 2])]})
        assert rows == [{"x": 1, "y": 2}, {"x": 3, "y": 4}]


def test_a_matrix_that_is_named_as_a_feature_or_as_wide_as_something_else_is_that_feature() -> None:
    features: dict[str, AnyFeature] = {"x": Float(aliases=("z",)), "y": Float()}
    for name, shape in (("x", [1, 2]), ("z", [1, 2]), ("input-0", [1, 3])):
        data = [1.0, 2.0, 3.0][: shape[1]]
        assert oip(features).rows({"inputs": [tensor(name, data, shape=shape)]}) == [{name: data}]


def test_one_tensor_is_the_only_feature_whatever_it_is_called() -> None:
    assert oip({"v": NumberList(length=2)}).rows({"inputs": [tensor("x", [1, 2], shape=[1, 2])]}) == [{"v": [1, 2]}]
    assert oip({"v": NumberList(length=1)}).rows({"inputs": [tensor("v", [1], shape=[1, 1])]}) == [{"v": [1]}]
    assert oip({"v": Float()}).rows({"inputs": [tensor("x", [1], shape=[1, 1])]}) == [{"v": 1}]


def test_a_shape_that_would_make_a_thousand_times_what_the_body_holds_is_unreadable() -> None:
    count = 20_000
    for name in ("a", "no feature"):
        with pytest.raises(Unreadable, match="far more lists than it has values"):
            oip().rows({"inputs": [tensor(name, [1] * count, shape=[count] + [1] * 31)]})
    assert oip({"a": NumberList(length=1)}).rows({"inputs": [tensor("a", [1] * count, shape=[count, 1])]})[0] == {
        "a": [1]
    }


@given(st.lists(st.integers(1, 4), min_size=1, max_size=6), st.booleans())
def test_a_tensor_of_any_shape_is_read_as_the_nested_lists_that_it_stands_for(shape: list[int], nested: bool) -> None:
    flat = list(range(math.prod(shape)))
    value = in_lists(flat, shape)
    found = oip().rows({"inputs": [tensor("a", value if nested else flat, shape=shape), tensor("b", ["x"] * shape[0])]})
    scalars = len(shape) == 2 and shape[1] == 1
    assert [row["a"] for row in found] == ([item for (item,) in value] if scalars else value)


def in_lists(flat: list[Any], shape: list[int]) -> list[Any]:
    """Flat data as lists in lists."""
    if len(shape) == 1:
        return flat
    size = len(flat) // shape[0]
    return [in_lists(flat[start : start + size], shape[1:]) for start in range(0, len(flat), size)]


def test_truth_values_may_be_written_as_numbers() -> None:
    assert oip({"v": Bool()}).rows({"inputs": [tensor("v", [0, 1, True], "BOOL")]}) == [
        {"v": False},
        {"v": True},
        {"v": True},
    ]


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"a": None}, "row 1: a: a tensor cannot hold null"),
        ({}, "row 1: a: other rows have it"),
        ({"a": "x"}, "holds a number"),
        ({"a": True}, "holds a number"),
    ],
)
def test_a_row_that_no_tensor_can_hold_is_unwritable_and_named(row: Any, words: str) -> None:
    with pytest.raises(Unwritable, match=words):
        oip({"a": Float()}).request([{"a": 1.0}, row])


@pytest.mark.parametrize("value", [5.5, 2**63, "5", True])
def test_an_integer_tensor_holds_integers_of_64_bits(value: Any) -> None:
    with pytest.raises(Unwritable, match="an integer"):
        oip({"a": Int()}).request([{"a": value}])


@pytest.mark.parametrize(
    "predictions",
    [
        ["x", 1],
        [True, 1],
        [[1], [1, 2]],
        [[], []],
        [{"p": 1}, {"q": 1}],
        [[1], 2],
        [2**64],
        [0.5, 2**60 + 1],
        [None, "x"],
    ],
)
def test_predictions_that_are_no_tensor_are_unwritable(predictions: list[Any]) -> None:
    with pytest.raises(Unwritable):
        oip().answer(predictions)


def asking(*outputs: Any, **members: Any) -> Form:
    return oip().form({"outputs": list(outputs), **members} if outputs else members)


def test_an_answer_names_the_model_and_echoes_the_id() -> None:
    answer = json.loads(oip().answer([0.5], asking(id="x-7")).content)
    assert answer == {
        "model_name": "flights",
        "id": "x-7",
        "outputs": [{"name": "predict", "shape": [1, 1], "datatype": "FP64", "data": [0.5]}],
    }


def test_an_answer_has_the_outputs_that_are_asked_for() -> None:
    def names(predictions: list[Any], *outputs: str) -> list[str]:
        form = asking(*({"name": output} for output in outputs))
        return [output["name"] for output in json.loads(oip().answer(predictions, form).content)["outputs"]]

    both = [{"label": "late", "proba": [0.25, 0.75]}]
    assert names(both) == ["label", "proba"]
    assert names(both, "proba") == ["proba"]
    assert names([0.5], "proba") == ["proba"]
    with pytest.raises(Unanswerable, match="'score' is asked for"):
        names(both, "score")
    with pytest.raises(Unanswerable, match="but one"):
        names([0.5], "proba", "label")


@pytest.mark.parametrize(
    ("form", "in_binary"),
    [
        (asking(parameters={"binary_data_output": True}), ["label", "proba"]),
        (asking({"name": "label"}, {"name": "proba", "parameters": {"binary_data": True}}), ["proba"]),
        (
            asking(
                {"name": "label", "parameters": {"binary_data": False}},
                {"name": "proba"},
                parameters={"binary_data_output": True},
            ),
            ["proba"],
        ),
    ],
)
def test_outputs_are_in_binary_if_they_are_asked_for_so(form: Form, in_binary: list[str]) -> None:
    predictions = [{"label": "late", "proba": [0.25, 0.75]}, {"label": "é", "proba": [None, 1]}]
    body = oip().answer(predictions, form)
    assert body.content_type == "application/octet-stream"
    outputs = json.loads(body.content[: body.json_length])["outputs"]
    assert [output["name"] for output in outputs if "data" not in output] == in_binary
    assert oip().read_predictions(body) == predictions


@pytest.mark.parametrize("predictions", [[0.5], [{"c": 0.5}]])
def test_outputs_that_the_predictions_have_not_are_unanswerable(predictions: list[Any]) -> None:
    with pytest.raises(Unanswerable, match="asked for"):
        oip().answer(predictions, Form(members={"outputs": [{"name": "a"}, {"name": "b"}]}))


def test_an_id_that_is_no_text_is_not_echoed() -> None:
    assert "id" not in json.loads(oip().answer([0.5], Form(members={"id": "\ud800"})).content)


def test_a_request_for_outputs_that_are_no_list_of_names_is_unreadable() -> None:
    wrong: list[Any] = [5, ["p"], [{}], [{"name": 5}]]
    for outputs in wrong:
        with pytest.raises(Unreadable):
            oip().form({"outputs": outputs})


def test_a_model_is_asked_for_the_output_that_is_its_prediction() -> None:
    protocol = oip(output="predict_proba")
    message = json.loads(protocol.request([{"a": 1.0, "b": "x"}], asking({"name": "predict"})).content)
    assert message["outputs"] == [{"name": "predict_proba"}]
    outputs = [tensor("predict", [1]), tensor("predict_proba", [0.25, 0.75], shape=[1, 2])]
    assert protocol.read_predictions(Body(json.dumps({"outputs": outputs}).encode())) == [[0.25, 0.75]]
    with pytest.raises(Unreadable):
        protocol.read_predictions(Body(json.dumps({"outputs": outputs[:1]}).encode()))


def test_the_only_output_is_the_prediction_whatever_it_is_called() -> None:
    assert oip().predictions({"outputs": [tensor("anything", [0.5, 0.25], shape=[2, 1])]}) == [0.5, 0.25]


SCHEMA = Schema(
    features={"a": Float(min=0), "b": String(required=False), "c": NumberList(length=2, required=False), "d": Bool()}
)
ROW_TYPE = RowType(SCHEMA)


def fast(message: Any) -> list[Any]:
    """The rows that the fast reading finds; none when it leaves the body to the slow one."""
    protocol = oip(SCHEMA.features)
    try:
        decoded = msgspec.json.decode(json.dumps(message), type=protocol.body_type(ROW_TYPE))
    except msgspec.ValidationError:
        return []
    return [ROW_TYPE.as_dict(row) for row in protocol.decoded_rows(decoded)]


@pytest.mark.parametrize(
    "tensors",
    [
        [tensor("d", [True, False], "BOOL"), tensor("a", [1, 2], shape=[2, 1])],
        [tensor("a", [1, 2]), tensor("d", [True, False], "BOOL"), tensor("b", ["x", "y"], "BYTES")],
        [tensor("c", [[1, 2], [3, 4]], shape=[2, 2]), tensor("a", [1, 2]), tensor("d", [True, True], "BOOL")],
    ],
)
def test_a_tensor_for_each_feature_takes_the_fast_reading(tensors: list[Any]) -> None:
    message = {"inputs": tensors, "id": "7", "parameters": {"content_type": "pd"}}
    assert fast(message) == oip(SCHEMA.features).rows(message)


SIZES = st.integers(0, 3)
TENSORS = st.lists(
    st.builds(
        tensor,
        st.sampled_from("abcde"),
        st.lists(st.sampled_from([1, -1, 2.5, "x", True, None, [1, 2], [1]]), max_size=3),
        st.sampled_from(["FP64", "BOOL", "BYTES"]),
        st.lists(SIZES, max_size=2),
    ),
    max_size=5,
)
GOOD = st.integers(1, 3).flatmap(
    lambda count: st.permutations(
        [
            tensor("a", [1.5] * count),
            tensor("b", ["x"] * count, "BYTES"),
            tensor("c", [[1, 2]] * count, shape=[count, 2]),
            tensor("d", [True] * count, "BOOL", shape=[count, 1]),
        ]
    ).flatmap(lambda tensors: st.lists(st.sampled_from(tensors), min_size=1, max_size=5))
)


@given(GOOD | TENSORS)
def test_the_fast_reading_finds_the_rows_that_the_slow_one_finds(tensors: list[Any]) -> None:
    rows = fast({"inputs": tensors})
    if rows:
        assert oip(SCHEMA.features).rows({"inputs": tensors}) == rows
        assert not list(
            Inspector(SCHEMA, oip(SCHEMA.features)).inspect(json.dumps({"inputs": tensors}).encode()).violations
        )


def test_rows_that_would_be_mostly_empty_are_read_at_what_they_hold() -> None:
    schema = Schema(features={f"x{index}": Float(required=False) for index in range(5000)})
    body = json.dumps({"inputs": [tensor("x7", [1.0] * 1000)]}).encode()
    inspection = Inspector(schema, oip(dict(schema.features))).inspect(body)
    assert (inspection.rows[0], list(inspection.violations)) == ({"x7": 1.0}, [])

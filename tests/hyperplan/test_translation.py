"""A request reaches a model of any protocol as the same rows, and its answer the client as the same predictions."""

import json
from typing import Any

import pytest

from hyperplan.endpoint import parse_endpoint
from hyperplan.protocols import Body, Unreadable
from hyperplan.translation import Translation, Untranslatable

SCHEMA = {
    "features": {
        "delay": {"type": "float", "nullable": True, "aliases": ["dep_delay"]},
        "hour": {"type": "int"},
        "carrier": {"type": "category"},
        "tailnum": {"type": "string", "required": False},
    }
}
ROW = {"delay": 1.5, "hour": 3, "carrier": "AA", "tailnum": "N1"}


def translation(client: str = "tfserving", model: str = "mlflow", keeps: Any = None, **fields: Any) -> Translation:
    """The translation to a model of an endpoint whose clients keep things at these paths."""
    document: dict[str, Any] = {
        "name": "flights",
        "match": {"path": "/p"},
        "protocol": client,
        "task": "binary",
        "schema": SCHEMA,
        "models": {
            "default@1": {"url": "http://a/", "protocol": client},
            "gbm@1": {"url": "http://b/", "protocol": model, **fields},
        },
        "routing": {"split": {"default@1": 1, "gbm@1": 1}, "default": "default@1"},
    }
    if keeps:
        document["paths"] = document["models"]["default@1"]["paths"] = keeps
    return Translation(parse_endpoint(json.dumps(document)), "gbm@1")


def body(message: Any) -> Body:
    return Body(json.dumps(message).encode())


def plain(found: Body) -> Any:
    return json.loads(found.content)


def test_a_request_and_its_answer_change_protocol() -> None:
    there = translation()
    translated = there.request(body({"instances": [ROW]}))
    assert plain(translated.body) == {"dataframe_split": {"columns": list(ROW), "data": [list(ROW.values())]}}
    answered = there.answer(body({"predictions": [0.25]}), translated.asked)
    assert (plain(answered.body), answered.predictions) == ({"predictions": [0.25]}, [0.25])


def test_a_columnar_request_gets_a_columnar_answer() -> None:
    there = translation()
    asked = there.request(body({"inputs": {key: [value] for key, value in ROW.items()}})).asked
    assert plain(there.answer(body({"predictions": [0.25]}), asked).body) == {"outputs": [0.25]}
    assert plain(there.answer(body({"predictions": [{"p": 1, "q": 2}]}), asked).body) == {
        "outputs": {"p": [1], "q": [2]}
    }


def test_names_are_cured() -> None:
    sent = {"dep_delay": 2, "hour": 5.0, "carrier": "AA", "extra": 1}
    cured = plain(translation(model="kserve").request(body({"instances": [sent]})).body)["instances"]
    assert json.dumps(cured) == '[{"delay": 2, "hour": 5, "carrier": "AA"}]'


def test_a_model_gets_only_the_features_that_it_takes_in_the_order_of_the_schema() -> None:
    there = translation(features=["carrier", "delay"])
    assert plain(there.request(body({"instances": [ROW]})).body)["dataframe_split"]["columns"] == ["delay", "carrier"]


def test_one_output_and_one_component_of_an_answer_are_the_prediction() -> None:
    there = translation(answer={"output": "proba", "component": 1})
    asked = there.request(body({"instances": [ROW]})).asked
    answered = there.answer(body({"predictions": [{"label": 0, "proba": [0.75, 0.25]}]}), asked)
    assert plain(answered.body) == {"predictions": [0.25]}
    for wrong in ({"label": 0}, {"proba": 0.25}, {"proba": [1]}, 0.25):
        with pytest.raises(Unreadable):
            there.answer(body({"predictions": [wrong]}), asked)


def test_a_wrong_number_of_predictions_is_unreadable() -> None:
    there = translation()
    asked = there.request(body({"instances": [ROW, ROW]})).asked
    with pytest.raises(Unreadable, match="1 predictions for 2 rows"):
        there.answer(body({"predictions": [0.25]}), asked)


def test_numbers_that_json_cannot_hold_become_null() -> None:
    there = translation()
    asked = there.request(body({"instances": [ROW]})).asked
    answered = there.answer(Body(b'{"predictions": [[NaN, -Infinity, 1e999, 0.5]]}'), asked)
    assert plain(answered.body) == {"predictions": [[None, None, None, 0.5]]}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "not JSON"),
        (b"\xff", "not UTF-8"),
        (b"[" * 100_000, "too deep"),
        (b"[]", "not a tfserving request"),
        (b'{"instances": [5]}', "row 0 is no object"),
        (b'{"instances": [{"delay": NaN}]}', "row 0: delay"),
        (b'{"instances": [{"carrier": "\\ud800"}]}', "surrogate"),
    ],
)
def test_a_request_that_cannot_be_said_is_untranslatable_and_says_why(content: bytes, words: str) -> None:
    with pytest.raises(Untranslatable, match=words):
        translation().request(Body(content))


def test_paths_lead_to_rows_and_predictions() -> None:
    there = translation("json", "json", {"rows": "data.rows"}, paths={"predictions": "result.scores"})
    translated = there.request(body({"data": {"rows": [ROW]}}))
    assert plain(translated.body) == [ROW]
    answered = there.answer(body({"result": {"scores": [0.5]}}), translated.asked)
    assert plain(answered.body) == {"predictions": [0.5]}


def test_a_signature_is_asked_for() -> None:
    there = translation("mlflow", "tfserving", signature="scores")
    assert plain(there.request(body({"inputs": [ROW]})).body) == {"signature_name": "scores", "instances": [ROW]}


@pytest.mark.parametrize(
    ("client", "error"),
    [
        ("tfserving", {"error": "no such column"}),
        ("kserve", {"error": "no such column"}),
        ("json", {"error": "no such column"}),
        ("mlflow", {"error_code": "BAD_REQUEST", "message": "no such column"}),
    ],
)
def test_an_error_takes_the_form_of_the_clients_protocol(client: str, error: Any) -> None:
    said = {"error": "no such column"} if client == "mlflow" else {"error_code": "X", "message": "no such column"}
    there = translation(client, "kserve" if client == "mlflow" else "mlflow")
    assert plain(there.error(400, body(said))) == error
    assert "no such column" in there.error(500, Body(b"no such column", "text/plain")).content.decode()
    assert "answered 502" in there.error(502, Body(b"")).content.decode()


@pytest.mark.parametrize(
    ("fields", "identical"),
    [
        ({}, True),
        ({"features": ["tailnum", "carrier", "hour", "delay"]}, True),
        ({"features": ["hour"]}, False),
        ({"signature": "scores"}, False),
        ({"answer": {"component": 1}}, False),
        ({"timeout": 1}, True),
    ],
)
def test_a_model_is_identical_if_it_takes_and_answers_what_clients_do(fields: Any, identical: bool) -> None:
    assert translation(model="tfserving", **fields).identical is identical


def test_a_model_of_another_protocol_is_not_identical() -> None:
    assert translation(model="mlflow").identical is False


def test_the_error_of_an_identical_model_passes_as_it_is() -> None:
    said = Body(b"any \xff thing", "text/plain")
    assert translation(model="tfserving").error(500, said) is said

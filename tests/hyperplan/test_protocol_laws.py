"""What holds for every protocol: it reads what it writes, and any two of them compose."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyperplan.inspection import Inspector
from hyperplan.protocols import PROTOCOLS, Body, Form, Speaker, Unreadable
from hyperplan.schema import Float, Schema
from hyperplan.translation import Translation, Untranslatable, client_of, server_of
from tests.support.speech import NAMES, between, exactly, features, predictions, rows_of, spoken

names = st.sampled_from(NAMES)
FORMS = st.sampled_from(
    [
        Form(),
        Form(columnar=True),
        Form(members={"id": "7", "parameters": {"binary_data_output": True}}),
        Form(members={"signature_name": "s", "params": {"k": 1}}),
    ]
)


@pytest.mark.parametrize("name", NAMES)
@given(FORMS, st.data())
def test_rows_that_are_written_are_read_back(name: str, form: Form, data: st.DataObject) -> None:
    found = data.draw(features(full=name == "oip"))
    rows = data.draw(rows_of(found))
    protocol = spoken(name, found)
    written = protocol.request(rows, form)
    assert exactly(protocol.rows(protocol.loaded(written))) == exactly(rows)


@given(names, st.data())
def test_an_inspection_finds_nothing_wrong_with_good_rows_in_any_protocol(name: str, data: st.DataObject) -> None:
    found = data.draw(features(full=name == "oip"))
    rows = data.draw(rows_of(found))
    protocol = spoken(name, found)
    inspection = Inspector(Schema(features=found), protocol).inspect(protocol.request(rows).content)
    assert (inspection.flaw, list(inspection.violations)) == (None, [])
    assert inspection.plain_rows(10) == rows


@pytest.mark.parametrize("name", NAMES)
@given(FORMS, st.data())
def test_predictions_that_are_written_are_read_back(name: str, form: Form, data: st.DataObject) -> None:
    made = data.draw(predictions(data.draw(st.integers(1, 3))))
    protocol = spoken(name, data.draw(features(full=True)))
    if len(made) == 1:
        form = form._replace(single=data.draw(st.booleans()))
    assert exactly(protocol.read_predictions(protocol.answer(made, form))) == exactly(made)


@given(names, names, st.data())
def test_any_client_may_stand_before_any_model(client: str, model: str, data: st.DataObject) -> None:
    found = data.draw(features(full="oip" in (client, model)))
    rows = data.draw(rows_of(found))
    made = data.draw(predictions(len(rows)))
    endpoint = between(client, model, found)
    translation, sender, server = Translation(endpoint, "m@1"), client_of(endpoint), server_of(endpoint, "m@1")
    translated = translation.request(sender.request(rows))
    assert exactly(server.rows(server.loaded(translated.body))) == exactly(rows)
    answered = translation.answer(server.answer(made, server.form(server.loaded(translated.body))), translated.asked)
    assert exactly(answered.predictions) == exactly(made)
    assert exactly(sender.read_predictions(answered.body)) == exactly(made)
    assert exactly(translation.verify(answered.body)) == exactly(made)


JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)
KEYS = ["instances", "inputs", "outputs", "predictions", "dataframe_split", "columns", "data", "shape", "name", "id"]


@st.composite
def spoiled(draw: st.DrawFn, good: Body) -> Body:
    """A body that was cut, in which bytes were changed, or of which a member is something else."""
    content = bytearray(good.content)
    match draw(st.sampled_from(["cut", "bytes", "member", "length"])):
        case "cut":
            return good._replace(content=bytes(content[: draw(st.integers(0, len(content) - 1))]))
        case "bytes":
            for _ in range(draw(st.integers(1, 3))):
                content[draw(st.integers(0, len(content) - 1))] = draw(st.integers(0, 255))
            return good._replace(content=bytes(content))
        case "length":
            return good._replace(json_length=draw(st.integers(0, len(content) + 3)))
        case _:
            message = json.loads(good.content[: good.json_length])
            key = draw(st.sampled_from([*message, *KEYS]) if isinstance(message, dict) else st.sampled_from(KEYS))
            whole = dict(message) if isinstance(message, dict) else {"body": message}
            inner = whole.get(key)
            if isinstance(inner, list) and inner and isinstance(inner[0], dict) and draw(st.booleans()):
                inner[0][draw(st.sampled_from([*inner[0], *KEYS]))] = draw(JSON)
            else:
                whole[key] = draw(JSON)
            head = json.dumps(whole).encode()
            return Body(head + good.content[len(good.content) if good.json_length is None else good.json_length :])


@given(names, names, st.data())
def test_a_spoiled_request_is_translated_or_untranslatable(client: str, model: str, data: st.DataObject) -> None:
    found = data.draw(features(full="oip" in (client, model)))
    endpoint = between(client, model, found)
    body = data.draw(spoiled(client_of(endpoint).request(data.draw(rows_of(found)))))
    try:
        assert Translation(endpoint, "m@1").request(body).asked.rows > 0
    except Untranslatable as error:
        assert str(error)  # noqa: PT017 - both ends are good
    Inspector(endpoint.schema, client_of(endpoint)).inspect(body.content, body.json_length)


@given(names, names, FORMS, st.data())
def test_a_spoiled_answer_is_translated_or_unreadable(client: str, model: str, form: Form, data: st.DataObject) -> None:
    found = data.draw(features(full=True))
    endpoint = between(client, model, found)
    translation = Translation(endpoint, "m@1")
    rows = data.draw(rows_of(found))
    asked = translation.request(client_of(endpoint).request(rows)).asked
    body = data.draw(spoiled(server_of(endpoint, "m@1").answer(data.draw(predictions(len(rows))), form)))
    try:
        assert len(translation.answer(body, asked).predictions) == len(rows)
    except Unreadable as error:
        assert str(error)  # noqa: PT017 - both ends are good
    assert isinstance(translation.error(500, body), Body)


@given(names, names, st.binary(), st.none() | st.integers(0, 20))
def test_any_bytes_are_untranslatable_or_unreadable_at_worst(
    client: str, model: str, content: bytes, json_length: int | None
) -> None:
    translation = Translation(between(client, model, {"a": Float()}), "m@1")
    body = Body(content, json_length=json_length)
    for read in (lambda: translation.request(body), lambda: translation.verify(body)):
        try:
            read()
        except (Untranslatable, Unreadable) as error:
            assert str(error)  # noqa: PT017 - both ends are good


@given(st.sampled_from(sorted(PROTOCOLS)), st.integers(400, 599), st.text(st.characters(exclude_categories=())))
def test_whatever_an_error_quotes_it_can_be_said(name: str, status: int, detail: str) -> None:
    json.loads(PROTOCOLS[name](Speaker({})).error(status, detail).content)

"""A real Envoy with both stages behind it: models that speak otherwise than clients, and models that fail."""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, NamedTuple

import httpx
import pytest

from tests.envoy.running import ModelServer, Served, endpoint_document
from tests.extproc.conversation import Memory

Serving = Callable[..., Awaitable[Served]]
Server = Callable[..., Awaitable[ModelServer]]
PATH = "/v1/models/delay:predict"
REQUEST = b'{"instances": [{"x": 1.5}, {"x": 2.5}]}'
GOOD = b'{"predictions": [0.25, 0.75]}'
JSON = {"content-type": "application/json"}
GARBAGE: dict[str, dict[str, Any]] = {
    "HTML": {"answer": b"<html>", "headers": {"content-type": "text/html"}},
    "cut off": {"answer": b"{", "headers": JSON},
    "too few": {"answer": b'{"predictions": [1]}', "headers": JSON},
    "damaged": {"answer": gzip.compress(GOOD)[:-9], "headers": {**JSON, "content-encoding": "gzip"}},
    "empty": {"answer": b"", "headers": JSON},
    "not there": {"status": 404, "answer": b"who are you?"},
    "an error": {"status": 500, "answer": b"{}", "headers": JSON},
}


@pytest.fixture
def asking(served: Serving, client: httpx.AsyncClient) -> "Asking":
    """Serves a document; what it returns sends a request to its endpoint, and what it remembers was told."""

    async def start(document: dict[str, Any]) -> Asked:
        delay = await served(document)

        async def ask(content: bytes | AsyncIterator[bytes] = REQUEST) -> httpx.Response:
            return await client.post(delay.url, content=content, headers=JSON)

        return Asked(ask, delay.memory)

    return start


class Asked(NamedTuple):
    """An endpoint that is served."""

    ask: Callable[..., Awaitable[httpx.Response]]
    memory: Memory


Asking = Callable[[dict[str, Any]], Awaitable[Asked]]


def document_of(*models: tuple[ModelServer, str], **changes: Any) -> dict[str, Any]:
    """An endpoint whose clients speak tfserving; the first model answers them, the others stand in for it."""
    names = [f"{name}@1" for name in "abcdef"[: len(models)]]
    document = endpoint_document(
        {name: model.url(f"/of-{name[0]}") for name, (model, _) in zip(names, models, strict=True)}, **changes
    )
    for name, (_, protocol) in zip(names, models, strict=True):
        document["models"][name]["protocol"] = protocol
    document["on_failure"] = "closed"
    return document


async def test_a_client_of_one_protocol_is_answered_by_a_model_of_another(asking: Asking, model_server: Server) -> None:
    other = await model_server(answer=b'{"predictions":\n [0.25,\n 0.75]}', headers=JSON)
    delay = await asking(document_of((other, "mlflow")))
    answer = await delay.ask()
    assert (answer.status_code, answer.json()) == (200, {"predictions": [0.25, 0.75]})
    assert int(answer.headers["content-length"]) == len(answer.content)
    assert answer.headers["x-hyperplan-model"] == "a@1"
    assert answer.headers["x-hyperplan-prediction-id"]
    (seen,) = other.seen
    assert seen.path == "/of-a"
    assert json.loads(seen.body) == {"dataframe_split": {"columns": ["x"], "data": [[1.5], [2.5]]}}
    assert int(seen.headers["content-length"]) == len(seen.body)
    assert seen.headers["accept-encoding"] == "identity"
    assert not {"x-hyperplan-path", "x-hyperplan-target"} & seen.headers.keys()
    assert delay.memory.attempts == [("delay", "a@1", "ok")]


@pytest.mark.parametrize("garbage", GARBAGE)
async def test_whatever_is_wrong_with_the_first_model_the_second_one_answers(
    garbage: str, asking: Asking, model_server: Server
) -> None:
    first = await model_server(**GARBAGE[garbage])
    second, third = await model_server(answer=GOOD, headers=JSON), await model_server(answer=GOOD, headers=JSON)
    delay = await asking(document_of((first, "mlflow"), (second, "tfserving"), (third, "kserve")))
    answer = await delay.ask()
    assert (answer.status_code, answer.content) == (200, GOOD)
    assert answer.headers["x-hyperplan-model"] == "b@1"
    (seen,) = second.seen
    assert (seen.path, seen.body) == ("/of-b", REQUEST), "it gets what the client sent"
    assert seen.headers["content-length"] == str(len(REQUEST))
    assert not third.seen
    assert [outcome for _, _, outcome in delay.memory.attempts][-1] == "ok"


async def test_a_chunked_request_is_translated_and_goes_on_in_chunks_where_it_need_not_be(
    asking: Asking, model_server: Server
) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield REQUEST[:10]
        yield REQUEST[10:]

    first, second = await model_server(status=503), await model_server(answer=GOOD, headers=JSON)
    delay = await asking(document_of((first, "mlflow"), (second, "tfserving")))
    answer = await delay.ask(chunks())
    assert (answer.status_code, answer.content) == (200, GOOD)
    assert json.loads(first.seen[0].body)["dataframe_split"]["data"] == [[1.5], [2.5]]
    assert second.seen[0].body == REQUEST


async def test_when_all_fail_the_client_is_told_in_its_own_words(asking: Asking, model_server: Server) -> None:
    first, second = await model_server(answer=b"{", headers=JSON), await model_server(answer=b"?", headers=JSON)
    delay = await asking(document_of((first, "tfserving"), (second, "mlflow")))
    answer = await delay.ask()
    assert answer.status_code == 503
    assert "of no use" in answer.json()["error"]
    assert int(answer.headers["content-length"]) == len(answer.content)


async def test_who_asks_for_outputs_that_a_model_has_not_makes_nobody_pass_it_over(
    asking: Asking, model_server: Server
) -> None:
    first, second = await model_server(headers=JSON), await model_server(headers=JSON)
    document = document_of((first, "tfserving"), (second, "kserve"))
    delay = await asking({**document, "protocol": "oip"})
    inputs = [{"name": "x", "shape": [1], "datatype": "FP64", "data": [1.5]}]
    asked = json.dumps({"inputs": inputs, "outputs": [{"name": "label"}, {"name": "probability"}]}).encode()
    for _ in range(7):
        answer = await delay.ask(asked)
        assert (answer.status_code, int(answer.headers["content-length"])) == (422, len(answer.content))
        assert "the outputs label, probability are asked for" in answer.json()["error"]
    good = await delay.ask(json.dumps({"inputs": inputs}).encode())
    assert (good.status_code, good.headers["x-hyperplan-model"]) == (200, "a@1")
    assert second.seen == []


async def test_an_error_that_is_the_clients_is_not_tried_elsewhere(asking: Asking, model_server: Server) -> None:
    first = await model_server(status=400, answer=b'{"error_code": "BAD", "message": "no such column"}', headers=JSON)
    second = await model_server(answer=GOOD, headers=JSON)
    delay = await asking(document_of((first, "mlflow"), (second, "tfserving")))
    answer = await delay.ask()
    assert (answer.status_code, answer.json()) == (400, {"error": "no such column"})
    assert not second.seen


async def test_a_request_that_cannot_be_said_to_the_model_is_refused_and_reaches_none(
    asking: Asking, model_server: Server
) -> None:
    first, second = await model_server(), await model_server()
    delay = await asking(document_of((first, "mlflow"), (second, "tfserving")))
    answer = await delay.ask(b'{"rows": [17]}')
    assert answer.status_code == 422
    assert "'instances' is missing" in answer.json()["error"]
    assert len(answer.headers.get_list("x-hyperplan-prediction-id")) == 1
    assert not first.seen
    assert not second.seen
    assert delay.memory.attempts == [("delay", "a@1", "untranslatable")]


async def test_an_answer_that_is_compressed_all_the_same_is_understood(asking: Asking, model_server: Server) -> None:
    zipped = {**JSON, "content-encoding": "gzip"}
    first, second = await model_server(answer=gzip.compress(GOOD), headers=zipped), await model_server()
    delay = await asking(document_of((first, "tfserving"), (second, "tfserving")))
    answer = await delay.ask()
    assert (answer.status_code, answer.content) == (200, GOOD)
    assert "content-encoding" not in answer.headers


async def test_a_stream_arrives_as_it_is(asking: Asking, model_server: Server) -> None:
    events = b"data: 1\n\ndata: 2\n\n"
    first = await model_server(answer=events, headers={"content-type": "text/event-stream"})
    delay = await asking(document_of((first, "tfserving"), (await model_server(), "mlflow")))
    answer = await delay.ask()
    assert (answer.status_code, answer.content) == (200, events)


async def test_many_large_requests_at_once_are_translated(asking: Asking, model_server: Server) -> None:
    rows = 2_000
    answer = json.dumps({"predictions": [0.123456789] * rows}).encode()
    first, second = await model_server(answer=answer, headers=JSON), await model_server()
    delay = await asking(document_of((first, "mlflow"), (second, "tfserving"), timeout=30))
    body = json.dumps({"instances": [{"x": 1.5}] * rows}).encode()
    found = await asyncio.gather(*(delay.ask(body) for _ in range(16)))
    assert {answer.status_code for answer in found} == {200}
    assert all(len(answer.json()["predictions"]) == rows for answer in found)

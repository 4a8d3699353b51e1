"""A chain of models, of which some fail: what the client gets, from a real Envoy and the real stages."""

import asyncio
import socket
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from extproc.stages.adapt import Adapt
from extproc.transports import H2Transport
from hyperplan.plan import CompiledPlan
from tests.envoy.running import (
    ChoosingSidecar,
    ModelServer,
    RunningEnvoy,
    Served,
    endpoint_document,
    plan,
    resources,
    unused_url,
)
from tests.extproc.conversation import Memory
from tests.support.waiting import eventually

Serving = Callable[..., Awaitable[Served]]
Server = Callable[..., Awaitable[ModelServer]]
BODY = b'{"instances": [{"x": 1.5}]}'
JSON = {"content-type": "application/json"}
FAILURES: dict[str, dict[str, Any]] = {
    "answers 503": {"status": 503},
    "hangs": {"hangs": True},
    "resets in the middle": {"breaks": True},
    "trickles": {"trickles": True},
    "answers garbage": {"answer": b"<html>"},
}


def chain(*urls: str, **changes: Any) -> dict[str, Any]:
    """An endpoint with a chain of models, the first of TensorFlow Serving, the others of MLflow."""
    names = [f"{name}@1" for name in "abcdef"[: len(urls)]]
    document = endpoint_document(dict(zip(names, urls, strict=True)), sampling={"rate": 1}, **changes)
    for name in names[1:]:
        document["models"][name]["protocol"] = "mlflow"
    return document


@pytest.mark.parametrize("failure", [*FAILURES, "is not there"])
async def test_a_model_that_fails_hands_over_to_one_of_another_framework(
    failure: str, served: Serving, model_server: Server, client: httpx.AsyncClient
) -> None:
    failing, fallback = await model_server(**FAILURES.get(failure, {})), await model_server(headers=JSON)
    url = unused_url("/first") if failure == "is not there" else failing.url("/first")
    delay = await served(chain(url, fallback.url("/second"), timeout=1))
    body = BODY[:-1] + b" " * (3 << 20) + b"}"  # more than the listener's buffer holds, less than the endpoint's limit
    response = await client.post(delay.url, content=body, headers=JSON)
    assert (response.status_code, response.json()) == (200, {"predictions": [0.5]})
    assert response.headers["x-hyperplan-model"] == "b@1"
    assert response.headers["x-envoy-attempt-count"] == "2"
    [seen] = fallback.seen
    assert (seen.path, seen.headers["host"]) == ("/second", f"127.0.0.1:{fallback.port}")
    assert seen.body.startswith(b'{"dataframe_split"')
    assert seen.headers["content-length"] == str(len(seen.body))
    await eventually(lambda: len(delay.memory.samples) == 1)
    sample, _ = delay.memory.samples[0]
    assert (sample.chosen, sample.answered, sample.attempts, sample.predictions) == ("a@1", "b@1", 2, [0.5])
    assert sample.prediction_id == response.headers["x-hyperplan-prediction-id"]


async def test_an_answer_larger_than_envoy_reads_at_once_is_translated(
    served: Serving, model_server: Server, client: httpx.AsyncClient
) -> None:
    answer = b'{"predictions": [0.5]' + b" " * (3 << 20) + b"}"
    model = await model_server(answer=answer, headers=JSON)
    delay = await served(chain(unused_url("/a"), model.url("/b")))
    response = await client.post(delay.url, content=BODY, headers=JSON)
    assert (response.status_code, response.content) == (200, b'{"predictions":[0.5]}')


async def test_an_answer_may_be_larger_than_the_endpoint_allows_a_request_to_be(
    served: Serving, model_server: Server, client: httpx.AsyncClient
) -> None:
    model = await model_server(answer=b'{"predictions": [0.5%s]}' % (b" " * 100_000), headers=JSON)
    delay = await served(chain(model.url("/a"), unused_url("/b"), max_body=100))
    answers = [await client.post(delay.url, content=body, headers=JSON) for body in (BODY, BODY + b" " * 100)]
    assert [answer.status_code for answer in answers] == [200, 413]
    assert answers[0].headers["x-hyperplan-model"] == "a@1"


async def test_failover_carries_a_burst_of_requests(
    served: Serving, model_server: Server, client: httpx.AsyncClient
) -> None:
    fallback = await model_server(headers=JSON)
    delay = await served(chain(unused_url("/a"), unused_url("/b"), fallback.url("/c")))
    answers = await asyncio.gather(*(client.post(delay.url, content=BODY, headers=JSON) for _ in range(64)))
    decided = [answer for answer in answers if answer.headers["x-hyperplan-model"] == "c@1"]
    assert {answer.status_code for answer in decided} == {200}
    assert len(decided) == len(delay.memory.routes), "all but those that the sidecar had no time for"
    assert any(answer.headers["x-envoy-attempt-count"] == "3" for answer in answers)


async def test_a_rule_answers_when_no_model_does(served: Serving, client: httpx.AsyncClient) -> None:
    document = chain(unused_url("/a"), unused_url("/b"))
    document["models"]["rule@1"] = {"rule": "features.x > 1.0 ? 0.75 : 0.25"}
    document["routing"]["fallback"] = ["b@1", "rule@1"]
    delay = await served(document)
    response = await client.post(delay.url, content=BODY, headers=JSON)
    assert (response.status_code, response.json()) == (200, {"predictions": [0.75]})
    assert (response.headers["x-hyperplan-model"], response.headers["x-envoy-attempt-count"]) == ("rule@1", "3")


async def test_a_chain_without_a_living_model_answers_503_in_the_clients_protocol(
    served: Serving, model_server: Server, client: httpx.AsyncClient
) -> None:
    failing = await model_server(status=503, answer=b'{"detail": "no"}', headers=JSON)
    delay = await served(chain(unused_url("/a"), failing.url("/b")))
    response = await client.post(delay.url, content=BODY, headers=JSON)
    assert response.status_code == 503


async def test_what_a_model_says_is_wrong_with_the_request_goes_to_the_client_and_to_no_other_model(
    served: Serving, model_server: Server, client: httpx.AsyncClient
) -> None:
    model, fallback = (
        await model_server(status=400, answer=b'{"error": "x is bad"}', headers=JSON),
        await model_server(),
    )
    delay = await served(chain(model.url("/a"), fallback.url("/b")))
    response = await client.post(delay.url, content=BODY, headers=JSON)
    assert (response.status_code, response.json(), fallback.seen) == (400, {"error": "x is bad"}, [])
    assert response.headers["x-hyperplan-model"] == "a@1"


@pytest.mark.parametrize("failure", ["hangs", "answers garbage"])
async def test_a_model_that_fails_again_and_again_is_passed_over(
    failure: str, served: Serving, model_server: Server, client: httpx.AsyncClient
) -> None:
    failing, fallback = await model_server(**FAILURES[failure]), await model_server(headers=JSON)
    delay = await served(chain(failing.url("/a"), fallback.url("/b"), timeout=0.4))
    tries = []
    for _ in range(7):
        response = await client.post(delay.url, content=BODY, headers=JSON)
        assert (response.status_code, response.headers["x-hyperplan-model"]) == (200, "b@1")
        tries.append(response.headers["x-envoy-attempt-count"])
    assert tries == ["2"] * 5 + ["1"] * 2


async def test_a_model_without_stand_ins_is_never_passed_over(
    served: Serving, model_server: Server, client: httpx.AsyncClient
) -> None:
    model = await model_server(status=503, headers=JSON)
    document = chain(model.url("/a"))
    document["models"]["a@1"]["health"] = "/health"
    delay = await served(document)
    assert [(await client.post(delay.url, content=BODY)).status_code for _ in range(7)] == [503] * 7
    model.status = 200
    assert (await client.post(delay.url, content=BODY)).status_code == 200


async def test_a_model_whose_health_check_fails_is_passed_over(
    served: Serving, model_server: Server, client: httpx.AsyncClient
) -> None:
    sick, well = await model_server(status=500), await model_server(headers=JSON)
    document = chain(sick.url("/a"), well.url("/b"))
    document["models"]["a@1"]["health"] = "/health"
    delay = await served(document)
    response = await client.post(delay.url, content=BODY, headers=JSON)
    assert (response.headers["x-hyperplan-model"], response.headers["x-envoy-attempt-count"]) == ("b@1", "1")
    assert {seen.path for seen in sick.seen} == {"/health"}


@pytest.mark.parametrize("checked", ["abc", "a", "b", "ab"])
async def test_a_model_whose_health_check_fails_is_asked_when_no_other_answers(
    checked: str, served: Serving, model_server: Server, client: httpx.AsyncClient
) -> None:
    """Its health page is broken; it is not."""
    servers = {name: await model_server(status=500, headers=JSON) for name in "abc"}
    document = chain(*(server.url(f"/{name}") for name, server in servers.items()))
    for name in checked:
        document["models"][f"{name}@1"]["health"] = "/health"
    delay = await served(document)
    alive = servers[checked[-1]]
    alive.status = 200
    response = await client.post(delay.url, content=BODY, headers=JSON)
    assert (response.status_code, response.headers["x-hyperplan-model"]) == (200, f"{checked[-1]}@1")


async def test_each_model_has_the_time_that_its_document_gives_it(
    served: Serving, model_server: Server, client: httpx.AsyncClient
) -> None:
    hanging, fallback = [await model_server(hangs=True) for _ in range(2)], await model_server(headers=JSON)
    document = chain(*(server.url() for server in hanging), fallback.url(), timeout=30)
    document["models"]["a@1"]["timeout"], document["models"]["b@1"]["timeout"] = 0.2, 0.4
    delay = await served(document)
    began = time.monotonic()
    response = await client.post(delay.url, content=BODY, headers=JSON)
    assert (response.headers["x-hyperplan-model"], response.headers["x-envoy-attempt-count"]) == ("c@1", "3")
    assert 0.6 <= time.monotonic() - began < 5


async def test_the_time_of_a_model_without_stand_ins_ends_in_a_504(
    served: Serving, model_server: Server, client: httpx.AsyncClient
) -> None:
    document = chain((await model_server(hangs=True)).url(), timeout=30)
    document["models"]["a@1"]["timeout"] = 0.2
    delay = await served(document)
    began = time.monotonic()
    response = await client.post(delay.url, content=BODY, headers=JSON)
    assert (response.status_code, time.monotonic() - began < 5) == (504, True)


async def test_a_model_sees_nothing_of_how_a_request_came_to_it_unless_the_next_may_have_to(
    served: Serving, model_server: Server, client: httpx.AsyncClient
) -> None:
    lone, first, second = await model_server(), await model_server(status=503), await model_server()
    apart = endpoint_document({"a@1": lone.url()}, name="apart", sampling={"rate": 1})
    delay = await served(chain(first.url(), second.url()), apart)
    await client.post(delay.url, content=BODY, headers=JSON)
    await client.post(delay.url.replace("delay", "apart"), content=BODY, headers=JSON)
    ours = [{name for name in server.seen[0].headers if "hyperplan" in name} for server in (lone, first, second)]
    each_try = {"x-hyperplan-arm", "x-hyperplan-revision"}
    assert ours == [set(), each_try, each_try | {"x-hyperplan-said"}]


async def test_a_stage_that_is_not_there_answers_503_at_once_and_is_no_failure_of_a_model(
    run: Path,
    envoy_with: Callable[..., Awaitable[RunningEnvoy]],
    model_server: Server,
    sidecar_choosing: Callable[..., Awaitable[ChoosingSidecar]],
    client: httpx.AsyncClient,
) -> None:
    model = await model_server(headers=JSON)
    document = chain(model.url("/a"), model.url("/b"))
    await sidecar_choosing(document, "a@1")
    envoy = await envoy_with(resources(document))
    for _ in range(7):
        response = await client.post(f"{envoy.url}/v1/models/delay:predict", content=BODY)
        assert (response.status_code, response.elapsed.total_seconds() < 2) == (503, True)
    stage = Adapt(Memory())
    stage.adopt(CompiledPlan(plan(document)))
    transport = H2Transport(stage, run / "adapt.sock")
    await transport.start()
    try:
        response = await client.post(f"{envoy.url}/v1/models/delay:predict", content=BODY)
        assert (response.status_code, response.headers["x-hyperplan-model"]) == (200, "a@1")
    finally:
        await transport.stop(0.1)


async def test_a_stage_that_is_stuck_is_told_from_models_that_are_slow_before_the_chain_is_asked_through(
    run: Path,
    envoy_with: Callable[..., Awaitable[RunningEnvoy]],
    model_server: Server,
    sidecar_choosing: Callable[..., Awaitable[ChoosingSidecar]],
    client: httpx.AsyncClient,
) -> None:
    model = await model_server()
    document = chain(model.url("/a"), model.url("/b"), timeout=2)
    await sidecar_choosing(document, "a@1")
    envoy = await envoy_with(resources(document))
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(run / "adapt.sock"))
        silent.listen()
        response = await client.post(f"{envoy.url}/v1/models/delay:predict", content=BODY)
    assert (response.status_code, model.seen) == (503, [])

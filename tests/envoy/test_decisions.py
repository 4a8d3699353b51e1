"""Decisions by thresholds through a real Envoy: of the model that answered, also after a failover, and never of a shadow."""

from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from tests.envoy.running import ModelServer, Served, endpoint_document, plan, unused_url
from tests.support.waiting import eventually

Serving = Callable[..., Awaitable[Served]]
Server = Callable[..., Awaitable[ModelServer]]
BODY = b'{"instances": [{"x": 1.5}]}'
JSON = {"content-type": "application/json"}
HEADER = "x-hyperplan-decision"


def deciding(models: dict[str, str], pinned: dict[str, float], **changes: Any) -> dict[str, Any]:
    """An endpoint that decides who is late."""
    block = {
        "objective": {"f_beta": 1},
        "decisions": {"positive": "late", "negative": "on-time"},
        "pinned": pinned,
        **changes.pop("block", {}),
    }
    return endpoint_document(models, task="binary", sampling={"rate": 1}, thresholds=block, **changes)


async def test_a_model_that_speaks_as_clients_do_is_decided_on_and_answers_as_it_did(
    served: Serving, model_server: Server, client: httpx.AsyncClient
) -> None:
    model = await model_server(headers=JSON, answer=b'{"predictions": [0.5, 0.25] }')
    delay = await served(deciding({"a@1": model.url("/a")}, {"a@1": 0.4}))
    response = await client.post(delay.url, content=BODY, headers=JSON)
    assert (response.status_code, response.content) == (200, model.answer)
    assert response.headers[HEADER] == "late,on-time"
    await eventually(lambda: len(delay.memory.samples) == 1)
    sample, _ = delay.memory.samples[0]
    assert (sample.decisions, sample.threshold) == (["late", "on-time"], 0.4)


async def test_after_a_failover_it_is_the_threshold_of_the_model_that_answered(
    served: Serving, model_server: Server, client: httpx.AsyncClient
) -> None:
    fallback = await model_server(headers=JSON)
    document = deciding(
        {"a@1": unused_url("/a"), "b@1": fallback.url("/b")}, {"a@1": 0.4, "b@1": 0.6}, block={"field": "decision"}
    )
    document["models"]["b@1"]["protocol"] = "mlflow"
    delay = await served(document)
    response = await client.post(delay.url, content=BODY, headers=JSON)
    assert response.json() == {"predictions": [0.5], "decision": ["on-time"]}
    assert (response.headers["x-hyperplan-model"], response.headers[HEADER]) == ("b@1", "on-time")
    await eventually(lambda: len(delay.memory.samples) == 1)
    sample, _ = delay.memory.samples[0]
    assert (sample.chosen, sample.answered, sample.decisions, sample.threshold) == ("a@1", "b@1", ["on-time"], 0.6)


async def test_a_shadow_decides_nothing(served: Serving, model_server: Server, client: httpx.AsyncClient) -> None:
    model, shadow = await model_server(headers=JSON), await model_server(headers=JSON, answer=b'{"predictions": [0.9]}')
    document = deciding({"a@1": model.url("/a"), "b@1": shadow.url("/b")}, {"a@1": 0.6, "b@1": 0.1})
    document["routing"] = {"split": {"a@1": 1}, "shadow": ["b@1"]}
    delay = await served(document)
    response = await client.post(delay.url, content=BODY, headers=JSON)
    assert response.headers[HEADER] == "on-time"
    await eventually(lambda: len(delay.memory.shadows) == 1)


async def test_another_threshold_is_in_force_with_the_next_plan(
    served: Serving, model_server: Server, client: httpx.AsyncClient
) -> None:
    model = await model_server(headers=JSON)
    models = {"a@1": model.url("/a")}
    delay = await served(deciding(models, {"a@1": 0.6}))
    clusters = await delay.envoy.clusters()
    assert (await client.post(delay.url, content=BODY, headers=JSON)).headers[HEADER] == "on-time"
    await delay.sidecar.adopt(plan(deciding(models, {"a@1": 0.5}), number=2))
    assert (await client.post(delay.url, content=BODY, headers=JSON)).headers[HEADER] == "late"
    assert await delay.envoy.clusters() == clusters, "a threshold is nothing to Envoy"


@pytest.mark.parametrize("kind", ["text/event-stream", "application/x-ndjson"])
async def test_a_stream_passes_undecided(
    kind: str, served: Serving, model_server: Server, client: httpx.AsyncClient
) -> None:
    model = await model_server(headers={"content-type": kind})
    delay = await served(deciding({"a@1": model.url("/a")}, {"a@1": 0.4}))
    response = await client.post(delay.url, content=BODY, headers=JSON)
    assert (response.status_code, response.content) == (200, model.answer)
    assert HEADER not in response.headers

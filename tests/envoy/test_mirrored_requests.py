"""Models that see copies of requests: what they are sent, what is told of them, and that no client ever notices."""

from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from extproc.xds import Resources
from hyperplan.plan import shadow_cluster
from tests.envoy.running import (
    ChoosingSidecar,
    ModelServer,
    RunningEnvoy,
    Served,
    endpoint_document,
    endpoint_of,
    resources,
    unused_url,
)
from tests.support.waiting import eventually

Serving = Callable[..., Awaitable[Served]]
EnvoyWith = Callable[..., Awaitable[RunningEnvoy]]
Server = Callable[..., Awaitable[ModelServer]]
BODY = b'{"instances": [{"x": 1.5}]}'
JSON = {"content-type": "application/json"}


def shadowed(model: str, shadow: str, **changes: Any) -> dict[str, Any]:
    """An endpoint whose one model speaks TensorFlow Serving's protocol, and its shadow MLflow's."""
    routing = {"split": {"a@1": 1}, "shadow": ["b@1"]}
    document = endpoint_document({"a@1": model, "b@1": shadow}, routing=routing, sampling={"rate": 1}, **changes)
    document["models"]["b@1"]["protocol"] = "mlflow"
    return document


async def test_a_shadow_gets_each_request_in_its_own_protocol_and_its_answer_is_told(
    served: Serving, model_server: Server, client: httpx.AsyncClient
) -> None:
    model, shadow = (
        await model_server(headers=JSON),
        await model_server(answer=b'{"predictions": [0.75]}', headers=JSON),
    )
    delay = await served(shadowed(model.url("/a"), shadow.url("/b")))
    response = await client.post(delay.url, content=BODY, headers=JSON)
    assert (response.json(), response.headers["x-hyperplan-model"]) == ({"predictions": [0.5]}, "a@1")
    await eventually(lambda: bool(delay.memory.shadows))
    [(sample, _)] = delay.memory.shadows
    assert (sample.model, sample.predictions, sample.failure) == ("b@1", [0.75], None)
    assert sample.prediction_id == response.headers["x-hyperplan-prediction-id"]
    [copy] = shadow.seen
    assert (copy.path, copy.headers["host"]) == ("/b", f"127.0.0.1:{shadow.port}")
    assert copy.body.startswith(b'{"dataframe_split"')
    assert [seen.body for seen in model.seen] == [BODY]


@pytest.mark.parametrize("shadow", ["is not there", "hangs", "answers 503", "answers garbage", "resets in the middle"])
async def test_a_shadow_that_fails_is_told_of_and_touches_no_client(
    shadow: str, served: Serving, model_server: Server, client: httpx.AsyncClient
) -> None:
    faults: dict[str, dict[str, Any]] = {
        "hangs": {"hangs": True},
        "answers 503": {"status": 503},
        "answers garbage": {"answer": b"<html>"},
        "resets in the middle": {"breaks": True},
    }
    model, failing = await model_server(headers=JSON), await model_server(**faults.get(shadow, {}))
    url = unused_url("/b") if shadow == "is not there" else failing.url("/b")
    delay = await served(shadowed(model.url("/a"), url, timeout=1))
    large = BODY[:-1] + b" " * (3 << 20) + b"}"
    for body in (BODY, large, BODY):
        response = await client.post(delay.url, content=body, headers=JSON)
        assert (response.status_code, response.headers["x-hyperplan-model"]) == (200, "a@1")
        assert response.elapsed.total_seconds() < 0.9
    if shadow != "is not there":  # without a connection the stage is not asked
        await eventually(lambda: len(delay.memory.shadows) == 3)
        assert all(sample.failure for sample, _ in delay.memory.shadows)


async def test_a_shadow_that_envoy_does_not_know_yet_touches_no_client(
    envoy_with: EnvoyWith,
    model_server: Server,
    sidecar_choosing: Callable[..., Awaitable[ChoosingSidecar]],
    client: httpx.AsyncClient,
) -> None:
    model = await model_server()
    document = shadowed(model.url("/a"), unused_url("/b"))
    await sidecar_choosing(document, "a@1")
    whole, unknown = resources(document), shadow_cluster(endpoint_of(document), "b@1")
    clusters = {name: part for name, part in whole.clusters.items() if name != unknown}
    assert len(clusters) < len(whole.clusters)
    envoy = await envoy_with(Resources(clusters, whole.routes))
    response = await client.post(f"{envoy.url}/v1/models/delay:predict", content=BODY)
    assert (response.status_code, response.headers["x-hyperplan-model"]) == (200, "a@1")


async def test_without_a_decision_nothing_is_copied(
    envoy_with: EnvoyWith, model_server: Server, client: httpx.AsyncClient
) -> None:
    model, shadow = await model_server(), await model_server()
    document = shadowed(model.url("/a"), shadow.url("/b"))
    envoy = await envoy_with(resources(document))
    response = await client.post(f"{envoy.url}/v1/models/delay:predict", content=BODY)
    assert response.status_code == 200
    assert shadow.seen == []
    assert shadow_cluster(endpoint_of(document), "b@1") in await envoy.clusters()

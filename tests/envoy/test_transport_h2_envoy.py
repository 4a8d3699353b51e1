"""A real Envoy in front of the h2 transport and the decide stage."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from cli.addresses import Address
from extproc.stages import Decide
from extproc.transports import H2Transport
from hyperplan.documents import Document
from hyperplan.endpoint import read_endpoint
from hyperplan.plan import CompiledPlan, Plan, PlannedEndpoint
from tests.envoy.running import ModelServer, RunningEnvoy, endpoint_document, resources
from tests.extproc.conversation import Memory
from tests.support.waiting import eventually

EnvoyWith = Callable[..., Awaitable[RunningEnvoy]]
Server = Callable[..., Awaitable[ModelServer]]
PATH = "/v1/models/delay:predict"
REQUESTS = 300


@pytest.fixture
async def served(run: Path) -> AsyncIterator[tuple[Decide, Memory]]:
    """A decide stage behind the transport, and what it told."""
    memory = Memory()
    decide = Decide(memory)
    transport = H2Transport(decide, run / "extproc.sock")
    await transport.start()
    yield decide, memory
    await transport.stop(0.1)


def adopt(decide: Decide, document: dict[str, Any]) -> None:
    decide.adopt(CompiledPlan(Plan(1, (PlannedEndpoint(1, read_endpoint(Document(document))),))))


async def post(client: httpx.AsyncClient, envoy: RunningEnvoy, content: bytes) -> int:
    return (await client.post(envoy.url + PATH, content=content)).status_code


@pytest.mark.parametrize("traced", [False, True])
async def test_hundreds_of_requests_are_decided(
    traced: bool,
    served: tuple[Decide, Memory],
    envoy_with: EnvoyWith,
    model_server: Server,
    client: httpx.AsyncClient,
) -> None:
    decide, memory = served
    model = await model_server(headers={"content-type": "application/json"})
    schema = {"on_violation": "reject", "features": {"x": {"type": "float"}}}
    document = endpoint_document(
        {"a@1": model.url("/a")}, on_failure="closed", sampling={"rate": 1, "max_per_second": 1e6}, schema=schema
    )
    adopt(decide, document)
    nowhere = Address("127.0.0.1", model.port)  # what takes no spans takes them as well as any
    tracing = {"traces": nowhere, "trace_sampling": 100} if traced else {}
    envoy = await envoy_with(resources(document), **tracing)
    for _ in range(REQUESTS // 30):
        good = [post(client, envoy, b'{"instances": [{"x": %d}]}' % number) for number in range(20)]
        bad = [post(client, envoy, b'{"instances": [{"x": "no"}]}') for _ in range(10)]
        assert await asyncio.gather(*good, *bad) == [200] * 20 + [422] * 10
    assert len([seen for seen in model.seen if seen.path == "/a"]) == REQUESTS * 2 // 3
    assert (len(memory.routes), len(memory.rejections)) == (REQUESTS * 2 // 3, REQUESTS // 3)
    await eventually(lambda: len(memory.samples) == REQUESTS)
    predictions = [sample.predictions for sample, _ in memory.samples if sample.predictions]
    assert len(predictions) == REQUESTS * 2 // 3, "the answers were seen too"
    traces = {trace.trace_id for _, trace in memory.samples if trace is not None}
    assert len(traces) == (REQUESTS if traced else 0)


async def test_large_bodies_fit_through(
    served: tuple[Decide, Memory], envoy_with: EnvoyWith, model_server: Server, client: httpx.AsyncClient
) -> None:
    decide, _ = served
    model = await model_server()
    document = endpoint_document({"a@1": model.url()}, on_failure="closed", max_body=32 << 20)
    adopt(decide, document)
    envoy = await envoy_with(resources(document))
    body = b'{"instances": [{"x": 1}]}' + b" " * (4 << 20)
    assert [await post(client, envoy, body) for _ in range(3)] == [200] * 3


async def test_requests_go_on_while_one_transport_hands_over_to_the_next(
    run: Path, envoy_with: EnvoyWith, model_server: Server, client: httpx.AsyncClient
) -> None:
    model = await model_server()
    document = endpoint_document({"a@1": model.url()}, on_failure="closed")
    decide = Decide(Memory())
    adopt(decide, document)
    transport = H2Transport(decide, run / "extproc.sock")
    await transport.start()
    envoy = await envoy_with(resources(document))
    statuses = []
    for _ in range(5):
        requests = [asyncio.create_task(post(client, envoy, b'{"instances": [{"x": 1}]}')) for _ in range(20)]
        following = H2Transport(decide, run / "extproc.sock")
        await following.start()  # takes the path over: the old one keeps its connections until it stops
        await transport.stop(5)
        transport = following
        statuses += await asyncio.gather(*requests)
    await transport.stop(0.1)
    assert statuses == [200] * 100

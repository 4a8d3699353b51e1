"""Changing what Envoy runs on, while clients send requests."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from google.protobuf.any_pb2 import Any

from extproc.xds import Refused, Resources, XdsServer
from extproc.xds.resources import CLUSTER
from hyperplan.plan import model_cluster
from tests.envoy.running import (
    PATIENCE,
    ModelServer,
    RunningEnvoy,
    Served,
    endpoint_document,
    endpoint_of,
    plan,
    resources,
)

EnvoyWith = Callable[[Resources], Awaitable[RunningEnvoy]]
Server = Callable[..., Awaitable[ModelServer]]
PATH = "/v1/models/delay:predict"


@asynccontextmanager
async def load(client: httpx.AsyncClient, url: str) -> AsyncIterator[list[int]]:
    """Sends requests from four clients at once; the list is the status of each, complete when the block has ended."""
    statuses: list[int] = []
    over = asyncio.Event()

    async def send() -> None:
        while not over.is_set():
            statuses.append((await client.post(url, content=b"{}")).status_code)

    async with asyncio.TaskGroup() as senders:
        for _ in range(4):
            senders.create_task(send())
        try:
            yield statuses
        finally:
            over.set()


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    """Wait for something to become true."""
    async with asyncio.timeout(PATIENCE):
        while not await condition():  # noqa: ASYNC110 - Envoy has no event to wait for
            await asyncio.sleep(0.02)


async def test_replacing_all_models_again_and_again_fails_no_request(
    envoy_with: EnvoyWith, model_server: Server, xds: XdsServer, client: httpx.AsyncClient
) -> None:
    old, new = await model_server(answer=b"old"), await model_server(answer=b"new")
    # A short limit is a short grace: clusters are also taken away while the load is on.
    versions = [resources(endpoint_document({f"m@{n}": (old, new)[n % 2].url()}, timeout=0.5)) for n in range(30)]
    envoy = await envoy_with(versions[0])
    async with load(client, envoy.url + PATH) as statuses:
        for version in versions[1:]:
            await xds.apply(version)
            answer = await client.post(envoy.url + PATH, content=b"{}")
            assert answer.headers["x-hyperplan-model"] == f"m@{versions.index(version)}"
    assert len(statuses) > 30
    assert set(statuses) == {200}


async def test_a_model_that_moves_to_another_address_under_its_name_fails_no_request(
    envoy_with: EnvoyWith, model_server: Server, xds: XdsServer, client: httpx.AsyncClient
) -> None:
    homes = [await model_server(answer=b"first"), await model_server(answer=b"second")]
    versions = [resources(endpoint_document({"m@1": homes[n % 2].url(f"/home/{n}")}, timeout=0.5)) for n in range(20)]
    envoy = await envoy_with(versions[0])
    async with load(client, envoy.url + PATH) as statuses:
        for number, version in enumerate(versions[1:], start=1):
            await xds.apply(version)
            answer = await client.post(envoy.url + PATH, content=b"{}")
            assert answer.content == homes[number % 2].answer
    assert len(statuses) > 20
    assert set(statuses) == {200}


async def test_a_request_that_is_under_way_to_an_arm_that_is_taken_out_gets_its_answer(
    envoy_with: EnvoyWith, model_server: Server, xds: XdsServer, client: httpx.AsyncClient
) -> None:
    slow, other = await model_server(answer=b"slow", hangs=True), await model_server(answer=b"other")
    envoy = await envoy_with(resources(endpoint_document({"slow@1": slow.url()}, timeout=20)))
    under_way = asyncio.create_task(client.post(envoy.url + PATH, content=b"{}"))

    async def has_arrived() -> bool:
        return len(slow.seen) == 1

    await until(has_arrived)
    await xds.apply(resources(endpoint_document({"other@1": other.url()}, timeout=20)))
    assert (await client.post(envoy.url + PATH, content=b"{}")).content == b"other"
    slow.released.set()
    answer = await under_way
    assert (answer.status_code, answer.content) == (200, b"slow")


async def test_when_apply_returns_envoy_routes_by_the_new_resources(
    envoy_with: EnvoyWith, model_server: Server, xds: XdsServer, client: httpx.AsyncClient
) -> None:
    model = await model_server()
    envoy = await envoy_with(resources())
    assert (await client.post(envoy.url + PATH, content=b"{}")).status_code == 404
    await xds.apply(resources(endpoint_document({"a@1": model.url()})))
    assert (await client.post(envoy.url + PATH, content=b"{}")).status_code == 200
    await xds.apply(resources())
    assert (await client.post(envoy.url + PATH, content=b"{}")).status_code == 404


async def test_old_clusters_go_after_the_grace(envoy_with: EnvoyWith, model_server: Server, xds: XdsServer) -> None:
    model = await model_server()
    documents = [endpoint_document({name: model.url()}, timeout=0.3) for name in ("a@1", "b@1")]
    first, second = model_cluster(endpoint_of(documents[0]), "a@1"), model_cluster(endpoint_of(documents[1]), "b@1")
    envoy = await envoy_with(resources(documents[0]))
    await xds.apply(resources(documents[1]))
    assert {first, second} <= await envoy.clusters()

    async def gone() -> bool:
        return first not in await envoy.clusters()

    await until(gone)
    assert second in await envoy.clusters()


async def test_resources_that_envoy_refuses_leave_the_old_ones_in_force(
    envoy_with: EnvoyWith, model_server: Server, xds: XdsServer, client: httpx.AsyncClient
) -> None:
    model = await model_server()
    good = resources(endpoint_document({"a@1": model.url()}))
    envoy = await envoy_with(good)
    nameless = Any(type_url=CLUSTER).SerializeToString()
    bad = Resources({**good.clusters, "": nameless}, good.routes)
    async with load(client, envoy.url + PATH) as statuses:
        with pytest.raises(Refused, match="Name"):
            await xds.apply(bad)
        await xds.apply(resources(endpoint_document({"b@1": model.url()})))
    assert set(statuses) == {200}
    answer = await client.post(envoy.url + PATH, content=b"{}")
    assert answer.headers["x-hyperplan-model"] == "b@1"


async def test_a_change_waits_for_an_envoy_to_come(
    run: Path, xds: XdsServer, model_server: Server, client: httpx.AsyncClient
) -> None:
    model = await model_server()
    await xds.start(resources())
    change = asyncio.create_task(xds.apply(resources(endpoint_document({"a@1": model.url()}))))
    envoy = await RunningEnvoy.launch(run)
    try:
        await envoy.ready()
        await asyncio.wait_for(change, PATIENCE)
        assert (await client.post(envoy.url + PATH, content=b"{}")).status_code == 200
    finally:
        await envoy.stop()


async def test_a_restarted_sidecar_is_found_and_no_request_fails_meanwhile(
    envoy_with: EnvoyWith, model_server: Server, xds: XdsServer, run: Path, client: httpx.AsyncClient
) -> None:
    model = await model_server()
    first = resources(endpoint_document({"a@1": model.url()}))
    envoy = await envoy_with(first)
    restarted = XdsServer(run / "xds.sock", grace=0.2)
    try:
        async with load(client, envoy.url + PATH) as statuses:
            await xds.stop()
            await restarted.start(first)
            change = restarted.apply(resources(endpoint_document({"b@1": model.url()})))
            await asyncio.wait_for(change, timeout=5)
        assert set(statuses) == {200}
        answer = await client.post(envoy.url + PATH, content=b"{}")
        assert answer.headers["x-hyperplan-model"] == "b@1"
    finally:
        await restarted.stop()


async def test_envoy_opens_only_when_it_has_routes(run: Path, xds: XdsServer) -> None:
    envoy = await RunningEnvoy.launch(run)
    try:

        async def says_that_it_is_not_ready() -> bool:
            try:
                return (await envoy.admin.get("/ready")).status_code == 503
            except httpx.TransportError:
                return False

        await until(says_that_it_is_not_ready)
        await xds.start(resources())
        await envoy.ready()
    finally:
        await envoy.stop()


async def test_an_endpoint_that_gets_no_requests_costs_envoy_little_memory(
    envoy_with: EnvoyWith, xds: XdsServer
) -> None:
    """A script for each cluster, and one more for each worker, would be 180 KB a cluster."""
    envoy = await envoy_with(resources())
    before = resident(envoy)
    models = {"a@1": "http://127.0.0.1:9/a", "b@1": "http://127.0.0.1:9/b"}
    split = {"split": {"a@1": 1, "b@1": 1}, "fallback": ["a@1", "b@1"]}
    plan = resources(*(endpoint_document(models, name=f"endpoint-{n}", routing=split) for n in range(100)))
    await xds.apply(plan)
    assert (resident(envoy) - before) / len(plan.clusters) < 100_000


def resident(envoy: RunningEnvoy) -> int:
    """Bytes of memory that an Envoy holds."""
    status = Path(f"/proc/{envoy.process.pid}/status").read_text()
    [line] = [line for line in status.splitlines() if line.startswith("VmRSS:")]
    return int(line.split()[1]) * 1024


async def test_a_hundred_routing_edits_in_a_row_fail_no_request(
    served: Callable[..., Awaitable[Served]], model_server: Server, xds: XdsServer, client: httpx.AsyncClient
) -> None:
    """Of two, one gives the arm a fallback, so that its answers are read, and the other takes it away."""
    model = await model_server()
    models = {"a@1": model.url("/a"), "b@1": model.url("/b")}
    routings = [{"split": {"a@1": 1}, "fallback": fallback} for fallback in ([], ["b@1"])]
    documents = [endpoint_document(models, routing=routing) for routing in routings]
    versions = [resources(document) for document in documents]
    delay = await served(documents[0])
    async with load(client, delay.url) as statuses:
        for edit in range(100):
            await xds.apply(versions[(edit + 1) % 2])
            await delay.sidecar.adopt(plan(documents[(edit + 1) % 2], number=edit + 2))
    assert set(statuses) == {200}
    assert {model for _, model, outcome in delay.memory.attempts if outcome == "ok"} == {"a@1"}

"""Two controls over one PostgreSQL, and what they do when it goes away."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import grpc
import httpx
import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2_grpc import LogsServiceStub

from cli.addresses import claim_each
from control.registry import Change, Registry, Stale, Write
from control.registry.database import open_database
from control.serve import ControlSettings, serve
from hyperplan.endpoint import parse_endpoint
from hyperplan.sample import Sample
from tests.control_data.conftest import DOCUMENT
from tests.support.databases import PostgresServer, postgres_binaries, postgres_server

MakeSample = Callable[..., Sample]

pytestmark = pytest.mark.xdist_group("postgresql")


@pytest.fixture
def server() -> Iterator[PostgresServer]:
    """A server of this test's own, which it may stop."""
    binaries = postgres_binaries()
    if binaries is None:
        pytest.skip("no PostgreSQL server is installed: apt-get install postgresql")
    with postgres_server(binaries) as server:
        yield server


@asynccontextmanager
async def control(data: Path, url: str) -> AsyncIterator[tuple[httpx.AsyncClient, str]]:
    """A control whose registry and store are both in a database: a client of its API, and where it takes samples."""
    api, otlp = claim_each({"--listen": "127.0.0.1:0", "--otlp-listen": "127.0.0.1:0"})
    settings = ControlSettings((api.host, api.port), (otlp.host, otlp.port), data, bucket=60.0, registry=url, store=url)
    stop = asyncio.Event()
    task = asyncio.create_task(serve(settings, stop))
    async with httpx.AsyncClient(base_url=f"http://{api.host}:{api.port}", timeout=30) as client:
        try:
            await answers(client, "/readyz", 200)
            yield client, f"{otlp.host}:{otlp.port}"
        finally:
            stop.set()
            await task


async def answers(client: httpx.AsyncClient, path: str, status: int) -> None:
    """Wait until a path is answered so."""
    async with asyncio.timeout(30):
        while True:
            try:
                if (await client.get(path)).status_code == status:
                    return
            except httpx.TransportError:
                pass
            await asyncio.sleep(0.05)


async def send(address: str, *samples: Sample) -> None:
    async with grpc.aio.insecure_channel(address) as channel:
        await export(channel, *samples)


async def export(channel: grpc.aio.Channel, *samples: Sample) -> None:
    request = ExportLogsServiceRequest()
    records = request.resource_logs.add().scope_logs.add().log_records
    for sample in samples:
        record = records.add()
        record.event_name = Sample.EVENT_NAME
        record.body.bytes_value = sample.encode()
    await LogsServiceStub(channel).Export(request, timeout=30)  # type: ignore[no-untyped-call]


async def test_controls_that_share_a_database_share_endpoints_plans_and_samples(
    server: PostgresServer, tmp_path: Path, make_sample: MakeSample
) -> None:
    url = server.create_database("shared")
    async with control(tmp_path / "one", url) as (one, to_one), control(tmp_path / "other", url) as (other, to_other):
        number = (await other.get("/v1/plan")).json()["number"]
        following = asyncio.create_task(other.get(f"/v1/plan?after={number}&wait=20"))
        started = time.monotonic()
        answer = await one.put(
            "/v1/endpoints/flight-delay", content=DOCUMENT, headers={"content-type": "application/yaml"}
        )
        assert answer.status_code == 200, answer.text
        assert [each["endpoint"]["name"] for each in (await following).json()["endpoints"]] == ["flight-delay"]
        assert time.monotonic() - started < 15  # not only when the question ran out

        await send(to_one, make_sample("a"), make_sample("b"))
        await send(to_other, make_sample("b"), make_sample("c"))
        for client in (one, other):
            found = (await client.get("/v1/endpoints/flight-delay/samples")).json()
            assert sorted(sample["prediction_id"] for sample in found) == ["a", "b", "c"]


async def test_a_database_that_goes_away_has_senders_come_back_and_is_used_again_when_it_is_there(
    server: PostgresServer, tmp_path: Path, make_sample: MakeSample
) -> None:
    async with control(tmp_path, server.create_database("away")) as (client, address):
        await send(address, make_sample("a"))
        server.stop()
        with pytest.raises(grpc.aio.AioRpcError) as told:
            await send(address, make_sample("b"))
        assert told.value.code() is grpc.StatusCode.UNAVAILABLE
        assert (await client.get("/healthz")).status_code == 200
        assert (await client.get("/readyz")).status_code == 503
        assert (await client.get("/v1/endpoints/flight-delay/samples")).status_code == 503

        server.start()
        await answers(client, "/readyz", 200)
        await send(address, make_sample("b"))
        await client.put("/v1/endpoints/flight-delay", content=DOCUMENT, headers={"content-type": "application/yaml"})
        found = (await client.get("/v1/endpoints/flight-delay/samples")).json()
        assert sorted(sample["prediction_id"] for sample in found) == ["a", "b"]


def test_of_two_controls_that_edit_the_same_revision_one_is_told_that_it_is_stale(server: PostgresServer) -> None:
    url = server.create_database("registry")
    one, other = Registry(open_database(url)), Registry(open_database(url))
    try:
        endpoint = parse_endpoint(DOCUMENT)
        entry = one.put(endpoint, Change.APPLY, Write())
        other.edit(
            "flight-delay",
            Change.ROUTING,
            Write(expected=entry.number),
            lambda _: parse_endpoint(DOCUMENT.replace("9, logit@1: 1", "8, logit@1: 2")),
        )
        with pytest.raises(Stale):
            one.delete("flight-delay", Write(expected=entry.number))
        assert one.number() == other.number() == one.plan().number
    finally:
        one.close()
        other.close()

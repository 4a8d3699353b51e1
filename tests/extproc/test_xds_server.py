"""The xDS server as a caller sees it when no Envoy is there; with one, see the tests with a real Envoy."""

import asyncio
import os
import stat
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import grpc.aio
import pytest

from extproc.wire.discovery_pb2 import DiscoveryRequest, DiscoveryResponse
from extproc.xds import Resources, XdsServer
from extproc.xds.resources import CLUSTER, ROUTES

OLD = Resources({"a": b"\n\x01a"}, {ROUTES: b"\n\x01r"})
NEW = Resources({"b": b"\n\x01b"}, {ROUTES: b"\n\x01s"})
STREAM = "/envoy.service.discovery.v3.AggregatedDiscoveryService/StreamAggregatedResources"


@pytest.fixture
def socket() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="hyperplan-") as folder:
        yield Path(folder) / "xds.sock"


@pytest.fixture
async def server(socket: Path) -> AsyncIterator[XdsServer]:
    server = XdsServer(socket)
    await server.start(OLD)
    yield server
    await server.stop()


async def first_push(socket: Path) -> list[bytes]:
    """The clusters that the first answer on a new stream holds."""
    async with grpc.aio.insecure_channel(f"unix:{socket}") as channel:
        stream = channel.stream_stream(
            STREAM,
            request_serializer=DiscoveryRequest.SerializeToString,
            response_deserializer=DiscoveryResponse.FromString,
        )()
        await stream.write(DiscoveryRequest(type_url=CLUSTER))
        response = await stream.read()
        stream.cancel()
        return list(response.resources)


@pytest.mark.usefixtures("server")
async def test_a_stream_gets_the_resources_in_force(socket: Path) -> None:
    assert await asyncio.wait_for(first_push(socket), 10) == [b"\n\x01a"]


async def test_the_socket_is_for_its_owner_alone_and_goes_with_the_server(server: XdsServer, socket: Path) -> None:
    assert stat.S_IMODE(os.stat(socket).st_mode) == 0o600
    await server.stop()
    assert os.listdir(socket.parent) == []


async def test_a_socket_left_behind_is_taken_over(socket: Path) -> None:
    os.mknod(socket)
    server = XdsServer(socket)
    await server.start(OLD)
    try:
        assert await asyncio.wait_for(first_push(socket), 10) == [b"\n\x01a"]
    finally:
        await server.stop()


async def test_resources_that_are_the_same_are_applied_without_an_envoy(server: XdsServer) -> None:
    await asyncio.wait_for(server.apply(Resources(dict(OLD.clusters), dict(OLD.routes))), 10)


async def test_a_cancelled_change_leaves_what_was_and_stands_in_nobodys_way(server: XdsServer, socket: Path) -> None:
    change = asyncio.create_task(server.apply(NEW))
    while not change.done():
        if len(await asyncio.wait_for(first_push(socket), 10)) == 2:  # the change has begun
            change.cancel()
        await asyncio.wait([change], timeout=0.01)
    assert change.cancelled()
    assert await asyncio.wait_for(first_push(socket), 10) == [b"\n\x01a"]
    await asyncio.wait_for(server.apply(OLD), 10)

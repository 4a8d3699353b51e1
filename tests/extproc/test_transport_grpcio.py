"""The grpc.aio transport, spoken to by a real gRPC client."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import grpc.aio
import pytest

from extproc.stages import Decide
from extproc.transports import GrpcioTransport
from extproc.wire import HeaderMap, HeaderValue, HttpBody, HttpHeaders, ProcessingRequest, ProcessingResponse
from tests.extproc.conversation import Memory
from tests.support.waiting import eventually

METHOD = "/envoy.service.ext_proc.v3.ExternalProcessor/Process"
Call = Callable[[], "grpc.aio.StreamStreamCall[ProcessingRequest, ProcessingResponse]"]


def headers() -> ProcessingRequest:
    path = HeaderValue(key=":path", raw_value=b"/v1/models/flight-delay:predict")
    return ProcessingRequest(request_headers=HttpHeaders(headers=HeaderMap(headers=[path]).SerializeToString()))


def body(content: bytes) -> ProcessingRequest:
    return ProcessingRequest(request_body=HttpBody(body=content, end_of_stream=True))


@pytest.fixture
async def call(decide: Decide, tmp_path: Path) -> AsyncIterator[Call]:
    """Opens a stream to a transport that serves the decide stage."""
    transport = GrpcioTransport(decide, tmp_path / "extproc.sock")
    await transport.start()
    async with grpc.aio.insecure_channel(f"unix:{tmp_path / 'extproc.sock'}") as channel:
        yield channel.stream_stream(
            METHOD,
            request_serializer=ProcessingRequest.SerializeToString,
            response_deserializer=ProcessingResponse.FromString,
        )
    await transport.stop(0.1)


async def test_each_message_gets_its_answer(call: Call) -> None:
    stream = call()
    await stream.write(headers())
    assert (await stream.read()).HasField("request_headers")
    await stream.write(body(b"{}"))
    assert (await stream.read()).immediate_response.status.code == 422


async def test_a_large_body_fits_through(call: Call) -> None:
    stream = call()
    await stream.write(headers())
    await stream.read()
    await stream.write(body(b" " * (10 << 20)))
    assert (await stream.read()).immediate_response.status.code == 413


async def test_a_cancelled_stream_closes_its_exchange(call: Call, memory: Memory) -> None:
    stream = call()
    await stream.write(headers())
    await stream.read()
    await stream.write(body(b"{}"))
    await stream.read()
    stream.cancel()
    await eventually(lambda: bool(memory.samples))


async def test_many_streams_share_a_connection(call: Call) -> None:
    async def one() -> int:
        stream = call()
        await stream.write(headers())
        await stream.read()
        await stream.write(body(b"not json"))
        status: int = (await stream.read()).immediate_response.status.code
        return status

    assert await asyncio.gather(*(one() for _ in range(100))) == [400] * 100


async def test_a_socket_left_by_a_killed_process_is_taken_over(decide: Decide, tmp_path: Path) -> None:
    (tmp_path / "extproc.sock").touch()
    transport = GrpcioTransport(decide, tmp_path / "extproc.sock")
    await transport.start()
    await transport.stop(0.1)


async def test_a_folder_that_is_not_there_is_a_clear_error(decide: Decide, tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"cannot listen on .*nowhere"):
        await GrpcioTransport(decide, tmp_path / "nowhere" / "extproc.sock").start()

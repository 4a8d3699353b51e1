"""The empty processors that the benchmark compares ours with: they answer as Envoy wants it, and start and end well."""

import asyncio
import os
import re
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import grpc
import grpc.aio
import pytest

from bench.peers.build import COMPILED, GRPCIO, Peer, Unavailable, build, is_current
from bench.peers.debian import PACKAGES
from cli.processes import Process, own_environment
from extproc.wire import ProcessingResponse

PROCESS = "/envoy.service.ext_proc.v3.ExternalProcessor/Process"
PATIENCE = 20.0
"""Seconds until a test gives up waiting for a process."""

REQUEST_HEADERS = (
    b"\x12\xa2\x02\n\x9f\x02\n\x1d\n\n:authority\x1a\x0f127.0.0.1:44897\n!\n\x05:path\x1a\x18/v1/models/delay:predict"
    b"\n\x0f\n\x07:method\x1a\x04POST\n\x0f\n\x07:scheme\x1a\x04http\n\r\n\x06accept\x1a\x03*/*\n \n\x0faccept-encoding"
    b"\x1a\rgzip, deflate\n!\n\nuser-agent\x1a\x13python-httpx/0.28.1\n\x14\n\x0econtent-length\x1a\x0225\n\x19\n\x11"
    b"x-forwarded-proto\x1a\x04http\n4\n\x0cx-request-id\x1a$dd9ac521-fb0e-4c07-8a79-c8d2e3a19bb6B\x00Z\x02\x08\x02"
)
REQUEST_BODY = b'"\x1d\n\x19{"instances": [{"x": 1}]}\x10\x01B\x00'
"""What Envoy 1.40 sent for one request, byte by byte, fields that nobody here knows included."""

KINDS = {
    "request_headers": REQUEST_HEADERS,
    "response_headers": b"\x1a" + REQUEST_HEADERS[1:],
    "request_body": REQUEST_BODY,
    "response_body": b"*" + REQUEST_BODY[1:],
    "request_trailers": b"2\x00",
    "response_trailers": b":\x00",
}


@pytest.fixture(scope="module")
def peers() -> dict[str, Peer | Unavailable]:
    return build()


@pytest.fixture(params=["grpcio", *COMPILED])
def peer(peers: dict[str, Peer | Unavailable], request: pytest.FixtureRequest) -> Peer:
    found = peers[request.param]
    if isinstance(found, Unavailable):
        pytest.skip(found.reason)
    return found


@pytest.fixture
def socket() -> Iterator[Path]:
    """A path short enough for a socket."""
    folder = tempfile.mkdtemp(prefix="hyperplan-")
    yield Path(folder) / "extproc.sock"
    shutil.rmtree(folder)


async def started(peer: Peer, socket: Path) -> Process:
    """A process of this peer that accepts connections."""
    process = Process("peer", [*peer.command, str(socket)], own_environment(), lambda _name, _line: None)

    async def accepts() -> bool:
        try:
            _, writer = await asyncio.open_unix_connection(socket)
        except OSError:
            return False
        writer.close()
        return True

    await process.start()
    try:
        await process.until(accepts, PATIENCE)
    except BaseException:
        await process.stop()
        raise
    return process


@pytest.fixture
async def running(peer: Peer, socket: Path) -> AsyncIterator[Process]:
    process = await started(peer, socket)
    yield process
    await process.stop()


@pytest.fixture
async def channel(running: Process, socket: Path) -> AsyncIterator[grpc.aio.Channel]:  # noqa: ARG001 - it must run
    async with grpc.aio.insecure_channel(f"unix:{socket}") as channel:
        yield channel


def open_stream(channel: grpc.aio.Channel) -> grpc.aio.StreamStreamCall:
    """A stream on which requests are bytes, as they were recorded."""
    return channel.stream_stream(PROCESS, response_deserializer=ProcessingResponse.FromString)(timeout=PATIENCE)


async def test_a_peer_answers_the_headers_and_the_body_of_a_request_on_one_stream(channel: grpc.aio.Channel) -> None:
    stream = open_stream(channel)
    answers = []
    for message in (REQUEST_HEADERS, REQUEST_BODY):
        await stream.write(message)
        answers.append(await stream.read())
    await stream.done_writing()
    assert await stream.read() is grpc.aio.EOF
    assert answers == [ProcessingResponse(request_headers={}), ProcessingResponse(request_body={})]
    assert await stream.code() is grpc.StatusCode.OK


async def first_answer(channel: grpc.aio.Channel, message: bytes) -> ProcessingResponse | None:
    """The answer to one message, or nothing if the stream ends without."""
    stream = open_stream(channel)
    await stream.write(message)
    await stream.done_writing()
    try:
        answer = await stream.read()
    except grpc.aio.AioRpcError:
        return None
    return None if answer is grpc.aio.EOF else answer


async def test_a_peer_gives_each_kind_of_message_the_empty_answer_of_its_kind(channel: grpc.aio.Channel) -> None:
    answers = {kind: await first_answer(channel, message) for kind, message in KINDS.items()}
    assert answers == {kind: ProcessingResponse(**{kind: {}}) for kind in KINDS}


@pytest.mark.parametrize("peer", COMPILED, indirect=True)
async def test_a_compiled_peer_reads_the_headers_to_their_depth(channel: grpc.aio.Channel) -> None:
    name_longer_than_its_message, empty_name = b"\x12\x06\n\x04\n\x02\n\x05", b"\x12\x06\n\x04\n\x02\n\x00"
    assert await first_answer(channel, name_longer_than_its_message) is None
    assert await first_answer(channel, empty_name) is not None, "it serves on"


async def test_a_peer_takes_over_a_socket_that_a_killed_one_left(peer: Peer, socket: Path) -> None:
    killed = await started(peer, socket)
    killed.send(signal.SIGKILL)
    await killed.wait()
    assert socket.exists()  # noqa: ASYNC240 - nothing else runs on this loop
    process = await started(peer, socket)
    await process.stop()


async def test_a_peer_that_gets_sigterm_lets_its_streams_end_and_ends_well(
    running: Process, channel: grpc.aio.Channel
) -> None:
    stream = open_stream(channel)
    await stream.write(REQUEST_HEADERS)
    assert await stream.read() == ProcessingResponse(request_headers={})
    running.send(signal.SIGTERM)
    await stream.write(REQUEST_BODY)
    assert await stream.read() == ProcessingResponse(request_body={})
    await stream.done_writing()
    assert await stream.code() is grpc.StatusCode.OK
    assert await asyncio.wait_for(running.wait(), PATIENCE) == 0


def test_a_peer_says_what_it_is_made_with(peer: Peer) -> None:
    assert re.search(r"g?rpc.* \d+\.\d+\.\d+, ", peer.version(), re.IGNORECASE)


def test_a_peer_that_is_built_is_not_built_again(peers: dict[str, Peer | Unavailable]) -> None:
    shown: list[str] = []
    assert build(shown.append) == peers
    assert shown == [], "no progress to show"


def test_a_binary_older_than_one_of_its_sources_is_not_current(tmp_path: Path) -> None:
    binary, old, new = (tmp_path / name for name in ("binary", "old.go", "new.go"))
    assert not is_current(binary, [])
    for age, path in enumerate((new, binary, old)):
        path.touch()
        os.utime(path, (1000 - age, 1000 - age))
    assert is_current(binary, [old])
    assert not is_current(binary, [old, new])


def test_without_compilers_each_peer_says_which_packages_it_wants(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    peers = build(built=tmp_path)
    assert peers["grpcio"] == GRPCIO
    for name, how in COMPILED.items():
        unavailable = peers[name]
        assert isinstance(unavailable, Unavailable)
        assert all(program in unavailable.reason for program in how.programs)
        assert all(package in unavailable.reason for package in PACKAGES[name])


def test_a_peer_that_does_not_compile_says_where_the_compiler_tells_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs = tmp_path / "programs"
    programs.mkdir()
    refusing = "#!/bin/sh\necho no library >&2\nexit 1\n"
    for program in {program for how in COMPILED.values() for program in how.programs}:
        (programs / program).write_text(refusing)
        (programs / program).chmod(0o755)
    monkeypatch.setenv("PATH", str(programs))
    peers = build(lambda _line: None, tmp_path)
    for name in COMPILED:
        unavailable = peers[name]
        assert isinstance(unavailable, Unavailable)
        assert str(tmp_path / f"{name}.log") in unavailable.reason
        assert (tmp_path / f"{name}.log").read_text() == "no library\n"

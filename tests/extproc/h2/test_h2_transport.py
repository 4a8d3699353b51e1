"""The transport on a socket: the same conversations as through grpcio, and clients that do not behave."""

import asyncio
import contextlib
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import h2.events
import pytest

from extproc.stages import Decide, Metadata
from extproc.transports import TRANSPORTS, H2Transport
from extproc.transports.h2 import protocol
from extproc.transports.h2.errors import ErrorCode
from extproc.transports.h2.frames import (
    CONTINUATION,
    DATA,
    GOAWAY,
    PING,
    PREFACE,
    RST_STREAM,
    SETTINGS,
    WINDOW_UPDATE,
    frame,
)
from extproc.wire import (
    BodyMutation,
    BodyResponse,
    CommonResponse,
    HeadersResponse,
    ProcessingRequest,
    ProcessingResponse,
)
from tests.extproc.attempts import ANSWER, REQUEST, adapt_for, an_endpoint, messages
from tests.extproc.conversation import DOCUMENT, Memory, decide_for
from tests.extproc.h2.peer import SETTINGS_ACK, SETTINGS_FRAME, data, frames_of, headers
from tests.extproc.h2.serving import Misbehaving, framed, grpc_client, request_body, request_headers, serving
from tests.support.waiting import eventually

GRPC_STATUS_0 = b"\x0bgrpc-status\x010"
GOOD = b'{"instances": [{"dep_delay": 1.5, "carrier": "AA", "distance": 10, "tailnum": "N1"}]}'
CONVERSATIONS: dict[str, list[ProcessingRequest]] = {
    "nothing": [],
    "headers alone": [request_headers()],
    "a good body": [request_headers(), request_body(GOOD)],
    "a bad body": [request_headers(), request_body(b'{"instances": [{"dep_delay": -90}]}')],
    "no JSON": [request_headers(), request_body(b"{")],
    "an empty body": [request_headers(), request_body(b"")],
    "another path": [request_headers("/elsewhere")],
    "out of turn": [request_body(GOOD), request_headers(), request_headers(), request_body(GOOD)],
    "a message that holds nothing": [request_headers(), ProcessingRequest()],
    "a large body": [request_headers(), request_body(b" " * (5 << 20))],
}


class Echo:
    """A stage that keeps its metadata and counts its exchanges."""

    def __init__(self, *, fails: bool = False, over: bool = False) -> None:
        self.metadata: list[Metadata] = []
        self.open_now = 0
        self.fails = fails
        self.over = over

    def open(self, metadata: Metadata) -> "Echo":
        self.metadata.append(metadata)
        self.open_now += 1
        return self

    def receive(self, message: bytes) -> bytes:
        ProcessingRequest.FromString(message)
        if self.fails:
            raise RuntimeError("this stage fails")
        return ProcessingResponse(request_headers=HeadersResponse()).SerializeToString()

    def close(self) -> None:
        self.open_now -= 1


@pytest.fixture
def socket(tmp_path: Path) -> Path:
    return tmp_path / "extproc.sock"


async def converse(call: Any, messages: list[ProcessingRequest], **options: Any) -> tuple[list[bytes], grpc.StatusCode]:
    """The answers to some messages, each sent after the answer to the one before, and how the stream ended."""
    stream = call(**options)
    answers = []
    try:
        for message in messages:
            await stream.write(message)
            answer = await stream.read()
            if answer is grpc.aio.EOF:
                break
            answers.append(answer.SerializeToString(deterministic=True))
        await stream.done_writing()
        assert await stream.read() is grpc.aio.EOF
    except grpc.aio.AioRpcError:
        pass
    return answers, await stream.code()


@pytest.mark.parametrize("what", CONVERSATIONS)
async def test_a_conversation_goes_as_it_does_through_grpcio(what: str, tmp_path: Path) -> None:
    outcomes = []
    for name in TRANSPORTS:
        memory = Memory()
        async with (
            serving(name, decide_for(DOCUMENT, memory), tmp_path / name),
            grpc_client(tmp_path / name) as call,
        ):
            outcomes.append([await converse(call, CONVERSATIONS[what]) for _ in range(3)])
            await eventually(lambda memory=memory: what != "a good body" or len(memory.samples) == 3)  # type: ignore[misc]
        outcomes[-1].append((memory.routes, memory.rejections, memory.violations, memory.flaws))  # type: ignore[arg-type]
    assert outcomes[0] == outcomes[1]


@pytest.mark.parametrize(
    ("body", "status", "answer"),
    [(REQUEST, 200, ANSWER), (REQUEST, 200, b"garbage"), (REQUEST, 400, b'{"message": "no"}'), (b"{", 200, ANSWER)],
)
async def test_an_attempt_goes_as_it_does_through_grpcio(
    body: bytes, status: int, answer: bytes, tmp_path: Path
) -> None:
    outcomes: list[Any] = []
    for name in TRANSPORTS:
        memory = Memory()
        async with (
            serving(name, adapt_for(an_endpoint(), memory), tmp_path / name),
            grpc_client(tmp_path / name) as call,
        ):
            said = await converse(call, messages("logit@1", body, status, answer))
            await eventually(lambda memory=memory: len(memory.attempts) == 1)  # type: ignore[misc]
        outcomes.append((said, memory.attempts))
    assert outcomes[0] == outcomes[1]


@pytest.mark.parametrize("name", TRANSPORTS)
async def test_the_largest_body_that_an_endpoint_may_allow_fits_through_both_ways(name: str, socket: Path) -> None:
    class Mirror(Echo):
        def receive(self, message: bytes) -> bytes:
            body = ProcessingRequest.FromString(message).request_body.body
            response = CommonResponse(body_mutation=BodyMutation(body=body))
            return ProcessingResponse(request_body=BodyResponse(response=response)).SerializeToString()

    async with serving(name, Mirror(), socket), grpc_client(socket, **{"grpc.max_receive_message_length": -1}) as call:
        stream = call()
        await stream.write(request_body(bytes(64 << 20)))
        assert len((await stream.read()).request_body.response.body_mutation.body) == 64 << 20


async def test_a_conversation_sent_at_once_gets_the_same_answers(decide: Decide, socket: Path) -> None:
    async with serving("h2", decide, socket), grpc_client(socket) as call:
        answers, _ = await converse(call, CONVERSATIONS["out of turn"])
        stream = call(iter(CONVERSATIONS["out of turn"]))
        assert [answer.SerializeToString(deterministic=True) async for answer in stream] == answers


async def test_the_stage_sees_the_same_metadata_as_through_grpcio(tmp_path: Path) -> None:
    stages = {}
    for name in TRANSPORTS:
        stages[name] = Echo()
        async with serving(name, stages[name], tmp_path / name), grpc_client(tmp_path / name) as call:
            for trace in range(5):
                metadata = (("traceparent", f"00-{trace:032x}-00f067aa0ba902b7-01"), ("x-bin", b"\0\xff"), ("x", "y"))
                await converse(call, [request_headers()], metadata=metadata)
    keys = ("traceparent", "x", "x-bin", "user-agent", "content-type", "te", "grpc-accept-encoding", ":path", "nothing")
    seen = {
        name: [[metadata.get(key) for key in keys] for metadata in stage.metadata] for name, stage in stages.items()
    }
    assert seen["h2"] == seen["grpcio"]
    assert len({traceparent for traceparent, *_ in seen["h2"]}) == 5


async def test_a_stage_that_fails_ends_its_stream_as_through_grpcio(tmp_path: Path) -> None:
    for name in TRANSPORTS:
        stage = Echo(fails=True)
        async with serving(name, stage, tmp_path / name), grpc_client(tmp_path / name) as call:
            assert await converse(call, [request_headers()]) == ([], grpc.StatusCode.UNKNOWN)
            await eventually(lambda stage=stage: stage.open_now == 0)  # type: ignore[misc]


@pytest.mark.parametrize("name", TRANSPORTS)
async def test_a_stream_ends_when_the_stage_has_no_more_to_say(name: str, socket: Path) -> None:
    stage = Echo(over=True)
    async with serving(name, stage, socket), grpc_client(socket) as call:
        stream = call()
        await stream.write(request_headers())
        assert (await stream.read()).HasField("request_headers")
        assert await stream.read() is grpc.aio.EOF
        assert await stream.code() is grpc.StatusCode.OK
        await eventually(lambda: stage.open_now == 0)


async def test_many_streams_share_a_connection(decide: Decide, socket: Path) -> None:
    async with serving("h2", decide, socket), grpc_client(socket) as call:
        outcomes = await asyncio.gather(*(converse(call, CONVERSATIONS["a bad body"]) for _ in range(200)))
    assert len(outcomes[0][0]) == 2
    assert all(outcome == outcomes[0] for outcome in outcomes)


async def test_a_cancelled_stream_closes_its_exchange(socket: Path) -> None:
    stage = Echo()
    async with serving("h2", stage, socket), grpc_client(socket) as call:
        stream = call()
        await stream.write(request_headers())
        await stream.read()
        assert stage.open_now == 1
        stream.cancel()
        await eventually(lambda: stage.open_now == 0)


async def test_a_client_that_goes_away_closes_its_exchanges(socket: Path) -> None:
    stage = Echo()
    async with serving("h2", stage, socket):
        async with Misbehaving.connected(socket) as client:
            client.open()
            client.open()
            await eventually(lambda: stage.open_now == 2)
        await eventually(lambda: stage.open_now == 0)


async def test_a_deadline_is_kept(socket: Path) -> None:
    stage = Echo()
    async with serving("h2", stage, socket), Misbehaving.connected(socket) as client:
        stream_id = client.open({"grpc-timeout": "20m"})
        client.say(stream_id, framed(request_headers()))
        assert (await client.ending(stream_id))["grpc-status"] == "4"
        assert stage.open_now == 0


async def test_it_serves_tcp_too(decide: Decide) -> None:
    transport = H2Transport(decide, ("127.0.0.1", 0))
    await transport.start()
    async with grpc_client(f"127.0.0.1:{transport.port}") as call:
        answers, code = await converse(call, CONVERSATIONS["a good body"])
    await transport.stop(0.1)
    assert (len(answers), code) == (2, grpc.StatusCode.OK)


async def test_a_socket_left_by_a_killed_process_is_taken_over(decide: Decide, socket: Path) -> None:
    socket.touch()  # noqa: ASYNC240 - an empty file
    async with serving("h2", decide, socket), grpc_client(socket) as call:
        assert (await converse(call, CONVERSATIONS["headers alone"]))[1] == grpc.StatusCode.OK


async def test_a_folder_that_is_not_there_is_a_clear_error(decide: Decide, tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"cannot listen on .*nowhere"):
        await H2Transport(decide, tmp_path / "nowhere" / "extproc.sock").start()


REFUSED = {
    "another method": ({":path": "/x.Y/Z"}, {":status": "200", "grpc-status": "12"}),
    "GET": ({":method": "GET"}, {":status": "405"}),
    "JSON": ({"content-type": "application/json"}, {":status": "415"}),
    "gRPC of JSON": ({"content-type": "application/grpc+json"}, {":status": "415"}),
    "a timeout that is none": ({"grpc-timeout": "soon"}, {"grpc-status": "13"}),
}


@pytest.mark.parametrize("what", REFUSED)
async def test_what_is_not_served_gets_a_clear_answer(what: str, socket: Path) -> None:
    changes, expected = REFUSED[what]
    stage = Echo()
    async with serving("h2", stage, socket), Misbehaving.connected(socket) as client:
        for _ in range(2):
            fields = await client.ending(client.open(changes))
            assert expected.items() <= fields.items()
    assert stage.metadata == []


@pytest.mark.parametrize("kind", ["application/grpc+proto", "application/grpc;charset=utf-8", "application/GRPC"])
async def test_every_content_type_of_grpc_is_served(kind: str, decide: Decide, socket: Path) -> None:
    async with serving("h2", decide, socket), Misbehaving.connected(socket) as client:
        fields = await client.ending(client.open({"content-type": kind}, end=True))
        assert fields == {":status": "200", "content-type": "application/grpc", "grpc-status": "0"}


BAD_CONTENT = {
    "no message": ({}, b"\0\0\0\0\x02\xff\xff", "13"),
    "a message that is cut off": ({}, b"\0\0\0\0\x09abc", "13"),
    "a message that is too large": ({}, b"\0\x7f\0\0\0", "8"),
    "compressed, and not said so": ({}, b"\x01\0\0\0\x01x", "13"),
    "compressed": ({"grpc-encoding": "gzip"}, b"\x01\0\0\0\x01x", "12"),
    "an unknown flag": ({}, b"\x07\0\0\0\x01x", "13"),
}


@pytest.mark.parametrize("what", BAD_CONTENT)
async def test_content_that_is_no_message_ends_its_stream_with_a_status(what: str, socket: Path) -> None:
    changes, content, status = BAD_CONTENT[what]
    stage = Echo()
    async with serving("h2", stage, socket), Misbehaving.connected(socket) as client:
        stream_id = client.open(changes)
        client.say(stream_id, framed(request_headers()) + content, end=True)
        fields = await client.ending(stream_id)
        assert (fields["grpc-status"], fields.get("grpc-accept-encoding")) == (
            status,
            "identity" if status == "12" else None,
        )
        assert len(client.content(stream_id)) > 5, "the message before was answered"
        assert stage.open_now == 0


async def test_messages_that_are_never_finished_are_bounded(socket: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "MOST_HELD", 20_000)
    async with serving("h2", Echo(), socket), Misbehaving.connected(socket) as client:
        streams = [client.open() for _ in range(3)]
        for stream_id in streams:
            client.say(stream_id, b"\0\0\x01\0\0" + bytes(9000))
        assert (await client.ending(streams[2]))["grpc-status"] == "8"
        client.h2.reset_stream(streams[0])
        another = client.open()
        client.say(another, b"\0\0\x01\0\0" + bytes(9000))
        last = client.open()
        client.say(last, framed(request_headers()), end=True)
        assert (await client.ending(last))["grpc-status"] == "0"


async def test_a_slow_window_gets_the_whole_answer(socket: Path) -> None:
    async with serving("h2", decide_for(DOCUMENT, Memory()), socket), Misbehaving.connected(socket) as client:
        client.h2.update_settings({4: 7})
        client.send()
        await client.heard(h2.events.SettingsAcknowledged)
        stream_id = client.open()
        client.say(stream_id, framed(request_headers()) + framed(request_body(b"{")), end=True)
        while not any(isinstance(event, h2.events.StreamEnded) for event in client.events):
            seen = len(client.content(stream_id))
            await client.heard(h2.events.DataReceived)
            client.h2.increment_flow_control_window(11, stream_id)
            client.send()
            await client.more()
            assert len(client.content(stream_id)) - seen <= 7 + 11 + 11
        answers = client.content(stream_id)
    assert b"application/problem+json" in answers
    assert answers.endswith(b"hyperplan_refused")


@pytest.mark.parametrize("said", [b"", PREFACE[:10], PREFACE, PREFACE + SETTINGS_FRAME[:9], PREFACE + SETTINGS_FRAME])
async def test_a_peer_that_does_not_begin_is_let_go(said: bytes, socket: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "HANDSHAKE", 0.02)
    async with serving("h2", Echo(), socket):
        reader, writer = await asyncio.open_unix_connection(str(socket))
        writer.write(said)
        last = frames_of(await asyncio.wait_for(reader.read(), 15))[-1]
        assert (last.kind, last.payload[4:8]) == (GOAWAY, ErrorCode.SETTINGS_TIMEOUT.to_bytes(4, "big"))
        writer.close()


async def test_a_peer_that_never_acknowledges_settings_is_let_go(socket: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "HANDSHAKE", 0.02)
    async with serving("h2", Echo(), socket), Misbehaving.connected(socket) as client:
        await client.closed()


async def test_a_peer_that_does_not_read_is_not_read_from(socket: Path) -> None:
    message = framed(request_headers())
    chunk = frame(DATA, 0, 1, message * 300)
    windows = frame(SETTINGS, 0, 0, b"\0\x04\x7f\xff\xff\xff") + frame(WINDOW_UPDATE, 0, 0, b"\x7f\xff\0\0")
    async with serving("h2", Echo(), socket):
        reader, writer = await asyncio.open_unix_connection(str(socket))
        writer.write(PREFACE + windows + SETTINGS_ACK + headers(first=True))
        sent = 0
        stuck = False
        while not stuck and sent < 100_000:  # 300 messages each: far more than all buffers together
            writer.write(chunk)
            sent += 1
            try:
                await asyncio.wait_for(writer.drain(), 1)
            except TimeoutError:
                stuck = True
        assert stuck
        writer.write(data(1, b"", end=True))
        heard = b""
        async with asyncio.timeout(15):
            while not heard.endswith(GRPC_STATUS_0):
                heard += await reader.read(1 << 18)
        writer.close()
    answers = sum(len(one.payload) for one in frames_of(heard) if one.kind == DATA)
    assert answers == sent * 300 * len(b"\0\0\0\0\x02\x0a\0")


async def test_a_peer_that_does_not_read_is_not_waited_for_when_its_connection_is_over(
    socket: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocol, "LINGER", 0.02)
    windows = frame(SETTINGS, 0, 0, b"\0\x04\x7f\xff\xff\xff") + frame(WINDOW_UPDATE, 0, 0, b"\x7f\xff\0\0")
    transport = H2Transport(Echo(), socket)
    await transport.start()
    _, writer = await asyncio.open_unix_connection(str(socket))
    writer.write(PREFACE + windows + SETTINGS_ACK + headers(first=True))
    writer.write(frame(DATA, 0, 1, framed(request_headers()) * 300) * 300)
    try:
        await eventually(
            lambda: any(not served._transport.is_reading() for served in transport._connections._protocols)
        )
        await transport.stop(0)
        assert not transport._connections._protocols
    finally:
        writer.transport.abort()


FLOODS = {
    "PING": [frame(PING, 0, 0, b"12345678")] * 2000,
    "SETTINGS": [frame(SETTINGS, 0, 0)] * 2000,
    "CONTINUATION": [headers(1, flags=0), *[frame(CONTINUATION, 0, 1, b"\x88")] * 2000],
    "empty DATA": [headers(1), *[data(1, b"")] * 2000],
    "rapid reset": [
        part for turn in range(2000) for part in (headers(1 + 2 * turn), frame(RST_STREAM, 0, 1 + 2 * turn, bytes(4)))
    ],
}


@pytest.mark.parametrize("flood", FLOODS)
async def test_a_flood_ends_its_connection_and_the_others_go_on(flood: str, decide: Decide, socket: Path) -> None:
    async with serving("h2", decide, socket), grpc_client(socket) as call:
        before = await converse(call, CONVERSATIONS["a bad body"])
        reader, writer = await asyncio.open_unix_connection(str(socket))
        heard = b""
        with contextlib.suppress(ConnectionError):  # the server closes before it has read all of the flood
            writer.write(PREFACE + SETTINGS_FRAME + b"".join(FLOODS[flood]))
            async with asyncio.timeout(15):
                while more := await reader.read(1 << 18):
                    heard += more
        writer.close()
        last = frames_of(heard)[-1]
        assert (last.kind, last.payload[4:8]) == (GOAWAY, ErrorCode.ENHANCE_YOUR_CALM.to_bytes(4, "big"))
        assert await converse(call, CONVERSATIONS["a bad body"]) == before


async def test_stopping_lets_open_streams_end(socket: Path) -> None:
    stage = Echo()
    transport = H2Transport(stage, socket)
    await transport.start()
    async with grpc_client(socket) as call:
        stream = call()
        await stream.write(request_headers())
        await stream.read()
        stopping = asyncio.create_task(transport.stop(15))
        await asyncio.sleep(0)  # it has begun
        await stream.write(request_headers())
        assert (await stream.read()).HasField("request_headers")
        assert not stopping.done()
        await stream.done_writing()
        assert await stream.code() == grpc.StatusCode.OK
        await asyncio.wait_for(stopping, 10)
    assert stage.open_now == 0


async def test_stopping_ends_what_outlasts_the_grace(socket: Path) -> None:
    stage = Echo()
    transport = H2Transport(stage, socket)
    await transport.start()
    async with grpc_client(socket) as call:
        stream = call()
        await stream.write(request_headers())
        await stream.read()
        await transport.stop(0.05)
        assert stage.open_now == 0
        assert await stream.code() == grpc.StatusCode.UNAVAILABLE

"""Floods: what costs a peer little and the server something ends the connection, and honest traffic never does."""

import struct
from collections.abc import Callable

import pytest

from extproc.transports.h2 import connection as state_machine
from extproc.transports.h2.allowance import Allowance
from extproc.transports.h2.errors import ErrorCode
from extproc.transports.h2.frames import (
    CONTINUATION,
    DATA,
    END_HEADERS,
    GOAWAY,
    HEADERS,
    PADDED,
    PING,
    PREFACE,
    PRIORITY,
    RST_STREAM,
    WINDOW_UPDATE,
    frame,
)
from extproc.transports.h2.status import RESPONSE
from tests.extproc.h2.peer import GRPC, SETTINGS_ACK, SETTINGS_FRAME, Peer, block, data, headers, setting

CANCEL = struct.pack(">L", 8)


def rapid_reset(turn: int) -> bytes:
    stream_id = 3 + 2 * turn
    return headers(stream_id) + frame(RST_STREAM, 0, stream_id, CANCEL)


TOO_MANY = block([*GRPC, (b"x", b"v" * 16_100)])


def spoiled(turn: int, how: bytes) -> bytes:
    return headers(3 + 2 * turn) + how


FLOODS: dict[str, Callable[[int], bytes]] = {
    "PING": lambda _: frame(PING, 0, 0, b"12345678"),
    "SETTINGS": lambda _: SETTINGS_FRAME,
    "acknowledgements": lambda _: SETTINGS_ACK,
    "PRIORITY": lambda _: frame(PRIORITY, 0, 1, struct.pack(">LB", 0, 1)),
    "empty DATA": lambda _: data(1, b""),
    "DATA of padding": lambda _: frame(DATA, PADDED, 1, b"\x02\0\0"),
    "unknown frames": lambda _: frame(0xBE, 0, 0),
    "WINDOW_UPDATE": lambda _: frame(WINDOW_UPDATE, 0, 0, struct.pack(">L", 1)),
    "streams that are reset at once": rapid_reset,
    "malformed requests": lambda turn: headers(3 + 2 * turn, [(b"x", b"y")]),
    "GOAWAY": lambda _: frame(GOAWAY, 0, 0, bytes(8)),
    "fields that are too many": lambda turn: frame(HEADERS, END_HEADERS, 3 + 2 * turn, TOO_MANY),
    # Streams that the server must reset (CVE-2025-8671), and the requests of which it never answered.
    "windows opened by 0": lambda turn: spoiled(turn, frame(WINDOW_UPDATE, 0, 3 + 2 * turn, bytes(4))),
    "windows opened too far": lambda turn: spoiled(turn, frame(WINDOW_UPDATE, 0, 3 + 2 * turn, b"\x7f\xff\xff\xff")),
    "DATA behind END_STREAM": lambda turn: spoiled(turn, data(3 + 2 * turn, b"x", end=True) + data(3 + 2 * turn)),
    "HEADERS that do not end": lambda turn: spoiled(turn, headers(3 + 2 * turn, [(b"x", b"y")])),
    "PRIORITY of 4 bytes": lambda turn: spoiled(turn, frame(PRIORITY, 0, 3 + 2 * turn, b"1234")),
    "RST_STREAM on a closed stream": lambda turn: rapid_reset(0) if turn == 0 else frame(RST_STREAM, 0, 3, CANCEL),
}


@pytest.mark.parametrize("flood", FLOODS)
def test_a_flood_ends_its_connection(flood: str) -> None:
    peer = Peer.started(1)
    said = [FLOODS[flood](turn) for turn in range(3000)]
    code = None
    for turn in range(0, 3000, 50):
        code = peer.failure(*said[turn : turn + 50])
        if code is not None:
            break
    assert code == ErrorCode.ENHANCE_YOUR_CALM


@pytest.mark.parametrize("flood", FLOODS)
def test_the_same_frames_at_a_modest_rate_are_fine_for_hours(flood: str) -> None:
    peer = Peer.started(1)
    for turn in range(5000):
        peer.now += 1
        assert peer.failure(FLOODS[flood](turn)) is None


def test_streams_that_are_reset_after_their_answer_are_no_flood() -> None:
    peer = Peer.started(1)
    for turn in range(5000):
        stream_id = 3 + 2 * turn
        peer.say(headers(stream_id), data(stream_id))
        peer.connection.send_data(stream_id, b"answer")
        peer.say(frame(RST_STREAM, 0, stream_id, CANCEL), frame(WINDOW_UPDATE, 0, 0, struct.pack(">L", 6)))
        peer.hear()
    assert not peer.connection.is_over


def test_frames_that_cross_the_end_of_their_streams_are_no_flood_however_many_come_at_once() -> None:
    peer = Peer.started()
    streams = range(1, 2 * state_machine.MOST_STREAMS, 2)
    for stream_id in streams:
        peer.say(headers(stream_id, first=stream_id == 1))
    for stream_id in streams:
        peer.connection.end(stream_id, RESPONSE)
    peer.hear()
    for stream_id in streams:
        assert peer.failure(data(stream_id, b"", end=True), frame(RST_STREAM, 0, stream_id, CANCEL)) is None


@pytest.mark.parametrize("late", [frame(RST_STREAM, 0, 1, CANCEL), data(1, b"late"), data(1, b"")])
def test_frames_that_cross_the_end_of_no_stream_are_a_flood(late: bytes) -> None:
    peer = Peer.started(1)
    peer.connection.end(1, RESPONSE)
    peer.hear()
    assert peer.failure(*[late] * 12_000) == ErrorCode.ENHANCE_YOUR_CALM


def test_what_is_excused_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state_machine, "MOST_LATE", 10)
    peer = Peer.started()
    for turn in range(5000):
        peer.say(headers(1 + 2 * turn, first=turn == 0))
        peer.connection.end(1 + 2 * turn, RESPONSE)
    peer.hear()
    assert peer.failure(*[frame(RST_STREAM, 0, 1, CANCEL)] * 1500) == ErrorCode.ENHANCE_YOUR_CALM


def test_an_answer_that_is_taken_byte_by_byte_is_a_flood() -> None:
    peer = Peer.started(1)
    peer.say(setting(4, 0))
    peer.connection.send_data(1, bytes(50_000))
    peer.hear()
    assert peer.failure(*[frame(WINDOW_UPDATE, 0, 1, struct.pack(">L", 1))] * 3000) == ErrorCode.ENHANCE_YOUR_CALM


def test_a_large_answer_may_be_taken_frame_by_frame() -> None:
    peer = Peer.started(1)
    assert peer.connection.send_data(1, bytes(15 << 20))
    more = struct.pack(">L", 1 << 14)
    size = sum(len(sent.payload) for sent in peer.hear() if sent.kind == DATA)
    while size < 15 << 20:
        assert peer.say(frame(WINDOW_UPDATE, 0, 1, more), frame(WINDOW_UPDATE, 0, 0, more)) == []
        sent = [len(sent.payload) for sent in peer.hear() if sent.kind == DATA]
        assert sent
        size += sum(sent)


def test_changing_the_windows_of_many_streams_costs_more_than_of_a_few() -> None:
    changes = [setting(4, 1000 + turn) for turn in range(50)]
    assert Peer.started(1).failure(*changes) is None
    assert Peer.started(*range(1, 4001, 2)).failure(*changes) == ErrorCode.ENHANCE_YOUR_CALM


def test_a_block_without_end_is_a_flood() -> None:
    peer = Peer.started(1)
    said = [headers(3, flags=0), *[frame(CONTINUATION, 0, 3, b"")] * 20]
    assert peer.failure(*said) == ErrorCode.ENHANCE_YOUR_CALM
    peer = Peer.started(1)
    large = frame(CONTINUATION, 0, 3, bytes(8000))
    assert peer.failure(headers(3, flags=0), large, large, large) == ErrorCode.ENHANCE_YOUR_CALM


def test_fields_that_unfold_without_end_are_a_flood() -> None:
    peer = Peer()
    peer.say(PREFACE, SETTINGS_FRAME)
    peer.hear()
    entry = b"\x40\x01x\x7f\xd1\x1e" + b"v" * 4048  # a literal that is indexed, its length 127 + 0x51 + (0x1e << 7)
    said = block(GRPC) + entry + b"\xbe" * 4000
    assert peer.failure(frame(HEADERS, END_HEADERS, 1, said)) == ErrorCode.ENHANCE_YOUR_CALM


def test_an_allowance_comes_back_with_time_and_with_answers() -> None:
    now = [0.0]
    allowance = Allowance(lambda: now[0])
    assert allowance.spend(1000)
    assert not allowance.spend(1)
    now[0] += 1
    assert allowance.spend(40)
    allowance.answers += 100
    assert allowance.spend(400)
    now[0] += 1e6
    assert not allowance.spend(1001)

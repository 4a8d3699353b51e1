"""Flow control both ways: no response exceeds the peer's windows, and no request ours."""

import struct
import sys
from collections.abc import Callable

import pytest

from extproc.transports.h2 import connection as state_machine
from extproc.transports.h2.errors import ErrorCode
from extproc.transports.h2.frames import DATA, END_STREAM, HEADERS, RST_STREAM, WINDOW_UPDATE, frame
from extproc.transports.h2.status import RESPONSE
from tests.extproc.h2.peer import Frame, Peer, data, headers, setting

INITIAL_WINDOW_SIZE, MAX_FRAME_SIZE = 4, 5
LARGEST = 1 << 14


def opened(stream_id: int, increment: int) -> bytes:
    return frame(WINDOW_UPDATE, 0, stream_id, struct.pack(">L", increment))


def content(frames: list[Frame], stream_id: int = 1) -> int:
    return sum(len(sent.payload) for sent in frames if sent.kind == DATA and sent.stream_id == stream_id)


def updates(frames: list[Frame]) -> dict[int, int]:
    return {sent.stream_id: int.from_bytes(sent.payload, "big") for sent in frames if sent.kind == WINDOW_UPDATE}


def test_a_response_waits_for_the_window_of_its_stream() -> None:
    peer = Peer.started(1)
    peer.say(opened(0, 1 << 20))
    peer.connection.send_data(1, bytes(70_000))
    assert content(peer.hear()) == 65_535
    peer.say(opened(1, 1000))
    assert content(peer.hear()) == 1000
    peer.say(opened(1, 1 << 20))
    assert content(peer.hear()) == 70_000 - 66_535


def test_responses_wait_for_the_window_of_the_connection() -> None:
    peer = Peer.started(1, 3)
    for stream_id in (1, 3):
        peer.connection.send_data(stream_id, bytes(40_000))
    frames = peer.hear()
    assert (content(frames, 1), content(frames, 3)) == (40_000, 25_535)
    peer.say(opened(3, 1000))
    assert content(peer.hear(), 3) == 0
    peer.say(opened(0, 1 << 20))
    assert content(peer.hear(), 3) == 40_000 - 25_535


def test_what_waits_keeps_its_order_and_trailers_come_last() -> None:
    peer = Peer.started(1)
    peer.say(setting(INITIAL_WINDOW_SIZE, 0))
    peer.hear()
    peer.connection.send_data(1, b"first ")
    peer.connection.send_data(1, b"second")
    peer.connection.end(1, b"\x88")
    assert [sent.kind for sent in peer.hear()] == [HEADERS]
    peer.say(data(1, end=True), opened(1, 100))
    sent = peer.hear()
    assert b"".join(one.payload for one in sent if one.kind == DATA) == b"first second"
    assert (sent[-1].kind, sent[-1].flags & END_STREAM) == (HEADERS, END_STREAM)


def test_a_changed_initial_window_applies_to_open_streams_and_may_make_their_windows_negative() -> None:
    peer = Peer.started(1)
    peer.say(opened(0, 1 << 20))
    peer.connection.send_data(1, bytes(60_000))
    peer.hear()
    peer.say(setting(INITIAL_WINDOW_SIZE, 50_000))  # the window of stream 1 is now -10,000
    peer.connection.send_data(1, bytes(5000))
    assert content(peer.hear()) == 0
    peer.say(opened(1, 10_000))
    assert content(peer.hear()) == 0
    peer.say(setting(INITIAL_WINDOW_SIZE, 53_000))
    assert content(peer.hear()) == 3000
    peer.say(headers(3))
    peer.connection.send_data(3, bytes(60_000))
    assert content(peer.hear(), 3) == 53_000


def test_a_changed_initial_window_cannot_overflow_that_of_a_stream() -> None:
    peer = Peer.started(1)
    peer.say(opened(1, 1000))
    assert peer.failure(setting(INITIAL_WINDOW_SIZE, (1 << 31) - 1)) == ErrorCode.FLOW_CONTROL_ERROR


@pytest.mark.parametrize("limit", [LARGEST, 20_000])
def test_frames_are_as_long_as_the_peer_takes(limit: int) -> None:
    peer = Peer.started(1)
    peer.say(setting(MAX_FRAME_SIZE, limit))
    peer.hear()
    peer.connection.send_data(1, bytes(50_000))
    lengths = [len(sent.payload) for sent in peer.hear() if sent.kind == DATA]
    assert (max(lengths), sum(lengths)) == (limit, 50_000)


def test_a_stream_waits_for_its_own_window_and_then_for_the_connection_s() -> None:
    peer = Peer.started(1, 3, 5)
    peer.connection.send_data(1, bytes(65_535))
    peer.say(setting(INITIAL_WINDOW_SIZE, 0))
    for stream_id in (3, 5):
        peer.connection.send_data(stream_id, bytes(100))
        peer.connection.end(stream_id, RESPONSE)
    peer.say(opened(3, 60), opened(5, 100))
    peer.hear()
    peer.say(opened(0, 70))
    sent = peer.hear()
    assert (content(sent, 3), content(sent, 5)) == (60, 10)
    peer.say(opened(3, 40))
    assert content(peer.hear(), 3) == 0
    peer.say(opened(0, 1000))
    sent = peer.hear()
    assert (content(sent, 3), content(sent, 5)) == (40, 90)
    assert {one.stream_id for one in sent if one.flags & END_STREAM} == {3, 5}


@pytest.mark.parametrize("blocked_by", ["their own windows", "the connection's window"])
def test_opening_the_connection_s_window_costs_the_same_however_many_streams_wait(blocked_by: str) -> None:
    calls = {}
    for number in (10, 1000):
        peer = Peer.started(*range(1, 2 * number, 2))
        if blocked_by == "their own windows":
            peer.say(setting(INITIAL_WINDOW_SIZE, 0))
        else:
            peer.connection.send_data(1, bytes(65_535))
        for stream_id in range(1, 2 * number, 2):
            peer.connection.send_data(stream_id, b"answer")
        peer.hear()
        calls[number] = calls_of(lambda peer=peer: peer.say(opened(0, 1)))  # type: ignore[misc]
    assert 0 < calls[1000] == calls[10]


def calls_of(action: Callable[[], object]) -> int:
    """How many functions are called to do it."""
    count = 0

    def counting(_frame: object, event: str, _argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(counting)
    try:
        action()
    finally:
        sys.setprofile(before)
    return count


def test_what_waits_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state_machine, "MOST_PENDING", 100_000)
    peer = Peer.started(1, 3)
    peer.say(setting(INITIAL_WINDOW_SIZE, 0))
    assert peer.connection.send_data(1, bytes(60_000))
    peer.hear()
    assert not peer.connection.send_data(3, bytes(60_000))
    assert [(sent.kind, sent.stream_id) for sent in peer.hear()][-1] == (RST_STREAM, 3)
    peer.say(frame(RST_STREAM, 0, 1, bytes(4)), headers(5))
    assert peer.connection.send_data(5, bytes(60_000))


def test_windows_are_opened_again_when_half_of_them_is_used() -> None:
    peer = Peer.started(1, 3)
    half = (1 << 19) // LARGEST
    peer.say(*[data(1, bytes(LARGEST))] * half)
    assert updates(peer.hear()) == {}
    peer.say(data(1, bytes(LARGEST)))
    assert updates(peer.hear()) == {1: (1 << 19) + LARGEST}
    half = (1 << 23) // LARGEST - half - 1
    peer.say(*[data(3, bytes(LARGEST))] * half)
    assert 0 not in updates(peer.hear())
    peer.say(data(3, bytes(LARGEST)))
    assert updates(peer.hear())[0] == (1 << 23) + LARGEST


def test_data_that_is_discarded_counts_against_the_connection() -> None:
    peer = Peer.started(1, 3)
    peer.connection.reset(1, ErrorCode.CANCEL)
    peer.say(*[data(1, bytes(LARGEST))] * ((1 << 23) // LARGEST + 1))
    assert updates(peer.hear()) == {0: (1 << 23) + LARGEST}


def test_padding_counts() -> None:
    peer = Peer.started(1)
    padded = frame(DATA, 0x8, 1, b"\xff" + bytes(LARGEST - 1))
    peer.say(*[padded] * ((1 << 19) // LARGEST + 1))
    assert updates(peer.hear()) == {1: (1 << 19) + LARGEST}


def test_a_window_that_nobody_opened_may_not_be_exceeded() -> None:
    peer = Peer.started(1)
    peer.connection._streams[1].receive_window = 10
    assert peer.resets(data(1, bytes(11))) == {1: ErrorCode.FLOW_CONTROL_ERROR}
    peer = Peer.started(1)
    peer.connection._receive_window = 10
    assert peer.failure(data(1, bytes(11))) == ErrorCode.FLOW_CONTROL_ERROR

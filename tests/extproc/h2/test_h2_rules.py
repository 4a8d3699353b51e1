"""The rules of RFC 9113, one after the other: which frames end a stream, which the connection, and which are fine."""

import struct
from typing import Any

import hpack
import pytest

from extproc.transports.h2 import connection as state_machine
from extproc.transports.h2.errors import ErrorCode
from extproc.transports.h2.events import ConnectionEnded, DataReceived, RequestReceived, StreamReset
from extproc.transports.h2.frames import (
    ACK,
    CONTINUATION,
    DATA,
    END_HEADERS,
    END_STREAM,
    GOAWAY,
    HEADERS,
    PADDED,
    PING,
    PREFACE,
    PRIORITY,
    PUSH_PROMISE,
    RST_STREAM,
    SETTINGS,
    WINDOW_UPDATE,
    WITH_PRIORITY,
    frame,
)
from extproc.transports.h2.streams import KEPT, ClosedStreams
from tests.extproc.h2.peer import GRPC, SETTINGS_ACK, SETTINGS_FRAME, Peer, block, data, headers, setting

CODE_8 = struct.pack(">L", 8)
PING_8 = b"12345678"
FULL_WINDOW = struct.pack(">L", (1 << 31) - 1 - 65_535)
FULL_WINDOW_AND_ONE = struct.pack(">L", (1 << 31) - 65_535)
ON_ITSELF = struct.pack(">LB", 1, 16)
ON_ANOTHER = struct.pack(">LB", 3, 16)


def test_a_connection_opens_with_settings_and_a_larger_window() -> None:
    heard = Peer().hear()
    assert [(sent.kind, sent.flags, sent.stream_id) for sent in heard] == [(SETTINGS, 0, 0), (WINDOW_UPDATE, 0, 0)]
    assert dict(struct.iter_unpack(">HL", heard[0].payload)) == {1: 0, 3: 10_000, 4: 1 << 20, 6: 16 << 10}


@pytest.mark.parametrize(
    ("said", "code"),
    [
        (b"GET / HTTP/1.1\r\nhost: example.org\r\n\r\n", ErrorCode.PROTOCOL_ERROR),
        (PREFACE + frame(PING, 0, 0, PING_8), ErrorCode.PROTOCOL_ERROR),
        (PREFACE + SETTINGS_ACK, ErrorCode.PROTOCOL_ERROR),
        (PREFACE + headers(), ErrorCode.PROTOCOL_ERROR),
    ],
    ids=["HTTP/1", "PING first", "ACK first", "HEADERS first"],
)
def test_a_connection_begins_with_the_preface_and_settings(said: bytes, code: ErrorCode) -> None:
    assert Peer().failure(said) == code


CONNECTION_ERRORS = {
    "DATA on stream 0": (data(0), ErrorCode.PROTOCOL_ERROR),
    "DATA on an idle stream": (data(7), ErrorCode.PROTOCOL_ERROR),
    "DATA on a server's stream": (data(2), ErrorCode.PROTOCOL_ERROR),
    "DATA that is all padding and more": (frame(DATA, PADDED, 1, b"\x05abcd"), ErrorCode.PROTOCOL_ERROR),
    "padded DATA without a length": (frame(DATA, PADDED, 1, b""), ErrorCode.PROTOCOL_ERROR),
    "a frame above the limit": (b"\x00\x40\x01\x00\x00\x00\x00\x00\x01", ErrorCode.FRAME_SIZE_ERROR),
    "HEADERS on stream 0": (headers(0), ErrorCode.PROTOCOL_ERROR),
    "HEADERS on a server's stream": (headers(2), ErrorCode.PROTOCOL_ERROR),
    "HEADERS on a stream that was passed over": (headers(9) + headers(5), ErrorCode.PROTOCOL_ERROR),
    "HEADERS that are padded away": (
        frame(HEADERS, END_HEADERS | PADDED, 5, b"\x09" + block(GRPC)[:5]),
        ErrorCode.PROTOCOL_ERROR,
    ),
    "HEADERS too short for a priority": (
        frame(HEADERS, END_HEADERS | WITH_PRIORITY, 5, b"\0\0\0\0"),
        ErrorCode.FRAME_SIZE_ERROR,
    ),
    "HEADERS that cannot be decoded": (frame(HEADERS, END_HEADERS, 5, b"\xff\xff\xff"), ErrorCode.COMPRESSION_ERROR),
    "HEADERS with a dynamic entry": (frame(HEADERS, END_HEADERS, 5, b"\xbe"), ErrorCode.COMPRESSION_ERROR),
    "HEADERS that enlarge the table": (frame(HEADERS, END_HEADERS, 5, b"\x21"), ErrorCode.COMPRESSION_ERROR),
    "PRIORITY on stream 0": (frame(PRIORITY, 0, 0, ON_ITSELF), ErrorCode.PROTOCOL_ERROR),
    "PRIORITY of an idle stream on itself": (
        frame(PRIORITY, 0, 9, struct.pack(">LB", 9, 1)),
        ErrorCode.PROTOCOL_ERROR,
    ),
    "RST_STREAM on stream 0": (frame(RST_STREAM, 0, 0, CODE_8), ErrorCode.PROTOCOL_ERROR),
    "RST_STREAM on an idle stream": (frame(RST_STREAM, 0, 9, CODE_8), ErrorCode.PROTOCOL_ERROR),
    "RST_STREAM of 3 bytes": (frame(RST_STREAM, 0, 1, b"abc"), ErrorCode.FRAME_SIZE_ERROR),
    "SETTINGS on a stream": (frame(SETTINGS, 0, 1), ErrorCode.PROTOCOL_ERROR),
    "SETTINGS of 5 bytes": (frame(SETTINGS, 0, 0, b"12345"), ErrorCode.FRAME_SIZE_ERROR),
    "SETTINGS acknowledged with settings": (frame(SETTINGS, ACK, 0, b"123456"), ErrorCode.FRAME_SIZE_ERROR),
    "ENABLE_PUSH of 2": (setting(2, 2), ErrorCode.PROTOCOL_ERROR),
    "INITIAL_WINDOW_SIZE of 2^31": (setting(4, 1 << 31), ErrorCode.FLOW_CONTROL_ERROR),
    "MAX_FRAME_SIZE below 2^14": (setting(5, (1 << 14) - 1), ErrorCode.PROTOCOL_ERROR),
    "MAX_FRAME_SIZE of 2^24": (setting(5, 1 << 24), ErrorCode.PROTOCOL_ERROR),
    "PUSH_PROMISE": (frame(PUSH_PROMISE, END_HEADERS, 1, struct.pack(">L", 2)), ErrorCode.PROTOCOL_ERROR),
    "PING on a stream": (frame(PING, 0, 1, PING_8), ErrorCode.PROTOCOL_ERROR),
    "PING of 7 bytes": (frame(PING, 0, 0, b"1234567"), ErrorCode.FRAME_SIZE_ERROR),
    "GOAWAY on a stream": (frame(GOAWAY, 0, 1, PING_8), ErrorCode.PROTOCOL_ERROR),
    "GOAWAY of 7 bytes": (frame(GOAWAY, 0, 0, b"1234567"), ErrorCode.FRAME_SIZE_ERROR),
    "WINDOW_UPDATE of 3 bytes": (frame(WINDOW_UPDATE, 0, 0, b"abc"), ErrorCode.FRAME_SIZE_ERROR),
    "WINDOW_UPDATE of 0": (frame(WINDOW_UPDATE, 0, 0, bytes(4)), ErrorCode.PROTOCOL_ERROR),
    "WINDOW_UPDATE on an idle stream": (frame(WINDOW_UPDATE, 0, 9, CODE_8), ErrorCode.PROTOCOL_ERROR),
    "a window above 2^31-1": (frame(WINDOW_UPDATE, 0, 0, b"\x7f\xff\xff\xff"), ErrorCode.FLOW_CONTROL_ERROR),
    "CONTINUATION of nothing": (frame(CONTINUATION, END_HEADERS, 1, b""), ErrorCode.PROTOCOL_ERROR),
    "CONTINUATION of another stream": (
        headers(5, flags=0) + frame(CONTINUATION, END_HEADERS, 1, b""),
        ErrorCode.PROTOCOL_ERROR,
    ),
    "PING inside a block": (headers(5, flags=0) + frame(PING, 0, 0, PING_8), ErrorCode.PROTOCOL_ERROR),
    "an unknown frame inside a block": (headers(5, flags=0) + frame(0xBE, 0, 5), ErrorCode.PROTOCOL_ERROR),
    "padded HEADERS without a length": (frame(HEADERS, END_HEADERS | PADDED, 5, b""), ErrorCode.PROTOCOL_ERROR),
    "CONTINUATION on stream 0": (frame(CONTINUATION, END_HEADERS, 0, b""), ErrorCode.PROTOCOL_ERROR),
    "DATA inside a block": (headers(5, flags=0) + data(1), ErrorCode.PROTOCOL_ERROR),
    "another block inside a block": (headers(5, flags=0) + headers(7), ErrorCode.PROTOCOL_ERROR),
    "PRIORITY of 4 bytes on an idle stream": (frame(PRIORITY, 0, 9, b"1234"), ErrorCode.FRAME_SIZE_ERROR),
    "an unknown frame above the limit": (b"\x00\x40\x01\xbe\x00\x00\x00\x00\x00", ErrorCode.FRAME_SIZE_ERROR),
    "WINDOW_UPDATE of 0 and a reserved bit": (frame(WINDOW_UPDATE, 0, 0, b"\x80\0\0\0"), ErrorCode.PROTOCOL_ERROR),
    "a window above 2^31-1 by one": (frame(WINDOW_UPDATE, 0, 0, FULL_WINDOW_AND_ONE), ErrorCode.FLOW_CONTROL_ERROR),
    "a good setting, then a bad one": (
        frame(SETTINGS, 0, 0, struct.pack(">HLHL", 4, 7, 2, 2)),
        ErrorCode.PROTOCOL_ERROR,
    ),
    "trailers that cannot be decoded": (
        frame(HEADERS, END_HEADERS | END_STREAM, 1, b"\xbe"),
        ErrorCode.COMPRESSION_ERROR,
    ),
    "DATA on a stream that the peer reset": (frame(RST_STREAM, 0, 1, CODE_8) + data(1), ErrorCode.STREAM_CLOSED),
    "HEADERS on a stream that the peer reset": (frame(RST_STREAM, 0, 1, CODE_8) + headers(1), ErrorCode.STREAM_CLOSED),
}


@pytest.mark.parametrize("rule", CONNECTION_ERRORS)
def test_what_breaks_a_rule_of_the_connection_ends_it(rule: str) -> None:
    said, code = CONNECTION_ERRORS[rule]
    peer = Peer.started(1)
    assert peer.failure(said) == code
    assert peer.connection.is_over
    assert peer.say(data(1)) == []


STREAM_ERRORS = {
    "DATA behind END_STREAM": (data(1, end=True) + data(1), ErrorCode.STREAM_CLOSED),
    "DATA behind trailers": (
        headers(1, [(b"x", b"y")], flags=END_HEADERS | END_STREAM) + data(1),
        ErrorCode.STREAM_CLOSED,
    ),
    "a window above 2^31-1 by one": (frame(WINDOW_UPDATE, 0, 1, FULL_WINDOW_AND_ONE), ErrorCode.FLOW_CONTROL_ERROR),
    "HEADERS behind END_STREAM": (data(1, end=True) + headers(1), ErrorCode.STREAM_CLOSED),
    "HEADERS in mid-stream that do not end it": (headers(1, [(b"x", b"y")]), ErrorCode.PROTOCOL_ERROR),
    "pseudo-headers in trailers": (headers(1, flags=END_HEADERS | END_STREAM), ErrorCode.PROTOCOL_ERROR),
    "a malformed field in trailers": (
        headers(1, [(b"X", b"y")], flags=END_HEADERS | END_STREAM),
        ErrorCode.PROTOCOL_ERROR,
    ),
    "a stream that depends on itself": (frame(PRIORITY, 0, 1, ON_ITSELF), ErrorCode.PROTOCOL_ERROR),
    "PRIORITY of 4 bytes": (frame(PRIORITY, 0, 1, b"1234"), ErrorCode.FRAME_SIZE_ERROR),
    "WINDOW_UPDATE of 0": (frame(WINDOW_UPDATE, 0, 1, bytes(4)), ErrorCode.PROTOCOL_ERROR),
    "a window above 2^31-1": (frame(WINDOW_UPDATE, 0, 1, b"\x7f\xff\xff\xff"), ErrorCode.FLOW_CONTROL_ERROR),
}


@pytest.mark.parametrize("rule", STREAM_ERRORS)
def test_what_breaks_a_rule_of_a_stream_ends_that_one_alone(rule: str) -> None:
    said, code = STREAM_ERRORS[rule]
    peer = Peer.started(1, 3)
    events = peer.say(said)
    assert StreamReset(1, code) in events
    assert [(sent.kind, sent.stream_id) for sent in peer.hear()] == [(RST_STREAM, 1)]
    assert peer.say(data(3)) == [DataReceived(3, b"x", False)]


def test_a_request_that_depends_on_itself_is_refused() -> None:
    said = frame(HEADERS, END_HEADERS | WITH_PRIORITY, 5, struct.pack(">LB", 5, 1) + block(GRPC))
    assert Peer.started(1).resets(said) == {5: ErrorCode.PROTOCOL_ERROR}


FINE = {
    "an unknown frame": frame(0xBE, 0xFF, 1, b"anything"),
    "an unknown setting": setting(0xBEEF, 7),
    "a reserved bit": b"\0\0\x01\0\0\x80\0\0\x01x",
    "an unknown flag": frame(DATA, 0xF0, 1, b"x"),
    "PRIORITY on an idle stream": frame(PRIORITY, 0, 99, ON_ITSELF),
    "PRIORITY on a closed stream": frame(RST_STREAM, 0, 1, CODE_8) + frame(PRIORITY, 0, 1, ON_ANOTHER),
    "RST_STREAM on a closed stream": frame(RST_STREAM, 0, 1, CODE_8) * 2,
    "WINDOW_UPDATE on a closed stream": frame(RST_STREAM, 0, 1, CODE_8) + frame(WINDOW_UPDATE, 0, 1, CODE_8),
    "PING acknowledged that was never sent": frame(PING, ACK, 0, PING_8),
    "settings acknowledged twice": SETTINGS_ACK,
    "GOAWAY": frame(GOAWAY, 0, 0, bytes(8) + b"bye"),
    "empty DATA": data(1, b""),
    "DATA of nothing but padding": frame(DATA, PADDED, 1, b"\x02\0\0"),
    "DATA of an empty padding": frame(DATA, PADDED, 1, b"\x00x"),
    "WINDOW_UPDATE behind END_STREAM": data(1, end=True) + frame(WINDOW_UPDATE, 0, 1, CODE_8),
    "PRIORITY behind END_STREAM": data(1, end=True) + frame(PRIORITY, 0, 1, ON_ANOTHER),
    "RST_STREAM behind END_STREAM": data(1, end=True) + frame(RST_STREAM, 0, 1, CODE_8),
    "a reserved bit in WINDOW_UPDATE": frame(WINDOW_UPDATE, 0, 0, b"\x80\0\0\x01"),
    "the largest windows": frame(WINDOW_UPDATE, 0, 0, FULL_WINDOW) + frame(WINDOW_UPDATE, 0, 1, FULL_WINDOW),
    "the largest initial window": setting(4, (1 << 31) - 1),
    "the least and the largest MAX_FRAME_SIZE": setting(5, 1 << 14) + setting(5, (1 << 24) - 1),
    "ENABLE_PUSH of 0 and 1": setting(2, 0) + setting(2, 1),
    "a setting that stands twice": frame(SETTINGS, 0, 0, struct.pack(">HLHL", 4, 1, 4, 2)),
    "GOAWAY twice": frame(GOAWAY, 0, 0, bytes(8)) * 2,
    "streams that are passed over": headers(99),
}


@pytest.mark.parametrize("what", FINE)
def test_what_breaks_no_rule_is_taken(what: str) -> None:
    peer = Peer.started(1, 3)
    assert not any(isinstance(event, ConnectionEnded) for event in peer.say(FINE[what]))
    assert peer.say(data(3, b"still there")) == [DataReceived(3, b"still there", False)]


ENDED_BY_BOTH = {
    "DATA": (data(1), ErrorCode.STREAM_CLOSED),
    "HEADERS": (headers(1), ErrorCode.STREAM_CLOSED),
    "WINDOW_UPDATE": (frame(WINDOW_UPDATE, 0, 1, CODE_8), None),
    "RST_STREAM": (frame(RST_STREAM, 0, 1, CODE_8), None),
    "PRIORITY": (frame(PRIORITY, 0, 1, ON_ANOTHER), None),
}


@pytest.mark.parametrize("what", ENDED_BY_BOTH)
def test_what_comes_on_a_stream_that_both_sides_ended(what: str) -> None:
    said, code = ENDED_BY_BOTH[what]
    peer = Peer.started(1, 3)
    peer.say(data(1, end=True))
    peer.connection.end(1, b"\x88")
    peer.hear()
    assert peer.failure(said) == code


def test_a_block_that_nobody_waits_for_still_changes_the_dynamic_table() -> None:
    peer, encoder = Peer(), hpack.Encoder()
    peer.say(PREFACE, SETTINGS_FRAME)
    own = [(b"x-own", b"value")]
    peer.say(frame(HEADERS, END_HEADERS, 1, encoder.encode(GRPC)))
    peer.connection.reset(1, ErrorCode.CANCEL)
    peer.hear()
    assert peer.say(frame(HEADERS, END_HEADERS | END_STREAM, 1, encoder.encode(own))) == []
    [event] = peer.say(frame(HEADERS, END_HEADERS, 3, encoder.encode([*GRPC, *own])))
    assert isinstance(event, RequestReceived)
    assert event.request.kind.fields == dict([*GRPC, *own])


def test_streams_that_were_closed_long_ago_stay_closed_in_whatever_order_they_were() -> None:
    closed = ClosedStreams()
    late, early, last = (range(first, first + 2 * KEPT, 2) for first in (1, 1 + 2 * KEPT, 1 + 4 * KEPT))
    for stream_id in (*early, *late, *last):
        closed.add(stream_id, by_us=True)
    for stream_id in range(last[-1] + 2, last[-1] + 2 + 2 * KEPT, 2):
        assert all(known in closed for known in (late[0], late[-1], early[0], early[-1], last[-1]))
        closed.add(stream_id, by_us=True)


def test_what_comes_late_on_a_stream_that_the_server_reset_is_discarded() -> None:
    peer = Peer.started(1, 3)
    peer.connection.reset(1, ErrorCode.CANCEL)
    trailers = headers(1, [(b"x", b"y")], flags=END_HEADERS | END_STREAM)
    assert peer.say(data(1, b"late"), trailers, data(3)) == [DataReceived(3, b"x", False)]


def test_settings_and_pings_are_acknowledged() -> None:
    peer = Peer.started()
    peer.say(SETTINGS_FRAME, frame(PING, 0, 0, PING_8))
    assert [(sent.kind, sent.flags, sent.payload) for sent in peer.hear()] == [
        (SETTINGS, ACK, b""),
        (PING, ACK, PING_8),
    ]


def test_padding_and_priority_are_taken_off() -> None:
    peer = Peer.started(1)
    plain = peer.say(headers(3))[0]
    assert isinstance(plain, RequestReceived)
    padded = frame(
        HEADERS,
        END_HEADERS | END_STREAM | PADDED | WITH_PRIORITY,
        5,
        b"\x03" + ON_ANOTHER + block(GRPC) + bytes(3),
    )
    assert peer.say(padded) == [RequestReceived(5, plain.request, True)]
    assert peer.say(frame(DATA, PADDED, 3, b"\x02abc\0\0")) == [DataReceived(3, b"abc", False)]


def test_a_block_may_come_in_pieces() -> None:
    peer = Peer.started(1)
    whole = block(GRPC)
    said = frame(HEADERS, END_STREAM, 3, whole[:10]) + frame(CONTINUATION, 0, 3, whole[10:11])
    assert peer.say(said) == []
    [event] = peer.say(frame(CONTINUATION, END_HEADERS, 3, whole[11:]))
    assert isinstance(event, RequestReceived)
    assert (event.stream_id, event.ended, event.request.kind.fields) == (3, True, dict(GRPC))


def test_trailers_end_a_request() -> None:
    said = headers(1, [(b"x", b"y")], flags=END_HEADERS | END_STREAM)
    assert Peer.started(1).say(said) == [DataReceived(1, b"", True)]


def test_a_reset_of_the_peer_s_is_told() -> None:
    assert Peer.started(1).say(frame(RST_STREAM, 0, 1, CODE_8)) == [StreamReset(1, 8)]


@pytest.mark.parametrize(
    ("length", "contents", "fine"),
    [(b"3", [b"abc"], True), (b"3", [b"a", b"bc"], True), (b"3", [b"ab"], False), (b"3", [b"abcd"], False)],
)
def test_content_has_the_length_that_was_announced(length: bytes, contents: list[bytes], fine: bool) -> None:
    peer = Peer.started(1)
    said = [data(3, content, end=content is contents[-1]) for content in contents]
    resets = peer.resets(headers(3, [*GRPC, (b"content-length", length)]), *said)
    assert resets == ({} if fine else {3: ErrorCode.PROTOCOL_ERROR})


def test_a_request_without_content_cannot_announce_any() -> None:
    said = headers(3, [*GRPC, (b"content-length", b"3")], flags=END_HEADERS | END_STREAM)
    assert Peer.started(1).resets(said) == {3: ErrorCode.PROTOCOL_ERROR}


def test_trailers_do_not_replace_content_that_was_announced() -> None:
    peer = Peer.started(1)
    peer.say(headers(3, [*GRPC, (b"content-length", b"3")]))
    assert peer.resets(headers(3, [], flags=END_HEADERS | END_STREAM)) == {3: ErrorCode.PROTOCOL_ERROR}


def test_more_streams_than_allowed_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state_machine, "MOST_STREAMS", 2)
    peer = Peer.started(1, 3)
    assert peer.resets(headers(5)) == {5: ErrorCode.REFUSED_STREAM}
    peer.say(frame(RST_STREAM, 0, 1, CODE_8))
    assert peer.resets(headers(7)) == {}


def test_fields_above_the_announced_size_end_their_stream_alone() -> None:
    peer = Peer.started(1)
    many = block([*GRPC, *[(b"x", b"")] * 600])
    assert peer.resets(frame(HEADERS, END_HEADERS, 3, many)) == {3: ErrorCode.ENHANCE_YOUR_CALM}
    assert peer.say(data(1)) == [DataReceived(1, b"x", False)]


def test_draining_serves_what_was_opened_before_the_peer_could_know() -> None:
    peer = Peer.started(1)
    peer.connection.drain()
    first, ping = peer.hear()
    assert (first.kind, first.payload[:4]) == (GOAWAY, b"\x7f\xff\xff\xff")
    assert len(peer.say(headers(3))) == 1  # sent before GOAWAY came
    peer.say(frame(PING, ACK, 0, ping.payload))
    [second] = peer.hear()
    assert (second.kind, second.payload) == (GOAWAY, struct.pack(">LL", 3, 0))
    assert peer.say(headers(5), data(5), data(3)) == [DataReceived(3, b"x", False)]
    assert not peer.connection.is_over
    peer.connection.end(1, b"\x88")
    peer.connection.end(3, b"\x88")
    assert peer.connection.is_over


def test_what_was_opened_behind_the_last_goaway_gets_no_answer_whatever_is_wrong_with_it() -> None:
    peer = Peer.started(1)
    peer.connection.drain()
    peer.say(frame(PING, ACK, 0, peer.hear()[1].payload))
    peer.hear()
    large = frame(HEADERS, END_HEADERS, 3, block([*GRPC, *[(b"x", b"")] * 600]))
    assert peer.say(large, headers(5, [(b"x", b"y")]), data(3), frame(RST_STREAM, 0, 3, CODE_8)) == []
    assert peer.hear() == []


def test_a_response_that_is_whole_before_its_request_stops_the_rest_of_it() -> None:
    peer = Peer.started(1)
    peer.connection.end(1, b"\x88")
    sent = peer.hear()
    assert [(one.kind, one.flags) for one in sent] == [(HEADERS, END_HEADERS | END_STREAM), (RST_STREAM, 0)]
    assert sent[1].payload == bytes(4)
    assert peer.say(data(1)) == []


def test_a_new_table_size_is_answered_with_the_size_that_is_used() -> None:
    peer = Peer.started(1, 3, 5)
    peer.connection.send_data(1, b"answer")
    peer.say(setting(1, 100))
    for stream_id in (3, 5):
        peer.connection.send_data(stream_id, b"answer")
    blocks = {sent.stream_id: sent.payload for sent in peer.hear() if sent.kind == HEADERS}
    assert [blocks[stream_id][:1] for stream_id in (1, 3, 5)] == [b"\x20", b"\x20", b"\x88"]


def test_the_first_block_that_is_sent_gives_up_the_dynamic_table() -> None:
    peer = Peer.started(1, 3)
    for stream_id in (1, 3):
        peer.connection.send_data(stream_id, b"answer")
    blocks = [sent.payload for sent in peer.hear() if sent.kind == HEADERS]
    assert [sent[:1] for sent in blocks] == [b"\x20", b"\x88"]
    peer.decoder.max_allowed_table_size = 0
    for sent in blocks:
        fields: list[Any] = list(peer.decoder.decode(sent))
        assert fields == [(":status", "200"), ("content-type", "application/grpc")]

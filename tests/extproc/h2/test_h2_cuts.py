"""However the stream of bytes is cut, it means the same."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from extproc.transports.h2.connection import Connection
from extproc.transports.h2.events import DataReceived, Event, RequestReceived
from extproc.transports.h2.frames import (
    CONTINUATION,
    DATA,
    END_HEADERS,
    END_STREAM,
    PADDED,
    PING,
    PREFACE,
    RST_STREAM,
    frame,
)
from extproc.transports.h2.status import RESPONSE
from tests.extproc.h2.peer import GRPC, SETTINGS_ACK, SETTINGS_FRAME, block, data, headers, setting

TRACED = [*GRPC, (b"traceparent", b"00-1"), (b"x", b"y")]
CONVERSATION = [
    PREFACE,
    SETTINGS_FRAME,
    headers(1),
    data(1, b"\0\0\0\0\x03abc"),
    SETTINGS_ACK,
    headers(3, TRACED, first=True),
    data(3, b"first half, "),
    frame(PING, 0, 0, b"12345678"),
    data(3, b"second half", end=True),
    headers(5, [*GRPC, (b"traceparent", b"00-2"), (b"x", b"y")]),
    frame(DATA, PADDED, 5, b"\x03padded\0\0\0"),
    headers(5, [(b"trailer", b"1")], flags=END_HEADERS | END_STREAM),
    setting(4, 1 << 20),
    headers(7, flags=0),
    frame(CONTINUATION, END_HEADERS, 7, block([(b"x-more", b"1")])),
    frame(RST_STREAM, 0, 7, b"\0\0\0\x08"),
    headers(9, [*GRPC, (b"Malformed", b"1")]),
    headers(11, [*GRPC, (b"traceparent", b"00-3"), (b"x", b"y")]),
    data(11, b"x" * 20, end=True),
]
ENDINGS = [b"", b"\0", frame(PING, 0, 1, b"12345678") + data(11), b"\0\xff\xff\0\0\0\0\0\x01", frame(0x9, 0, 11)]


def outcome(pieces: list[bytes]) -> tuple[list[object], bytes]:
    """The events that some bytes bring, and the bytes that answer them when each is echoed."""
    connection = Connection(lambda: 0.0, RESPONSE)
    events: list[object] = []
    for piece in pieces:
        for event in connection.receive(piece):
            events.append(_comparable(event))
            if isinstance(event, DataReceived):
                connection.send_data(event.stream_id, event.data)
                if event.ended:
                    connection.end(event.stream_id, RESPONSE)
    return events, bytes(connection.take())


def _comparable(event: Event) -> object:
    if isinstance(event, RequestReceived):
        return event.stream_id, {**event.request.kind.fields, **dict(event.request.own)}, event.ended
    return event


@given(cuts=st.lists(st.integers(0, sum(map(len, CONVERSATION)))), ending=st.sampled_from(ENDINGS))
def test_any_cut_of_the_bytes_gives_the_same_events_and_answers(cuts: list[int], ending: bytes) -> None:
    whole = b"".join(CONVERSATION) + ending
    edges = [0, *sorted(cuts), len(whole)]
    pieces = [whole[start:end] for start, end in itertools.pairwise(edges)]
    assert outcome(pieces) == outcome([whole])


def test_bytes_that_come_one_by_one_give_the_same_events_and_answers() -> None:
    for ending in ENDINGS:
        whole = b"".join(CONVERSATION) + ending
        events, answers = outcome([whole])
        assert len(events) >= 12
        assert outcome([whole[index : index + 1] for index in range(len(whole))]) == (events, answers)


@given(noise=st.binary(max_size=60), begun=st.booleans())
def test_noise_never_raises(noise: bytes, begun: bool) -> None:
    outcome([*(CONVERSATION[:6] if begun else CONVERSATION[:1]), noise])

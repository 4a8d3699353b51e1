"""A client of the state machine that says whatever a test wants it to, well formed or not."""

import struct
from collections.abc import Iterable
from typing import NamedTuple

import hpack

from extproc.transports.h2.connection import Connection
from extproc.transports.h2.errors import ErrorCode
from extproc.transports.h2.events import ConnectionEnded, Event
from extproc.transports.h2.frames import (
    ACK,
    DATA,
    END_HEADERS,
    END_STREAM,
    GOAWAY,
    HEADERS,
    PREFACE,
    RST_STREAM,
    SETTINGS,
    frame,
)
from extproc.transports.h2.status import RESPONSE

Fields = list[tuple[bytes, bytes]]

GRPC: Fields = [
    (b":method", b"POST"),
    (b":scheme", b"http"),
    (b":path", b"/envoy.service.ext_proc.v3.ExternalProcessor/Process"),
    (b":authority", b"hyperplan.extproc"),
    (b"te", b"trailers"),
    (b"content-type", b"application/grpc"),
]
SETTINGS_FRAME = frame(SETTINGS, 0, 0)
SETTINGS_ACK = frame(SETTINGS, ACK, 0)


class Frame(NamedTuple):
    kind: int
    flags: int
    stream_id: int
    payload: bytes


def frames_of(data: bytes) -> list[Frame]:
    """The frames of some bytes, all of them whole."""
    found = []
    while data:
        length, kind, flags, stream_id = int.from_bytes(data[:3], "big"), data[3], data[4], data[5:9]
        assert len(data) >= 9 + length
        found.append(Frame(kind, flags, int.from_bytes(stream_id, "big"), data[9 : 9 + length]))
        data = data[9 + length :]
    return found


def block(fields: Iterable[tuple[bytes, bytes]], *, huffman: bool = False) -> bytes:
    """A field block that stands alone, whose every field is a literal."""
    encoder = hpack.Encoder()
    encoder.header_table_size = 0
    encoded: bytes = encoder.encode(list(fields), huffman=huffman)
    return encoded.lstrip(b"\x20")


def headers(
    stream_id: int = 1, fields: Iterable[tuple[bytes, bytes]] = GRPC, flags: int = END_HEADERS, first: bool = False
) -> bytes:
    """HEADERS; with `first`, shrinking the header table as the first block must."""
    return frame(HEADERS, flags, stream_id, (b"\x20" if first else b"") + block(fields))


def data(stream_id: int = 1, content: bytes = b"x", *, end: bool = False) -> bytes:
    return frame(DATA, END_STREAM if end else 0, stream_id, content)


def setting(number: int, value: int) -> bytes:
    return frame(SETTINGS, 0, 0, struct.pack(">HL", number, value))


class Peer:
    """The client at the other end of a connection, and the clock of both."""

    def __init__(self) -> None:
        self.now = 0.0
        self.connection = Connection(lambda: self.now, RESPONSE)
        self.decoder = hpack.Decoder()

    @classmethod
    def started(cls, *streams: int) -> "Peer":
        """One that has exchanged settings, with some streams open."""
        peer = cls()
        peer.say(PREFACE, SETTINGS_FRAME, SETTINGS_ACK)
        for index, stream_id in enumerate(streams):
            peer.say(headers(stream_id, first=index == 0))
        peer.hear()
        return peer

    def say(self, *frames: bytes) -> list[Event]:
        return list(self.connection.receive(b"".join(frames)))

    def hear(self) -> list[Frame]:
        return frames_of(bytes(self.connection.take()))

    def failure(self, *frames: bytes) -> ErrorCode | None:
        """The error with which these frames end the connection; None if it lives on."""
        events = self.say(*frames)
        ended = [event for event in events if isinstance(event, ConnectionEnded)]
        goaways = [heard for heard in self.hear() if heard.kind == GOAWAY]
        assert [event.code for event in ended] == [int.from_bytes(heard.payload[4:8], "big") for heard in goaways]
        return ended[0].code if ended else None

    def resets(self, *frames: bytes) -> dict[int, ErrorCode]:
        """The streams that these frames end, and the connection does not."""
        assert not any(isinstance(event, ConnectionEnded) for event in self.say(*frames))
        return {
            heard.stream_id: ErrorCode(int.from_bytes(heard.payload, "big"))
            for heard in self.hear()
            if heard.kind == RST_STREAM
        }

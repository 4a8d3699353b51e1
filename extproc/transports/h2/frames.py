"""The layout of frames (RFC 9113, sections 4 and 6): numbers, and how to write the frames that this server sends.

Reading is in the connection, where it is hot. Nothing here keeps state.
"""

import struct

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

DATA = 0x0
HEADERS = 0x1
PRIORITY = 0x2
RST_STREAM = 0x3
SETTINGS = 0x4
PUSH_PROMISE = 0x5
PING = 0x6
GOAWAY = 0x7
WINDOW_UPDATE = 0x8
CONTINUATION = 0x9

END_STREAM = 0x1
ACK = 0x1
END_HEADERS = 0x4
PADDED = 0x8
WITH_PRIORITY = 0x20

HEADER_SIZE = 9
"""Bytes of the header of every frame."""
STREAM_ID = 0x7FFF_FFFF
"""The bits of a stream's id; the one above them is reserved, and ignored."""
LARGEST_WINDOW = 0x7FFF_FFFF
SMALLEST_FRAME_LIMIT = 1 << 14
"""Bytes of payload that every peer takes (SETTINGS_MAX_FRAME_SIZE at its least, and unless told otherwise)."""
LARGEST_FRAME_LIMIT = (1 << 24) - 1

HEADER = struct.Struct(">HBBBL")
"""Length (its upper 16 and lower 8 bits), type, flags, stream id."""


def frame(kind: int, flags: int, stream_id: int, payload: bytes = b"") -> bytes:
    """A whole frame."""
    size = len(payload)
    return HEADER.pack(size >> 8, size & 0xFF, kind, flags, stream_id) + payload


def rst_stream(stream_id: int, code: int) -> bytes:
    """The frame that ends a stream at once."""
    return frame(RST_STREAM, 0, stream_id, code.to_bytes(4, "big"))


def window_update(stream_id: int, increment: int) -> bytes:
    """The frame that lets the peer send so many more bytes; stream 0 is the connection."""
    return frame(WINDOW_UPDATE, 0, stream_id, increment.to_bytes(4, "big"))


def goaway(last_stream_id: int, code: int, reason: str = "") -> bytes:
    """The frame that says which streams are still served, and why no others are."""
    return frame(GOAWAY, 0, 0, struct.pack(">LL", last_stream_id, code) + reason.encode())

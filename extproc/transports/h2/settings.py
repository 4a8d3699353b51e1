"""SETTINGS (RFC 9113, section 6.5): what this server announces, and how it reads what the peer does."""

import struct
from collections.abc import Iterator

from extproc.transports.h2.errors import ConnectionFailure, ErrorCode
from extproc.transports.h2.frames import LARGEST_FRAME_LIMIT, LARGEST_WINDOW, SMALLEST_FRAME_LIMIT

HEADER_TABLE_SIZE = 0x1
ENABLE_PUSH = 0x2
MAX_CONCURRENT_STREAMS = 0x3
INITIAL_WINDOW_SIZE = 0x4
MAX_FRAME_SIZE = 0x5
MAX_HEADER_LIST_SIZE = 0x6

DEFAULT_WINDOW = 65_535
"""Bytes that either side may send on a connection, and on a stream, before anything was settled."""

_SETTING = struct.Struct(">HL")


def encode(settings: dict[int, int]) -> bytes:
    """The payload of a SETTINGS frame."""
    return b"".join(_SETTING.pack(number, value) for number, value in settings.items())


def decode(payload: bytes) -> Iterator[tuple[int, int]]:
    """The settings of a frame in their order, those that nobody knows included.

    Raises:
        ConnectionFailure: the payload is cut off, or a value is none that its setting may have.
    """
    if len(payload) % _SETTING.size:
        raise ConnectionFailure(ErrorCode.FRAME_SIZE_ERROR, "SETTINGS of a length that is no multiple of 6")
    for number, value in _SETTING.iter_unpack(payload):
        if number == ENABLE_PUSH and value > 1:
            raise ConnectionFailure(ErrorCode.PROTOCOL_ERROR, "SETTINGS_ENABLE_PUSH is neither 0 nor 1")
        if number == INITIAL_WINDOW_SIZE and value > LARGEST_WINDOW:
            raise ConnectionFailure(ErrorCode.FLOW_CONTROL_ERROR, "SETTINGS_INITIAL_WINDOW_SIZE above 2^31-1")
        if number == MAX_FRAME_SIZE and not SMALLEST_FRAME_LIMIT <= value <= LARGEST_FRAME_LIMIT:
            raise ConnectionFailure(ErrorCode.PROTOCOL_ERROR, "SETTINGS_MAX_FRAME_SIZE out of range")
        yield number, value

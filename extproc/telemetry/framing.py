"""Frames: how records lie one behind the other in a file, so that damage to one costs no other.

A process may be killed in mid-write, a disk may return a byte that nobody wrote. So each frame has a mark by which the
next one is found again, and a head with checksums of the payload and of itself: a length that is damaged is never
believed. The checksums begin from a salt that each file has of its own and that is not in it: a payload, some of which
is what clients sent, cannot hold what would pass for a frame when the frame around it is damaged.

    mark (4 bytes) | length of the payload (4) | CRC-32 of the payload (4) | CRC-32 of these three (4) | payload

Pure: bytes in, bytes out. Numbers are little-endian.
"""

import struct
import zlib

MARK = b"\xc1hpf"
"""How each frame begins. No msgpack begins with 0xc1."""
_FIELDS = struct.Struct("<4sII")
_CHECKSUM = struct.Struct("<I")
HEAD = _FIELDS.size + _CHECKSUM.size
"""Bytes of a frame that are not payload."""


def pack(payload: bytes, salt: int) -> bytes:
    """The frame of a payload. `salt` is a number of 32 bits."""
    fields = _FIELDS.pack(MARK, len(payload), zlib.crc32(payload, salt))
    return fields + _CHECKSUM.pack(zlib.crc32(fields, salt)) + payload


def unpack(data: bytes, salt: int) -> tuple[list[bytes], int]:
    """The payloads of the good frames in order, and how many stretches of bytes between them are none.

    A damaged stretch held one frame, or several that cannot be told apart any more.
    """
    payloads: list[bytes] = []
    damaged = 0
    position = 0
    while position < len(data):
        payload = _payload_at(data, position, salt)
        if payload is None:
            damaged += 1
            position = _next_head(data, position + 1, salt)
        else:
            payloads.append(payload)
            position += HEAD + len(payload)
    return payloads, damaged


def _payload_at(data: bytes, position: int, salt: int) -> bytes | None:
    if not _is_head(data, position, salt):
        return None
    _, length, checksum = _FIELDS.unpack_from(data, position)
    payload = data[position + HEAD : position + HEAD + length]
    return payload if len(payload) == length and zlib.crc32(payload, salt) == checksum else None


def _is_head(data: bytes, position: int, salt: int) -> bool:
    end = position + _FIELDS.size
    if not data.startswith(MARK, position) or end + _CHECKSUM.size > len(data):
        return False
    (checksum,) = _CHECKSUM.unpack_from(data, end)
    return bool(zlib.crc32(data[position:end], salt) == checksum)


def _next_head(data: bytes, position: int, salt: int) -> int:
    """Where the next head is, at or behind a position; the end of the data if there is none."""
    while (found := data.find(MARK, position)) >= 0:
        if _is_head(data, found, salt):
            return found
        position = found + 1
    return len(data)

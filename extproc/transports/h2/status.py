"""How a gRPC call ends: its status, as the block of fields that says so (gRPC over HTTP/2, "Responses").

The blocks use neither the dynamic table nor Huffman codes, so they are constants that fit every connection.
"""

import enum
from typing import NamedTuple
from urllib.parse import quote

from hpack.hpack import encode_integer


class Code(enum.IntEnum):
    """The gRPC status codes that this server gives."""

    OK = 0
    UNKNOWN = 2
    DEADLINE_EXCEEDED = 4
    RESOURCE_EXHAUSTED = 8
    UNIMPLEMENTED = 12
    INTERNAL = 13


class Status(NamedTuple):
    """How a call ended, and why if not well."""

    code: Code
    message: str = ""


def literal(name: bytes, value: bytes) -> bytes:
    """A field as a literal without indexing (RFC 7541, section 6.2.2)."""
    return b"\x00" + encode_integer(len(name), 7) + name + encode_integer(len(value), 7) + value


RESPONSE = b"\x88" + literal(b"content-type", b"application/grpc")
"""The fields with which each response begins. 0x88 is `:status: 200`."""


def trailers(status: Status) -> bytes:
    """The fields with which a response ends."""
    return _OK if status == _FINE else _status(status)


def trailers_only(status: Status) -> bytes:
    """The fields of a response that has nothing else."""
    return RESPONSE + trailers(status)


def http_refusal(status: int) -> bytes:
    """The fields of an answer to what is no gRPC."""
    return literal(b":status", str(status).encode())


def _status(status: Status) -> bytes:
    block = literal(b"grpc-status", str(int(status.code)).encode())
    if status.message:
        block += literal(b"grpc-message", quote(status.message, safe=" !\"#$&'()*+,/:;<=>?@[]{}|~`^").encode())
    if status.code == Code.UNIMPLEMENTED:
        block += literal(b"grpc-accept-encoding", b"identity")
    return block


_FINE = Status(Code.OK)
_OK = _status(_FINE)

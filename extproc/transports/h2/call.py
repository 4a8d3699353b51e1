"""One gRPC call of the external processor: what its headers ask for, and its messages on their way to the exchange.

Knows gRPC and the stage, but neither frames nor sockets.
"""

import logging
import re
from typing import NamedTuple

from google.protobuf.message import DecodeError

from extproc.stages import Exchange, Metadata
from extproc.transports.h2.messages import PREFIX, MessageReader
from extproc.transports.h2.requests import Kind, Request
from extproc.transports.h2.status import Code, Status, http_refusal, trailers_only

log = logging.getLogger("hyperplan.transport")

PATH = b"/envoy.service.ext_proc.v3.ExternalProcessor/Process"
LARGEST_MESSAGE = 72 << 20
"""Bytes of one gRPC message: the largest body that an endpoint may allow, and what is said of it."""

_CONTENT_TYPE = re.compile(rb"application/grpc(\+proto)?(;.*)?", re.IGNORECASE)
_TIMEOUT = re.compile(rb"([0-9]{1,8})([HMSmun])")
_UNITS = {b"H": 3600.0, b"M": 60.0, b"S": 1.0, b"m": 1e-3, b"u": 1e-6, b"n": 1e-9}
_FINE = Status(Code.OK)
_NO_METADATA = {b"te", b"content-type", b"host", b"content-length"}


class Verdict(NamedTuple):
    """What becomes of the requests of a kind.

    `refusal` is the block of fields that answers them, None if they are served. `timeout` is in seconds, None for none;
    `metadata` is what a stage gets to see, and `compressed` what happens to a compressed message.
    """

    refusal: bytes | None
    timeout: float | None
    metadata: dict[str, str]
    compressed: Status


def verdict_of(kind: Kind) -> Verdict:
    """Judge a kind of requests, once."""
    if kind.verdict is None:
        kind.verdict = _judge(kind.fields)
    verdict: Verdict = kind.verdict
    return verdict


class OwnMetadata:
    """The metadata of a request that has some of its own, which is read when somebody asks."""

    __slots__ = ("_common", "_own")

    def __init__(self, common: dict[str, str], own: tuple[tuple[bytes, bytes], ...]) -> None:
        self._common = common
        self._own = own

    def get(self, key: str, /) -> str | None:
        """The value of a key, None if there is none."""
        wanted = key.encode()
        for name, value in self._own:
            if name == wanted and _is_metadata(name):
                return value.decode("ascii", "replace")
        return self._common.get(key)


def metadata_of(request: Request, verdict: Verdict) -> Metadata:
    """The gRPC metadata of a request."""
    return OwnMetadata(verdict.metadata, request.own) if request.own else verdict.metadata


def _judge(fields: dict[bytes, bytes]) -> Verdict:
    refusal, timeout = None, None
    if fields[b":method"] != b"POST":
        refusal = http_refusal(405)
    elif not _CONTENT_TYPE.fullmatch(fields.get(b"content-type", b"")):
        refusal = http_refusal(415)
    elif fields[b":path"] != PATH:
        refusal = trailers_only(Status(Code.UNIMPLEMENTED, "there is no such method"))
    elif b"grpc-timeout" in fields:
        match = _TIMEOUT.fullmatch(fields[b"grpc-timeout"])
        if match:
            timeout = int(match[1]) * _UNITS[match[2]]
        else:
            refusal = trailers_only(Status(Code.INTERNAL, "grpc-timeout is no timeout"))
    if fields.get(b"grpc-encoding", b"identity") == b"identity":
        compressed = Status(Code.INTERNAL, "a compressed message without grpc-encoding")
    else:
        compressed = Status(Code.UNIMPLEMENTED, "compressed messages are not read")
    return Verdict(refusal, timeout, _metadata(fields), compressed)


def _metadata(fields: dict[bytes, bytes]) -> dict[str, str]:
    """Fields as metadata: what belongs to HTTP and to gRPC itself is left out, and so is what is binary."""
    return {
        name.decode("ascii"): value.decode("ascii", "replace") for name, value in fields.items() if _is_metadata(name)
    }


def _is_metadata(name: bytes) -> bool:
    return name not in _NO_METADATA and not name.startswith((b":", b"grpc-")) and not name.endswith(b"-bin")


class Call:
    """The messages of one stream, and the exchange that answers them. `status` is set when the call is over.

    `answered` and `counted` are the owner's: whether the response has begun, and the held bytes that were reckoned with.
    """

    __slots__ = ("answered", "counted", "exchange", "reader", "status")

    def __init__(self, exchange: Exchange, verdict: Verdict) -> None:
        self.exchange = exchange
        self.reader = MessageReader(LARGEST_MESSAGE, verdict.compressed)
        self.status: Status | None = None
        self.answered = False
        self.counted = 0

    def receive(self, data: bytes) -> bytes:
        """The answers to the messages that end in this data, each with its prefix."""
        answers = b""
        for message in self.reader.receive(data):
            try:
                answer = self.exchange.receive(message)
            except DecodeError:
                self.status = Status(Code.INTERNAL, "a message that is no ProcessingRequest")
                return answers
            except Exception:
                # The stream ends with an error, and Envoy does what the endpoint's on_failure says.
                log.exception("a request could not be processed")
                self.status = Status(Code.UNKNOWN, "the request could not be processed")
                return answers
            answers += PREFIX.pack(0, len(answer)) + answer
            if self.exchange.over:
                self.status = _FINE
                return answers
        self.status = self.reader.flaw
        return answers

    def finish(self) -> None:
        """The client has said all it had to say."""
        if self.status is None:
            cut = self.reader.held
            self.status = Status(Code.INTERNAL, "a message that is cut off") if cut else _FINE

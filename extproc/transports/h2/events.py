"""What a connection tells of the bytes it was given.

Plain classes and not named tuples: four are made for each request, and compiled that costs a tenth.
"""

from dataclasses import dataclass

from extproc.transports.h2.errors import ErrorCode
from extproc.transports.h2.requests import Request


@dataclass
class RequestReceived:
    """A stream began with the headers of a request; `ended`: nothing more will come."""

    stream_id: int
    request: Request
    ended: bool


@dataclass
class DataReceived:
    """Some of a request's content; `ended`: this was the last of it. With trailers it is empty and ended."""

    stream_id: int
    data: bytes
    ended: bool


@dataclass
class StreamReset:
    """A stream that began is no more: the peer reset it, or broke a rule on it. Nothing can be sent on it."""

    stream_id: int
    code: int


@dataclass
class ConnectionEnded:
    """The peer broke a rule of the connection. What is left to send is GOAWAY; then the connection is to be closed."""

    code: ErrorCode
    reason: str


Event = RequestReceived | DataReceived | StreamReset | ConnectionEnded

"""What a transport needs to know of a stage."""

import enum
from typing import Protocol


class Role(enum.IntEnum):
    """The stages, each of which Envoy asks on a socket of its own."""

    DECIDE = 0
    ADAPT = 1


class Exchange(Protocol):
    """One HTTP request, from its headers to the end of its stream.

    Messages are serialised: a `ProcessingRequest` in, a `ProcessingResponse` out. Most answers are the same every time, so
    a stage makes them once, and a transport just carries them.
    """

    @property
    def over(self) -> bool:
        """Whether nothing more is to be said. The transport then ends the stream, and Envoy goes on by itself."""

    def receive(self, message: bytes) -> bytes:
        """Answer one message. Every message gets an answer, or Envoy waits until its timeout.

        Raises:
            DecodeError: it is no `ProcessingRequest`.
        """

    def close(self) -> None:
        """The stream has ended: because all was said, or because the client, Envoy or the transport went away."""


class Metadata(Protocol):
    """The gRPC metadata of a stream, such as Envoy's `traceparent`. A dict is some."""

    def get(self, key: str, /) -> str | None:
        """The value of a key, None if there is none."""


class Stage(Protocol):
    """Opens an exchange for each stream."""

    def open(self, metadata: Metadata) -> Exchange:
        """Begin a request."""

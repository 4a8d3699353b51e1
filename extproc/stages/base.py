"""What a transport needs to know of a stage."""

from collections.abc import Mapping
from typing import Protocol

from extproc.wire import ProcessingRequest, ProcessingResponse


class Exchange(Protocol):
    """One HTTP request, from its headers to the end of its stream."""

    def receive(self, message: ProcessingRequest) -> ProcessingResponse:
        """Answer one message. Every message gets an answer, or Envoy waits until its timeout."""

    def close(self) -> None:
        """The stream has ended: because all was said, or because the client, Envoy or the transport went away."""


class Stage(Protocol):
    """Opens an exchange for each stream."""

    def open(self, metadata: Mapping[str, str]) -> Exchange:
        """Begin a request. `metadata` is the gRPC metadata of the stream, such as Envoy's `traceparent`."""

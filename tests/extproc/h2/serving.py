"""Transports that serve on a socket, and clients of both sorts: gRPC's own, and one that misbehaves."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import grpc.aio
import h2.config
import h2.connection
import h2.events

from extproc.stages import Stage
from extproc.transports import TRANSPORTS
from extproc.wire import HeaderMap, HeaderValue, HttpBody, HttpHeaders, ProcessingRequest, ProcessingResponse

METHOD = "/envoy.service.ext_proc.v3.ExternalProcessor/Process"
HEADERS = [
    (":method", "POST"),
    (":scheme", "http"),
    (":path", METHOD),
    (":authority", "sidecar"),
    ("te", "trailers"),
    ("content-type", "application/grpc"),
]
Stream = grpc.aio.StreamStreamCall


def request_headers(path: str = "/v1/models/flight-delay:predict") -> ProcessingRequest:
    field = HeaderValue(key=":path", raw_value=path.encode())
    return ProcessingRequest(request_headers=HttpHeaders(headers=HeaderMap(headers=[field]).SerializeToString()))


def request_body(content: bytes) -> ProcessingRequest:
    return ProcessingRequest(request_body=HttpBody(body=content, end_of_stream=True))


def framed(message: ProcessingRequest) -> bytes:
    content = message.SerializeToString()
    return b"\0" + len(content).to_bytes(4, "big") + content


@contextlib.asynccontextmanager
async def serving(name: str, stage: Stage, socket: Path, grace: float = 0.1) -> AsyncIterator[None]:
    """A transport that serves a stage."""
    transport = TRANSPORTS[name](stage, socket)
    await transport.start()
    try:
        yield
    finally:
        await transport.stop(grace)


@contextlib.asynccontextmanager
async def grpc_client(target: str | Path, **options: Any) -> AsyncIterator[Any]:
    """Opens streams with gRPC's own client."""
    address = f"unix:{target}" if isinstance(target, Path) else target
    async with grpc.aio.insecure_channel(address, options=list(options.items())) as channel:
        yield channel.stream_stream(
            METHOD,
            request_serializer=ProcessingRequest.SerializeToString,
            response_deserializer=ProcessingResponse.FromString,
        )


class Misbehaving:
    """The h2 library as a client, without its scruples: frames of any kind can be put between its own."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        config = h2.config.H2Configuration(validate_outbound_headers=False, normalize_outbound_headers=False)
        self.h2 = h2.connection.H2Connection(config)
        self.h2.initiate_connection()
        self.events: list[h2.events.Event] = []
        self.send()

    @classmethod
    @contextlib.asynccontextmanager
    async def connected(cls, socket: Path) -> AsyncIterator["Misbehaving"]:
        reader, writer = await asyncio.open_unix_connection(str(socket))
        client = cls(reader, writer)
        try:
            yield client
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    def send(self, raw: bytes = b"") -> None:
        """Send what the library has to say, and then some bytes of one's own."""
        self._writer.write(self.h2.data_to_send() + raw)

    def open(self, changes: Mapping[str, str] | None = None, *, end: bool = False) -> int:
        """Open a stream with the usual headers, some of them changed."""
        stream_id: int = self.h2.get_next_available_stream_id()
        self.h2.send_headers(stream_id, list({**dict(HEADERS), **(changes or {})}.items()), end_stream=end)
        self.send()
        return stream_id

    def say(self, stream_id: int, content: bytes, *, end: bool = False) -> None:
        self.h2.send_data(stream_id, content, end_stream=end)
        self.send()

    async def heard(self, kind: type[Any], stream_id: int | None = None) -> Any:
        """The first event of a kind, once it comes."""
        async with asyncio.timeout(15):
            while True:
                for event in self.events:
                    if isinstance(event, kind) and stream_id in (None, getattr(event, "stream_id", None)):
                        return event
                await self.more()

    async def more(self) -> None:
        """Read once."""
        async with asyncio.timeout(15):
            data = await self._reader.read(65536)
        assert data, "the server closed the connection"
        self.events += self.h2.receive_data(data)
        self.send()

    async def closed(self) -> None:
        """Wait until the server has closed the connection."""
        async with asyncio.timeout(15):
            with contextlib.suppress(ConnectionError):
                while await self._reader.read(65536):
                    pass

    async def ending(self, stream_id: int) -> dict[str, str]:
        """The trailers of a stream; headers, if it has nothing else."""
        await self.heard(h2.events.StreamEnded, stream_id)
        fields: dict[str, str] = {}
        for event in self.events:
            if (
                isinstance(event, h2.events.ResponseReceived | h2.events.TrailersReceived)
                and event.stream_id == stream_id
            ):
                fields |= {_text(name): _text(value) for name, value in event.headers or ()}
        return fields

    def content(self, stream_id: int) -> bytes:
        return b"".join(
            event.data or b""
            for event in self.events
            if isinstance(event, h2.events.DataReceived) and event.stream_id == stream_id
        )


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value

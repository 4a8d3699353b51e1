"""The asyncio side of a connection: hands bytes to the state machine, its events to the calls, and the answers back.

Everything that one read brought is answered with one write. No task, no future and no lock is made for a message, nor
for a stream.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import cast

from extproc.stages import Stage
from extproc.transports.h2.call import Call, metadata_of, verdict_of
from extproc.transports.h2.connection import Connection
from extproc.transports.h2.errors import ErrorCode
from extproc.transports.h2.events import ConnectionEnded, DataReceived, RequestReceived, StreamReset
from extproc.transports.h2.status import RESPONSE, Code, Status, trailers, trailers_only

log = logging.getLogger("hyperplan.transport")

HANDSHAKE = 10.0
"""Seconds in which a peer must send its preface and acknowledge our settings."""
LINGER = 5.0
"""Seconds in which a peer must take what is still to be sent when its connection is over."""
MOST_HELD = 256 << 20
"""Bytes of messages whose end has not come, on one connection."""


class ServerProtocol:
    """Serves a stage on one connection. `on_made` and `on_lost` are called when it is there and when it is gone.

    It is an `asyncio.Protocol` without being derived from one: a class with a base that is not compiled is slow itself.
    """

    def __init__(
        self,
        stage: Stage,
        on_made: Callable[["ServerProtocol"], None],
        on_lost: Callable[["ServerProtocol"], None],
    ) -> None:
        self._stage = stage
        self._on_made = on_made
        self._on_lost = on_lost
        self._loop = asyncio.get_running_loop()
        self._connection = Connection(self._loop.time, RESPONSE)
        self._calls: dict[int, Call] = {}
        self._expiries: dict[int, asyncio.TimerHandle] = {}  # of the calls that have a deadline
        self._held = 0
        self._transport: asyncio.Transport
        self._patience: asyncio.TimerHandle  # with the peer, until the handshake is over and when the connection is

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The peer is there."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one in all but name
        self._patience = self._loop.call_later(HANDSHAKE, self._on_handshake_over)
        self._flush()
        self._on_made(self)

    def data_received(self, data: bytes) -> None:
        """Answer all that one read brought."""
        connection, calls = self._connection, self._calls
        for event in connection.receive(data):
            if isinstance(event, DataReceived):
                call = calls.get(event.stream_id)
                if call is not None:
                    self._receive(event.stream_id, call, event.data, event.ended)
            elif isinstance(event, RequestReceived):
                self._open(event)
            elif isinstance(event, StreamReset):
                self._drop(event.stream_id)
            else:
                self._on_ended(event)
        self._flush()

    def pause_writing(self) -> None:
        """The peer does not read what it gets, so nothing more is read of what it says."""
        self._transport.pause_reading()

    def eof_received(self) -> bool:
        """The peer says no more: the connection is closed."""
        return False

    def resume_writing(self) -> None:
        """The peer reads again."""
        self._transport.resume_reading()

    def connection_lost(self, _error: Exception | None) -> None:
        """The peer is gone, and with it every stream."""
        self._patience.cancel()
        self._drop_all()
        self._on_lost(self)

    # What the server calls.

    @property
    def is_draining(self) -> bool:
        """Whether the peer was asked to open no more streams."""
        return self._connection.is_draining

    def drain(self) -> None:
        """Let the open streams end, then close."""
        self._connection.drain()
        self._flush()

    def abort(self) -> None:
        """End what is still open, and close."""
        self._drop_all()
        self._connection.fail(ErrorCode.NO_ERROR, "stopping")
        self._flush()

    # Events.

    def _open(self, event: RequestReceived) -> None:
        stream_id, request, ended = event.stream_id, event.request, event.ended
        verdict = verdict_of(request.kind)
        if verdict.refusal is not None:
            self._connection.end(stream_id, verdict.refusal)
            return
        try:
            exchange = self._stage.open(metadata_of(request, verdict))
        except Exception:
            log.exception("a request could not be opened")
            self._connection.end(stream_id, trailers_only(Status(Code.UNKNOWN, "the request could not be processed")))
            return
        call = self._calls[stream_id] = Call(exchange, verdict)
        if ended:
            self._receive(stream_id, call, b"", ended)
        elif verdict.timeout is not None:
            self._expiries[stream_id] = self._loop.call_later(verdict.timeout, self._on_expired, stream_id)

    def _receive(self, stream_id: int, call: Call, content: bytes, ended: bool) -> None:
        if content:
            answers = call.receive(content)
            if answers:
                call.answered = True
                if not self._connection.send_data(stream_id, answers):
                    self._drop(stream_id)
                    return
            if call.reader.held != call.counted:
                self._reckon(call)
        if ended:
            call.finish()
        if call.status is not None:
            self._end(stream_id, call, call.status)

    def _reckon(self, call: Call) -> None:
        """Count the bytes that a call holds against those of the whole connection."""
        self._held += call.reader.held - call.counted
        call.counted = call.reader.held
        if self._held > MOST_HELD and call.status is None:
            call.status = Status(Code.RESOURCE_EXHAUSTED, "too many large messages at once")

    def _end(self, stream_id: int, call: Call, status: Status) -> None:
        block = trailers(status) if call.answered else trailers_only(status)
        self._connection.end(stream_id, block)
        self._drop(stream_id)

    def _drop(self, stream_id: int) -> None:
        """Forget a call, and tell its exchange that the stream has ended."""
        call = self._calls.pop(stream_id, None)
        if call is None:
            return
        self._held -= call.counted
        if self._expiries and stream_id in self._expiries:
            self._expiries.pop(stream_id).cancel()
        try:
            call.exchange.close()
        except Exception:
            log.exception("a request could not be closed")

    def _drop_all(self) -> None:
        for stream_id in list(self._calls):
            self._drop(stream_id)

    def _on_ended(self, event: ConnectionEnded) -> None:
        log.warning("a connection was ended: %s: %s", event.code.name, event.reason)
        self._drop_all()

    # Timers.

    def _on_expired(self, stream_id: int) -> None:
        call = self._calls.get(stream_id)
        if call is not None:
            self._end(stream_id, call, Status(Code.DEADLINE_EXCEEDED, "the time that the client gave is over"))
            self._flush()

    def _on_handshake_over(self) -> None:
        if not self._connection.established:
            self._drop_all()
            self._connection.fail(ErrorCode.SETTINGS_TIMEOUT, "settings were not acknowledged")
            self._flush()

    def _flush(self) -> None:
        out = self._connection.take()
        if out:
            self._transport.write(out)
        if self._connection.is_over:
            self._close()

    def _close(self) -> None:
        """Close when all is sent, or when the peer has not taken it for a while."""
        if not self._transport.is_closing():
            self._transport.close()
            self._patience.cancel()
            self._patience = self._loop.call_later(LINGER, self._transport.abort)

"""The server's side of an HTTP/2 connection (RFC 9113) as a pure state machine: bytes in, events and bytes out.

It does no I/O and reads only the clock that it is given, so that every rule can be tested with a few bytes. It speaks
just what gRPC needs of a server: no push, no CONNECT, no priorities, and responses that all begin with one constant
block of fields.

The hot path is a request of three small frames. Therefore `receive` is a generator, whose consumer answers one event
before the next frame is looked at; frames are read where they lie; and all that is to be sent gathers in one buffer.

Every rule that a peer breaks raises `StreamError` or `ConnectionFailure` where it is broken; `receive` turns them into
frames and events. Every buffer has a bound, and what costs a peer little and this server something is taken off an
`Allowance`.
"""

from collections.abc import Callable, Iterator

from extproc.transports.h2 import settings
from extproc.transports.h2.allowance import Allowance
from extproc.transports.h2.errors import ConnectionFailure, ErrorCode, StreamError
from extproc.transports.h2.events import ConnectionEnded, DataReceived, Event, RequestReceived, StreamReset
from extproc.transports.h2.frames import (
    ACK,
    CONTINUATION,
    DATA,
    END_HEADERS,
    END_STREAM,
    HEADER,
    HEADER_SIZE,
    HEADERS,
    LARGEST_WINDOW,
    PADDED,
    PING,
    PREFACE,
    SETTINGS,
    SMALLEST_FRAME_LIMIT,
    STREAM_ID,
    WITH_PRIORITY,
    frame,
    goaway,
    rst_stream,
    window_update,
)
from extproc.transports.h2.header_blocks import LARGEST_BLOCK, HeaderBlocks, TooLarge
from extproc.transports.h2.requests import LARGEST_LIST, trailers_flaw
from extproc.transports.h2.streams import ClosedStreams, Stream

STREAM_WINDOW = 1 << 20
CONNECTION_WINDOW = 1 << 24
"""Bytes that the peer may send before it hears of more; it does when half of them are used up."""
MOST_STREAMS = 10_000
"""Streams that may be open at once; Envoy opens another connection for more."""
MOST_PENDING = 256 << 20
"""Bytes of responses that wait on one connection until the peer opens its windows: three of the largest that a stage writes, a
body of 64 MiB and what is said of it."""
MOST_CONTINUATIONS = 16
"""CONTINUATION frames of one block."""
LARGEST_FRAME = SMALLEST_FRAME_LIMIT
"""Bytes of payload of a frame that is accepted."""

MOST_LATE = 2 * MOST_STREAMS
"""Frames that come late and are excused: END_STREAM and RST_STREAM, on each of the streams that could be open at once."""

COST_OF_SETTINGS = 10.0
"""SETTINGS must be acknowledged."""
COST_OF_WINDOW = 0.01
"""A new initial window is reckoned with on every open stream: the cost for each of them."""

_DRAIN = b"drained?"
_PREFACE_AND_SETTINGS = frame(
    SETTINGS,
    0,
    0,
    settings.encode(
        {
            settings.HEADER_TABLE_SIZE: 0,
            settings.MAX_CONCURRENT_STREAMS: MOST_STREAMS,
            settings.INITIAL_WINDOW_SIZE: STREAM_WINDOW,
            settings.MAX_HEADER_LIST_SIZE: LARGEST_LIST,
        }
    ),
) + window_update(0, CONNECTION_WINDOW - settings.DEFAULT_WINDOW)
_TABLE_SIZE_ZERO = b"\x20"
_EVERY_STREAM = STREAM_ID


class _Block:
    """A field block that is still coming in."""

    __slots__ = ("continuations", "data", "ended", "flaw", "stream_id")

    def __init__(self, stream_id: int, data: bytes, ended: bool, flaw: str | None) -> None:
        self.stream_id = stream_id
        self.data = data
        self.ended = ended
        self.flaw = flaw
        self.continuations = 0


class Connection:
    """One connection. `response` is the block of fields that goes out before the first data of each stream.

    Give it what was received with `receive`, which must be exhausted, and send what `take` returns. After `ConnectionEnded`
    it takes and gives nothing more.
    """

    def __init__(self, clock: Callable[[], float], response: bytes) -> None:
        self._allowance = Allowance(clock)
        self._blocks = HeaderBlocks()
        self._closed = ClosedStreams()
        self._ended = False
        self._only: int | None = SETTINGS  # the one kind of frame that may come now; None for any
        self._block: _Block | None = None
        self._rest = bytearray()  # the beginning of a frame whose end has not come
        self._needed = 0
        self._prefaced = False
        self._settled = False
        self._draining = False
        self._last_accepted = _EVERY_STREAM
        self._last_stream = 0
        self._streams: dict[int, Stream] = {}
        self._blocked: dict[int, Stream] = {}  # those that wait for the connection's window, not for their own
        self._pending = 0
        self._late = 0  # frames that the peer may still send on streams that have ended with a whole response
        self._receive_window = CONNECTION_WINDOW
        self._send_window = settings.DEFAULT_WINDOW
        self._peer_window = settings.DEFAULT_WINDOW
        self._peer_frame = SMALLEST_FRAME_LIMIT
        self._response = response
        self._table_update = _TABLE_SIZE_ZERO  # before the first block, and the first that follows a new size
        self._out = bytearray(_PREFACE_AND_SETTINGS)

    # What the owner sees.

    @property
    def established(self) -> bool:
        """Whether the peer has sent its preface and acknowledged our settings."""
        return self._settled

    @property
    def is_draining(self) -> bool:
        """Whether the peer was asked to open no more streams."""
        return self._draining

    @property
    def is_over(self) -> bool:
        """Whether nothing more will happen: the connection has failed, or it has drained and no stream is open."""
        return self._ended or (self._last_accepted != _EVERY_STREAM and not self._streams)

    def take(self) -> bytearray:
        """What is to be sent, now and once."""
        out = self._out
        if out:
            self._out = bytearray()
        return out

    # What the owner wants.

    def send_data(self, stream_id: int, data: bytes) -> bool:
        """Send data of a response, as soon as the peer's windows let it.

        False: the stream is gone, perhaps because the peer takes none of what waits for it.
        """
        stream = self._streams.get(stream_id)
        if stream is None:
            return False
        self._allowance.answers += 1
        if not stream.answered:
            stream.answered = True
            self._write_fields(stream_id, self._response, 0)
        size = len(data)
        if (
            size <= stream.send_window
            and size <= self._send_window
            and size <= self._peer_frame
            and stream.pending is None
        ):
            stream.send_window -= size
            self._send_window -= size
            self._out += HEADER.pack(size >> 8, size & 0xFF, DATA, 0, stream_id)
            self._out += data
            return True
        return self._wait(stream, data)

    def end(self, stream_id: int, block: bytes) -> None:
        """End a response with a block of fields: trailers, or all there is. What the peer still sends is discarded."""
        stream = self._streams.get(stream_id)
        if stream is None:
            return
        if stream.pending is not None:
            stream.trailers = block
        else:
            self._finish(stream, block)

    def reset(self, stream_id: int, code: ErrorCode) -> None:
        """End a stream at once."""
        if stream_id in self._streams:
            self._out += rst_stream(stream_id, code)
            self._forget(stream_id, by_us=True)

    def drain(self) -> None:
        """Ask the peer to open no more streams; those that it opened before it could hear are still served."""
        if not self._draining and not self._ended:
            self._draining = True
            self._out += goaway(_EVERY_STREAM, ErrorCode.NO_ERROR) + frame(PING, 0, 0, _DRAIN)

    def fail(self, code: ErrorCode, reason: str = "") -> None:
        """End the connection: GOAWAY is the last that it sends."""
        if not self._ended:
            self._ended = True
            self._out += goaway(min(self._last_stream, self._last_accepted), code, reason)
            self._streams.clear()
            self._blocked.clear()
            self._rest.clear()
            self._block = None

    # Frames.

    def receive(self, data: bytes) -> Iterator[Event]:
        """What these bytes bring, frame by frame. The events must all be taken before more bytes are given."""
        if self._ended:
            return
        if self._rest:
            self._rest += data
            if len(self._rest) < self._needed:
                return
            data = bytes(self._rest)
            self._rest.clear()
        position, end = 0, len(data)
        unpack, handlers = HEADER.unpack_from, _HANDLERS
        try:
            if not self._prefaced and end >= len(PREFACE):
                position = self._read_preface(data)
            while end - position >= HEADER_SIZE and self._prefaced and not self._ended:
                upper, lower, kind, flags, stream_id = unpack(data, position)
                length = upper << 8 | lower
                if length > LARGEST_FRAME or (self._only is not None and kind != self._only):
                    self._refuse_frame(kind, length)
                start = position + HEADER_SIZE
                if end - start < length:
                    self._needed = HEADER_SIZE + length
                    self._rest += data[position:]
                    return
                position = start + length
                payload = data[start:position]
                event: Event | None
                try:
                    if kind == DATA:  # most frames are: they are spared the table
                        event = self._on_data(flags, stream_id & STREAM_ID, payload)
                    else:
                        handle = handlers[kind] if kind <= CONTINUATION else Connection._on_unknown
                        event = handle(self, flags, stream_id & STREAM_ID, payload)
                except StreamError as error:
                    event = self._on_stream_error(error)
                if event is not None:
                    yield event
        except ConnectionFailure as failure:
            self.fail(failure.code, str(failure))
            yield ConnectionEnded(failure.code, str(failure))
            return
        if position < end and not self._ended:
            self._needed = HEADER_SIZE if self._prefaced else len(PREFACE)
            self._rest += data[position:]

    def _read_preface(self, data: bytes) -> int:
        """Where the frames begin."""
        if not data.startswith(PREFACE):
            raise ConnectionFailure(ErrorCode.PROTOCOL_ERROR, "no HTTP/2 preface")
        self._prefaced = True
        return len(PREFACE)

    def _refuse_frame(self, kind: int, length: int) -> None:
        if length > LARGEST_FRAME:
            raise ConnectionFailure(ErrorCode.FRAME_SIZE_ERROR, "a frame above SETTINGS_MAX_FRAME_SIZE")
        raise ConnectionFailure(ErrorCode.PROTOCOL_ERROR, f"frame type {kind} where it may not stand")

    def _on_stream_error(self, error: StreamError) -> Event | None:
        """Reset a stream on which the peer broke a rule. One that did not begin gets the frame, and no event."""
        self._spend(1)
        self._out += rst_stream(error.stream_id, error.code)
        began = error.stream_id in self._streams
        self._forget(error.stream_id, by_us=True)
        return StreamReset(error.stream_id, error.code) if began else None

    def _on_data(self, flags: int, stream_id: int, payload: bytes) -> Event | None:
        size = len(payload)
        self._receive_window -= size
        if self._receive_window < CONNECTION_WINDOW >> 1:
            self._open_connection_window()
        stream = self._streams.get(stream_id)
        if stream is None:
            self._on_data_astray(stream_id)
            return None
        if not stream.receiving:
            raise StreamError(stream_id, ErrorCode.STREAM_CLOSED, "DATA behind END_STREAM")
        stream.receive_window -= size
        if stream.receive_window < 0:
            raise StreamError(stream_id, ErrorCode.FLOW_CONTROL_ERROR, "more DATA than the stream's window")
        if flags & PADDED:
            payload = _unpadded(payload)
        if stream.awaited is not None:
            stream.awaited -= len(payload)
            if stream.awaited < 0 or (flags & END_STREAM and stream.awaited):
                raise StreamError(stream_id, ErrorCode.PROTOCOL_ERROR, "content-length is not what came")
        if flags & END_STREAM:
            stream.receiving = False
            return DataReceived(stream_id, payload, True)
        if stream.receive_window < STREAM_WINDOW >> 1:
            self._out += window_update(stream_id, STREAM_WINDOW - stream.receive_window)
            stream.receive_window = STREAM_WINDOW
        if not payload:
            self._spend(1)
            return None
        return DataReceived(stream_id, payload, False)

    def _open_connection_window(self) -> None:
        if self._receive_window < 0:
            raise ConnectionFailure(ErrorCode.FLOW_CONTROL_ERROR, "more DATA than the connection's window")
        self._out += window_update(0, CONNECTION_WINDOW - self._receive_window)
        self._receive_window = CONNECTION_WINDOW

    def _on_data_astray(self, stream_id: int) -> None:
        """DATA on a stream that is not open: an error, unless the peer cannot know yet (section 5.1, "closed")."""
        self._refuse_idle(stream_id, "DATA")
        if not self._closed.may_still_send(stream_id):
            raise ConnectionFailure(ErrorCode.STREAM_CLOSED, "DATA on a closed stream")
        self._spend_late(0.1)

    def _on_headers(self, flags: int, stream_id: int, payload: bytes) -> Event | None:
        if not stream_id & 1:
            raise ConnectionFailure(ErrorCode.PROTOCOL_ERROR, "HEADERS on a stream that no client may open")
        if flags & PADDED:
            payload = _unpadded(payload)
        flaw = None
        if flags & WITH_PRIORITY:
            if len(payload) < 5:
                raise ConnectionFailure(ErrorCode.FRAME_SIZE_ERROR, "HEADERS too short for their priority")
            if _dependency(payload) == stream_id:
                flaw = "a stream that depends on itself"
            payload = payload[5:]
        if flags & END_HEADERS:
            return self._on_block(stream_id, payload, bool(flags & END_STREAM), flaw)
        self._block = _Block(stream_id, payload, bool(flags & END_STREAM), flaw)
        self._only = CONTINUATION
        return None

    def _on_continuation(self, flags: int, stream_id: int, payload: bytes) -> Event | None:
        block = self._block
        if block is None or block.stream_id != stream_id:
            raise ConnectionFailure(ErrorCode.PROTOCOL_ERROR, "CONTINUATION of nothing")
        block.continuations += 1
        if block.continuations > MOST_CONTINUATIONS or len(block.data) + len(payload) > LARGEST_BLOCK:
            raise ConnectionFailure(ErrorCode.ENHANCE_YOUR_CALM, "a field block without end")
        block.data += payload
        if not flags & END_HEADERS:
            return None
        self._block = self._only = None
        return self._on_block(stream_id, block.data, block.ended, block.flaw)

    def _on_block(self, stream_id: int, block: bytes, ended: bool, flaw: str | None) -> Event | None:
        """A whole field block: of a new stream, or trailers, or astray. In any case HPACK must see it."""
        if stream_id <= self._last_stream:
            return self._on_later_block(stream_id, block, ended, flaw)
        try:
            request = self._blocks.request(block)
        except TooLarge:
            if stream_id > self._last_accepted:
                self._spend(1)
                return None
            self._last_stream = stream_id
            raise StreamError(stream_id, ErrorCode.ENHANCE_YOUR_CALM, "too many fields") from None
        if stream_id > self._last_accepted:
            self._spend(1)
            return None
        self._last_stream = stream_id
        kind = request.kind
        flaw = flaw or kind.flaw
        if flaw is None and ended and kind.content_length:
            flaw = "content-length is not what came"
        if flaw is not None:
            raise StreamError(stream_id, ErrorCode.PROTOCOL_ERROR, flaw)
        if len(self._streams) >= MOST_STREAMS:
            raise StreamError(stream_id, ErrorCode.REFUSED_STREAM, "too many streams")
        self._streams[stream_id] = Stream(stream_id, not ended, kind.content_length, self._peer_window, STREAM_WINDOW)
        return RequestReceived(stream_id, request, ended)

    def _on_later_block(self, stream_id: int, block: bytes, ended: bool, flaw: str | None) -> Event | None:
        try:
            fields = self._blocks.fields(block)
        except TooLarge:
            raise StreamError(stream_id, ErrorCode.ENHANCE_YOUR_CALM, "too many fields") from None
        stream = self._streams.get(stream_id)
        if stream is None:
            if stream_id not in self._closed:
                raise ConnectionFailure(ErrorCode.PROTOCOL_ERROR, "a stream with a smaller id than the last")
            if not self._closed.may_still_send(stream_id):
                raise ConnectionFailure(ErrorCode.STREAM_CLOSED, "HEADERS on a closed stream")
            self._spend_late(1)
            return None
        if not stream.receiving:
            raise StreamError(stream_id, ErrorCode.STREAM_CLOSED, "HEADERS behind END_STREAM")
        if not ended:
            flaw = "HEADERS in mid-stream that do not end it"
        elif stream.awaited:
            flaw = "content-length is not what came"
        flaw = flaw or trailers_flaw(fields)
        if flaw is not None:
            raise StreamError(stream_id, ErrorCode.PROTOCOL_ERROR, flaw)
        stream.receiving = False
        return DataReceived(stream_id, b"", True)

    def _on_priority(self, _flags: int, stream_id: int, payload: bytes) -> None:
        """Priorities are deprecated (section 5.3.2): checked, and not followed."""
        if stream_id == 0:
            raise ConnectionFailure(ErrorCode.PROTOCOL_ERROR, "PRIORITY on stream 0")
        flaw = ErrorCode.FRAME_SIZE_ERROR if len(payload) != 5 else None
        if flaw is None and _dependency(payload) == stream_id:
            flaw = ErrorCode.PROTOCOL_ERROR
        if flaw is not None:
            if self._is_idle(stream_id):  # RST_STREAM may not be sent on an idle stream
                raise ConnectionFailure(flaw, "a malformed PRIORITY")
            raise StreamError(stream_id, flaw, "a malformed PRIORITY")
        self._spend(1)

    def _on_rst_stream(self, _flags: int, stream_id: int, payload: bytes) -> Event | None:
        if len(payload) != 4:
            raise ConnectionFailure(ErrorCode.FRAME_SIZE_ERROR, "RST_STREAM of a length other than 4")
        self._refuse_idle(stream_id, "RST_STREAM")
        stream = self._streams.get(stream_id)
        if stream is None:
            self._spend_late(1)
            return None
        if not stream.answered:
            self._spend(1)
        self._forget(stream_id, by_us=False)
        return StreamReset(stream_id, int.from_bytes(payload, "big"))

    def _on_settings(self, flags: int, stream_id: int, payload: bytes) -> None:
        if stream_id:
            raise ConnectionFailure(ErrorCode.PROTOCOL_ERROR, "SETTINGS on a stream")
        if flags & ACK:
            self._on_settings_acknowledged(payload)
            return
        self._only = None
        self._spend(COST_OF_SETTINGS)
        window = self._peer_window
        for number, value in settings.decode(payload):
            if number == settings.INITIAL_WINDOW_SIZE:
                window = value
            elif number == settings.MAX_FRAME_SIZE:
                self._peer_frame = value
            elif number == settings.HEADER_TABLE_SIZE:
                self._table_update = _TABLE_SIZE_ZERO
        self._out += frame(SETTINGS, ACK, 0)
        if window != self._peer_window:
            self._change_windows(window)

    def _on_settings_acknowledged(self, payload: bytes) -> None:
        if payload:
            raise ConnectionFailure(ErrorCode.FRAME_SIZE_ERROR, "an acknowledgement with settings")
        if self._only is not None:
            raise ConnectionFailure(ErrorCode.PROTOCOL_ERROR, "an acknowledgement before the first settings")
        if self._settled:
            self._spend(1)
            return
        self._settled = True
        self._blocks.acknowledged()

    def _change_windows(self, window: int) -> None:
        """Apply a new initial window to the streams that are open; theirs may become negative (section 6.9.2)."""
        self._spend(COST_OF_WINDOW * len(self._streams))
        difference = window - self._peer_window
        self._peer_window = window
        for stream in self._streams.values():
            stream.send_window += difference
            if stream.send_window > LARGEST_WINDOW:
                raise ConnectionFailure(ErrorCode.FLOW_CONTROL_ERROR, "a window above 2^31-1")
        for stream in list(self._streams.values()):
            if stream.pending is not None and stream.send_window > 0:
                self._send_pending(stream)

    def _on_push_promise(self, _flags: int, _stream_id: int, _payload: bytes) -> None:
        raise ConnectionFailure(ErrorCode.PROTOCOL_ERROR, "PUSH_PROMISE from a client")

    def _on_ping(self, flags: int, stream_id: int, payload: bytes) -> None:
        if stream_id:
            raise ConnectionFailure(ErrorCode.PROTOCOL_ERROR, "PING on a stream")
        if len(payload) != 8:
            raise ConnectionFailure(ErrorCode.FRAME_SIZE_ERROR, "PING of a length other than 8")
        self._spend(1)
        if not flags & ACK:
            self._out += frame(PING, ACK, 0, payload)
        elif self._draining and self._last_accepted == _EVERY_STREAM and payload == _DRAIN:
            # The peer has seen the first GOAWAY: whatever it opened before is here.
            self._last_accepted = self._last_stream
            self._out += goaway(self._last_stream, ErrorCode.NO_ERROR)

    def _on_goaway(self, _flags: int, stream_id: int, payload: bytes) -> None:
        """The peer takes no streams of ours, of which there are none, and will open no more itself."""
        if stream_id:
            raise ConnectionFailure(ErrorCode.PROTOCOL_ERROR, "GOAWAY on a stream")
        if len(payload) < 8:
            raise ConnectionFailure(ErrorCode.FRAME_SIZE_ERROR, "GOAWAY too short")
        self._spend(1)

    def _on_window_update(self, _flags: int, stream_id: int, payload: bytes) -> None:
        if len(payload) != 4:
            raise ConnectionFailure(ErrorCode.FRAME_SIZE_ERROR, "WINDOW_UPDATE of a length other than 4")
        self._spend(1)
        increment = int.from_bytes(payload, "big") & LARGEST_WINDOW
        if stream_id == 0:
            if not increment:
                raise ConnectionFailure(ErrorCode.PROTOCOL_ERROR, "WINDOW_UPDATE of 0")
            self._send_window += increment
            if self._send_window > LARGEST_WINDOW:
                raise ConnectionFailure(ErrorCode.FLOW_CONTROL_ERROR, "a window above 2^31-1")
            self._send_blocked()
            return
        self._refuse_idle(stream_id, "WINDOW_UPDATE")
        stream = self._streams.get(stream_id)
        if stream is None:
            return
        if not increment:
            raise StreamError(stream_id, ErrorCode.PROTOCOL_ERROR, "WINDOW_UPDATE of 0")
        stream.send_window += increment
        if stream.send_window > LARGEST_WINDOW:
            raise StreamError(stream_id, ErrorCode.FLOW_CONTROL_ERROR, "a window above 2^31-1")
        self._send_pending(stream)

    def _on_unknown(self, _flags: int, _stream_id: int, _payload: bytes) -> None:
        """A frame of an extension: ignored (section 5.5)."""
        self._spend(1)

    # Streams.

    def _is_idle(self, stream_id: int) -> bool:
        """Whether a stream has not begun. Those with even ids never do: only a server could open them."""
        return not stream_id & 1 or stream_id > self._last_stream

    def _refuse_idle(self, stream_id: int, what: str) -> None:
        if self._is_idle(stream_id) and not self._is_discarded(stream_id):
            raise ConnectionFailure(ErrorCode.PROTOCOL_ERROR, f"{what} on a stream that has not begun")

    def _is_discarded(self, stream_id: int) -> bool:
        """Whether a stream was opened behind the last GOAWAY: what it brings is nobody's (section 6.8)."""
        return bool(stream_id & 1) and stream_id > self._last_accepted

    def _forget(self, stream_id: int, *, by_us: bool) -> None:
        stream = self._streams.pop(stream_id, None)
        if stream is not None and stream.pending is not None:
            self._pending -= len(stream.pending)
            self._blocked.pop(stream_id, None)
        self._closed.add(stream_id, by_us=by_us)

    def _spend(self, cost: float) -> None:
        if not self._allowance.spend(cost):
            raise ConnectionFailure(ErrorCode.ENHANCE_YOUR_CALM, "too many frames that do nothing")

    def _spend_late(self, cost: float) -> None:
        """Charge for a frame on a stream that is gone, unless an honest peer may have sent it before it knew.

        Thousands of them may come at once, when as many streams have ended at once.
        """
        if self._late:
            self._late = min(self._late, MOST_LATE) - 1
        else:
            self._spend(cost)

    # Sending.

    def _write_fields(self, stream_id: int, block: bytes, flags: int) -> None:
        """HEADERS. Our blocks are short: they never need CONTINUATION."""
        if self._table_update:
            block = self._table_update + block
            self._table_update = b""
        self._out += frame(HEADERS, flags | END_HEADERS, stream_id, block)

    def _finish(self, stream: Stream, block: bytes) -> None:
        self._write_fields(stream.id, block, END_STREAM)
        if stream.receiving:  # the response is whole, so the rest of the request is of no use (section 8.1)
            self._out += rst_stream(stream.id, ErrorCode.NO_ERROR)
        self._late += 2
        self._forget(stream.id, by_us=stream.receiving)

    def _wait(self, stream: Stream, data: bytes) -> bool:
        """Keep data until the windows are open, and send what they let through now."""
        if self._pending + len(data) > MOST_PENDING:
            self.reset(stream.id, ErrorCode.ENHANCE_YOUR_CALM)
            return False
        if stream.pending is None:
            stream.pending = bytearray()
        stream.pending += data
        self._pending += len(data)
        self._send_pending(stream)
        return True

    def _send_blocked(self) -> None:
        """Use the connection's window, and look at no more streams than it takes."""
        for stream in list(self._blocked.values()):
            if self._send_window <= 0:
                break
            self._send_pending(stream)

    def _send_pending(self, stream: Stream) -> None:
        pending = stream.pending
        if pending is None:
            return
        sent = 0
        room = min(len(pending), stream.send_window, self._send_window)
        while sent < room:
            size = min(room - sent, self._peer_frame)
            self._out += HEADER.pack(size >> 8, size & 0xFF, DATA, 0, stream.id)
            self._out += pending[sent : sent + size]
            sent += size
        del pending[:sent]
        stream.send_window -= sent
        self._send_window -= sent
        self._pending -= sent
        self._allowance.answers += sent >> 14  # the client may open its windows for each frame of a large answer
        if pending and stream.send_window > 0:
            self._blocked[stream.id] = stream
            return
        self._blocked.pop(stream.id, None)
        if not pending:
            stream.pending = None
            if stream.trailers is not None:
                self._finish(stream, stream.trailers)


def _unpadded(payload: bytes) -> bytes:
    """The payload without its padding."""
    if not payload or payload[0] >= len(payload):
        raise ConnectionFailure(ErrorCode.PROTOCOL_ERROR, "more padding than payload")
    return payload[1 : len(payload) - payload[0]]


def _dependency(payload: bytes) -> int:
    return int.from_bytes(payload[:4], "big") & STREAM_ID


_HANDLERS: tuple[Callable[[Connection, int, int, bytes], Event | None], ...] = (
    Connection._on_data,
    Connection._on_headers,
    Connection._on_priority,
    Connection._on_rst_stream,
    Connection._on_settings,
    Connection._on_push_promise,
    Connection._on_ping,
    Connection._on_goaway,
    Connection._on_window_update,
    Connection._on_continuation,
)
"""What each frame does, by its type."""

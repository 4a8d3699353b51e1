"""The whole server side of an HTTP/2 connection, from bytes to the decide stage and back, against arbitrary bytes.

An input is a byte of choices, a byte that says where the rest is cut, and what the client sends. It is given to the
server three times, whole, cut, and frame by frame, and each time

- every exchange that was opened is closed, once, and nothing is kept of it;
- every buffer stays within its bound, and what is counted is what is there;
- what is sent is what a client may expect (`client.py`), and nothing is sent after the end;
- and all three are told and sent the same.
"""

import asyncio
import contextlib
import heapq
import itertools
import random
from collections.abc import Callable, Iterator
from typing import Any, cast
from unittest import mock

from extproc.stages import Decide, Exchange, Metadata
from extproc.transports.h2 import allowance, connection, header_blocks, protocol, streams
from extproc.transports.h2.frames import ACK, HEADER_SIZE, PREFACE, SETTINGS, frame
from extproc.transports.h2.protocol import ServerProtocol
from hyperplan.endpoint import parse_endpoint
from hyperplan.plan import CompiledPlan, Plan, PlannedEndpoint
from tests.extproc.conversation import DOCUMENT, Memory
from tests.fuzz.client import Client, Said, frames_in

BEGUN = 0x1
"""The settings were exchanged before."""
DRAINS = 0x2
"""The server drains when half of the bytes have come."""

HANDSHAKE = PREFACE + frame(SETTINGS, 0, 0) + frame(SETTINGS, ACK, 0)
PLAN = CompiledPlan(Plan(7, (PlannedEndpoint(3, parse_endpoint(DOCUMENT)),)))


@contextlib.contextmanager
def low_bounds() -> Iterator[None]:
    """Every bound so low that a few hundred bytes reach it."""
    with contextlib.ExitStack() as stack:
        for module, bounds in (
            (allowance, {"FULL": 60.0}),
            (connection, {"MOST_STREAMS": 6, "MOST_PENDING": 600, "MOST_LATE": 8}),
            (header_blocks, {"MOST_KNOWN": 3}),
            (protocol, {"MOST_HELD": 1000}),
            (streams, {"KEPT": 4}),
        ):
            stack.enter_context(mock.patch.multiple(module, **bounds))
        yield


def once(data: bytes) -> None:
    """Judge one input."""
    choices, seed, said = *data[:2].ljust(2, b"\0"), bytes(data[2:])
    if choices & BEGUN:
        said = HANDSHAKE + said
    half = len(said) // 2 if choices & DRAINS else None
    outcomes = [_outcome(pieces, half) for pieces in (_whole(said), _cut(said, seed), _frame_by_frame(said))]
    for told, sent in outcomes[1:]:
        # A connection that has drained is closed where a piece ends, so what comes behind that is read only in a large one.
        whole = len(told), len(sent)
        assert whole == (len(outcomes[0][0]), len(outcomes[0][1])) or half is not None
        assert told == outcomes[0][0][: whole[0]]
        assert sent == outcomes[0][1][: whole[1]]


Pieces = list[tuple[bytes, list[Said] | None]]
"""What is given to the server at once, and the frames that begin in it, where these are known."""


def _whole(said: bytes) -> Pieces:
    return [(said, None)]


def _cut(said: bytes, seed: int) -> Pieces:
    chosen = random.Random(seed)
    edges = sorted(chosen.choices(range(len(said) + 1), k=chosen.randrange(12)))
    return [(said[start:end], None) for start, end in itertools.pairwise([0, *edges, len(said)])]


def _frame_by_frame(said: bytes) -> Pieces:
    if not said.startswith(PREFACE):
        return [(said[index : index + 1], None) for index in range(len(said))]
    return [(PREFACE, []), *((one.raw, [one]) for one in frames_in(said[len(PREFACE) :]))]


def _halved(pieces: Pieces, half: int | None) -> Iterator[tuple[bytes, list[Said] | None, bool]]:
    """The pieces, the one that half lies in as two; and whether half lies before a piece."""
    position = 0
    for piece, begun in pieces:
        if half is not None and position <= half < position + len(piece):
            yield piece[: half - position], begun, False
            yield piece[half - position :], begun and [], True
        else:
            yield piece, begun, False
        position += len(piece)


def _outcome(pieces: Pieces, half: int | None) -> tuple[list[object], bytes]:
    """What the stage was told, and what the server sent."""
    with Loop.running() as loop:
        stage, wire = Watched(), Wire()
        server = ServerProtocol(stage, lambda _: None, lambda _: None)
        server.connection_made(wire)
        client = Client()
        for piece, begun, drains in _halved(pieces, half):
            if drains:
                server.drain()
            if wire.closed:
                break
            for said in begun or ():
                client.says(said)
            server.data_received(piece)
            _check_bounds(server)
            if begun is not None:
                client.hears(wire.news())
        loop.advance(protocol.HANDSHAKE + 1)
        if pieces and pieces[0][1] is not None:
            client.hears(wire.news())
        assert wire.closed or server._connection.established, "a handshake without end"
        server.connection_lost(None)
        stage.check_closed()
        assert (server._calls, server._expiries, server._held, loop.waiting()) == ({}, {}, 0, 0)
        return stage.told, bytes(wire.sent)


def _check_bounds(server: ServerProtocol) -> None:
    state = server._connection
    blocks = state._blocks
    assert len(state._rest) < HEADER_SIZE + connection.LARGEST_FRAME + HEADER_SIZE
    assert state._block is None or len(state._block.data) <= header_blocks.LARGEST_BLOCK
    assert not state._out, "something is left unsent"
    assert len(state._streams) <= connection.MOST_STREAMS
    assert len(state._closed._young) + len(state._closed._old) <= 2 * streams.KEPT
    assert len(blocks._known) <= header_blocks.MOST_KNOWN
    if not state._ended:
        waiting = {stream.id: stream for stream in state._streams.values() if stream.pending is not None}
        assert state._pending == sum(len(stream.pending or b"") for stream in waiting.values())
        assert state._pending <= connection.MOST_PENDING
        assert all(stream.pending for stream in waiting.values())
        assert state._blocked.items() <= waiting.items()
    assert server._calls.keys() <= state._streams.keys()
    assert server._expiries.keys() <= server._calls.keys()
    assert server._held == sum(call.counted for call in server._calls.values()) <= protocol.MOST_HELD
    assert all(call.counted == call.reader.held for call in server._calls.values())


class Loop:
    """As much of an event loop as the server asks for, with a clock that stands still until it is moved."""

    def __init__(self) -> None:
        self._now = 0.0
        self._timers: list[tuple[float, int, Timer]] = []
        self._count = itertools.count()

    @classmethod
    @contextlib.contextmanager
    def running(cls) -> Iterator["Loop"]:
        loop = cls()
        asyncio._set_running_loop(cast(asyncio.AbstractEventLoop, loop))
        try:
            yield loop
        finally:
            asyncio._set_running_loop(None)

    def time(self) -> float:
        return self._now

    def call_later(self, delay: float, callback: Callable[..., object], *arguments: object) -> "Timer":
        timer = Timer(lambda: callback(*arguments))
        heapq.heappush(self._timers, (self._now + delay, next(self._count), timer))
        return timer

    def advance(self, seconds: float) -> None:
        """Let time go on, and do what is due."""
        end = self._now + seconds
        while self._timers and self._timers[0][0] <= end:
            self._now, _, timer = heapq.heappop(self._timers)
            if not timer.cancelled:
                timer.due()
        self._now = end

    def waiting(self) -> int:
        return sum(not timer.cancelled for _, _, timer in self._timers)


class Timer:
    def __init__(self, due: Callable[[], object]) -> None:
        self.due = due
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


class Wire(asyncio.Transport):
    """Keeps what is sent."""

    def __init__(self) -> None:
        super().__init__()
        self.sent = bytearray()
        self.closed = False
        self._heard = 0

    def write(self, data: Any) -> None:
        assert not self.closed, "something is sent after the end"
        self.sent += data

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        assert self.closed, "an end that was not announced"

    def is_closing(self) -> bool:
        return self.closed

    def news(self) -> bytes:
        """What was sent since this was asked for."""
        news = bytes(self.sent[self._heard :])
        self._heard = len(self.sent)
        return news


class Watched:
    """The decide stage, and what becomes of its exchanges."""

    def __init__(self) -> None:
        self._stage = Decide(Memory(), clock=lambda: 1.7e9, monotonic=lambda: 5.0, source=random.Random(1))
        self._stage.adopt(PLAN)
        self._exchanges: list[WatchedExchange] = []
        self.told: list[object] = []

    def open(self, metadata: Metadata) -> "WatchedExchange":
        self.told.append(("open", metadata.get("traceparent"), metadata.get("x-own")))
        exchange = WatchedExchange(self._stage.open(metadata), len(self._exchanges), self.told)
        self._exchanges.append(exchange)
        return exchange

    def check_closed(self) -> None:
        assert [exchange.closed for exchange in self._exchanges] == [1] * len(self._exchanges)


class WatchedExchange:
    def __init__(self, exchange: Exchange, number: int, told: list[object]) -> None:
        self._exchange = exchange
        self._number = number
        self._told = told
        self.closed = 0

    @property
    def over(self) -> bool:
        return self._exchange.over

    def receive(self, message: bytes) -> bytes:
        assert not self.closed, "a message for an exchange that was closed"
        assert not self.over, "a message for an exchange that is over"
        self._told.append((self._number, message))
        return self._exchange.receive(message)

    def close(self) -> None:
        self.closed += 1
        self._told.append((self._number, "closed"))
        self._exchange.close()


# How inputs are changed: frames remain frames, more often than chance would have it.


def mutated(data: bytes, limit: int, seed: int, blind: Callable[[bytes, int], bytes]) -> bytes:
    """Another input. `blind` is libFuzzer's own way, which knows nothing of frames."""
    chosen = random.Random(seed)
    if len(data) < 2 or chosen.random() < 0.2:
        return bytes(blind(data, limit))
    choices, said = data[:2], data[2:]
    start = len(PREFACE) if said.startswith(PREFACE) else 0
    frames = [one.raw for one in frames_in(said[start:])]
    if chosen.random() < 0.05:
        choices = bytes((choices[0] ^ chosen.choice([BEGUN, DRAINS]), chosen.randrange(256)))
    for _ in range(chosen.choice([1, 1, 1, 2, 4])):
        place = chosen.randrange(len(frames) + 1)
        frames[place : place + 1] = _changed(frames[place : place + 1], frames, chosen, blind)
    return (choices + said[:start] + b"".join(frames))[:limit]


def _changed(
    here: list[bytes], frames: list[bytes], chosen: random.Random, blind: Callable[[bytes, int], bytes]
) -> list[bytes]:
    """What stands in the place of a frame."""
    if not here or len(here[0]) < HEADER_SIZE:
        return [
            frame(chosen.randrange(11), chosen.choice([0, 1, 4, 5, 8]), chosen.randrange(9), bytes(chosen.randrange(9)))
        ]
    kind, flags, stream_id, payload, _ = frames_in(here[0])[0]
    way = chosen.randrange(8)
    if way == 0:
        return []
    if way == 1:
        return here * chosen.choice([2, 2, 2, 10, 70])
    if way == 2:
        return [chosen.choice(frames), *here]
    if way == 3:
        stream_id = chosen.choice([0, 1, 2, 3, 5, 7, stream_id + 2, chosen.getrandbits(31)])
    elif way == 4:
        flags ^= 1 << chosen.randrange(8)
    elif way == 5:
        kind = chosen.randrange(11)
    else:
        payload = bytes(blind(payload, len(payload) + 40)) if payload else bytes(chosen.randrange(9))
    return [frame(kind, flags, stream_id, payload)]

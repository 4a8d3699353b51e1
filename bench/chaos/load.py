"""A steady load that misses nothing: requests begin by the clock, whatever became of those before, and each is kept.

Latency counts from when a request was due, so what made the load late is in it. There are no retries: what fails is what a
client would have seen fail. An answer is right if it holds the prediction of the model that it names.
"""

import asyncio
import contextlib
import itertools
import time
from collections import deque
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import NamedTuple

import h11
import msgspec

from demo.client import Connection

TIMEOUT = 10.0
"""Seconds after which a request is given up."""
UNREACHABLE, CUT_OFF, UNANSWERED, WRONG = "unreachable", "cut off", "no answer", "wrong answer"
"""Names of failures that have no status; the others are named by their status."""


class Seen(NamedTuple):
    """What came of one request. Times are on the monotonic clock, in seconds; it was due, sent and over.

    `failure` is None if the answer was right. `model` and `prediction_id` are headers of the answer.
    """

    endpoint: str
    due: float
    sent: float
    over: float
    failure: str | None
    model: str | None = None
    prediction_id: str | None = None

    @property
    def latency(self) -> float:
        """Seconds from when it was due until it was over."""
        return self.over - self.due

    def during(self, begin: float, end: float) -> bool:
        """Whether it was under way at some moment of a stretch of time."""
        return self.sent <= end and self.over >= begin


class Load:
    """Requests to some endpoints in turn, `rate` in a second, over at least so many connections, each used in turn."""

    def __init__(self, address: str, endpoints: Sequence[str], factors: dict[str, float], connections: int) -> None:
        self._address = address
        self._endpoints = itertools.cycle(endpoints)
        self._factors = factors
        self._idle = deque(Connection(address) for _ in range(connections))
        self._under_way: set[asyncio.Task[None]] = set()
        self._number = itertools.count(1)
        self.seen: list[Seen] = []

    @contextlib.asynccontextmanager
    async def steady(self, rate: float) -> AsyncIterator[None]:
        """Begin so many requests in a second while the block runs; when it is left, all are over."""
        async with self._while(self._begin_steadily(rate)):
            yield

    @contextlib.asynccontextmanager
    async def saturating(self) -> AsyncIterator[None]:
        """Have a request under way on each connection all the time while the block runs; when it is left, all are over."""
        async with self._while(self._begin_as_answered(len(self._idle))):
            yield

    async def _begin_steadily(self, rate: float) -> None:
        began = time.monotonic()
        for turn in itertools.count():
            due = began + turn / rate
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            self._begin(due)

    async def _begin_as_answered(self, most: int) -> None:
        while True:
            while len(self._under_way) < most:
                self._begin(time.monotonic())
            await asyncio.wait(self._under_way, return_when=asyncio.FIRST_COMPLETED)

    @contextlib.asynccontextmanager
    async def _while(self, beginning: "asyncio._CoroutineLike[None]") -> AsyncIterator[None]:
        task = asyncio.create_task(beginning)
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await asyncio.gather(*self._under_way)
            for connection in self._idle:
                connection.close()

    def _begin(self, due: float) -> None:
        task = asyncio.create_task(self._ask(next(self._endpoints), due))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def _ask(self, endpoint: str, due: float) -> None:
        connection = self._idle.popleft() if self._idle else Connection(self._address)
        x = next(self._number) % 1000 + 0.5
        body = msgspec.json.encode({"instances": [{"x": x, "who": f"entity-{x:g}"}]})
        sent, model, prediction_id = time.monotonic(), None, None
        try:
            async with asyncio.timeout(TIMEOUT):
                status, headers, content = await connection.post(path_of(endpoint), body)
        except (OSError, h11.ProtocolError) as error:  # a timeout is an OSError too
            connection.close()
            failure: str | None = _named(error)
        else:
            model, prediction_id = headers.get("x-hyperplan-model"), headers.get("x-hyperplan-prediction-id")
            failure = str(status) if status != 200 else None if self._right(content, model, x) else WRONG
        self._idle.append(connection)
        self.seen.append(Seen(endpoint, due, sent, time.monotonic(), failure, model, prediction_id))

    def _right(self, content: bytes, model: str | None, x: float) -> bool:
        """Whether these are the predictions for `x` of the model that is named: one number, or a vector that starts with it."""
        try:
            (prediction,) = msgspec.json.decode(content, type=_Predictions).predictions
            first = prediction[0] if isinstance(prediction, list) else prediction
        except (msgspec.DecodeError, ValueError, IndexError):
            return False
        return model is not None and first == self._factors.get(model, float("nan")) * x


class _Predictions(msgspec.Struct):
    predictions: list[float | list[float]]


def path_of(endpoint: str) -> str:
    """Where clients find an endpoint."""
    return f"/v1/models/{endpoint}:predict"


def _named(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return UNANSWERED
    return UNREACHABLE if isinstance(error, ConnectionRefusedError) else CUT_OFF


def between(seen: Sequence[Seen], begin: float, end: float) -> Iterator[Seen]:
    """The requests that were under way at some moment of a stretch of time."""
    return (one for one in seen if one.during(begin, end))

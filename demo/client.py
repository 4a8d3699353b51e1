"""Replays flights as a client that knows one thing: TensorFlow Serving's REST predict API.

It asks about one flight per request, in order, over a few connections that stay open, and says what came back. It runs
next to everything that it measures, so it has to be cheap: HTTP/1.1 is h11's, over plain asyncio streams, at 0.3 ms of
CPU per request where httpx takes 1.1. There are no retries: what fails is what a client would have seen fail.
"""

import asyncio
import time
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import h11
import msgspec

from demo.flights import TAIL_NUMBER, Row

PATH = "/v1/models/flight-delay:predict"
"""Where the client asks: all that it knows of the endpoint."""
TIMEOUT = 30.0
"""Seconds after which the client gives a request up."""

Transform = Callable[[Row, int], Row]
"""What becomes of a row before it is sent, given its place in the replay (from 0)."""


class Answer(NamedTuple):
    """What came back for one flight.

    `turn` counts flights from 0; `tailnum` is as it was sent. `sent` is on the monotonic clock, `latency` in seconds.
    `model`, `prediction_id` and `violations` are the headers of the answer, where it had them. `status` is 0 when no
    answer came; `error` then says why.
    """

    turn: int
    tailnum: str | None
    sent: float
    latency: float
    status: int
    prediction: float | None = None
    model: str | None = None
    prediction_id: str | None = None
    violations: str | None = None
    error: str | None = None


def as_they_are(row: Row, turn: int) -> Row:  # noqa: ARG001
    """Send every row as it is."""
    return row


async def replay(
    address: str,
    rows: Iterable[Row],
    on_answer: Callable[[Answer], None],
    *,
    rate: float | None = None,
    connections: int = 12,
    transform: Transform = as_they_are,
) -> None:
    """Ask about each row, in order, over at most so many connections at a time.

    `address` is that of the server, like http://127.0.0.1:8080. `rate` is how many requests begin in a second; when
    answers come too slowly for it, requests catch up as soon as they can. Without it they go as fast as they are
    answered. `on_answer` is called with each answer as it arrives.
    """
    turns = enumerate(rows)
    started = time.monotonic()

    async def work() -> None:
        connection = Connection(address)
        try:
            for turn, row in turns:
                if rate is not None:
                    await asyncio.sleep(max(0.0, started + turn / rate - time.monotonic()))
                on_answer(await _ask(connection, transform(row, turn), turn))
        finally:
            connection.close()

    async with asyncio.TaskGroup() as workers:
        for _ in range(connections):
            workers.create_task(work())


async def _ask(connection: "Connection", row: Row, turn: int) -> Answer:
    body = msgspec.json.encode({"instances": [row]})
    sent = time.monotonic()
    answer = Answer(turn, row.get(TAIL_NUMBER), sent, 0.0, 0)
    try:
        async with asyncio.timeout(TIMEOUT):
            status, headers, content = await connection.post(PATH, body)
    except (OSError, h11.ProtocolError) as error:
        connection.close()
        return answer._replace(latency=time.monotonic() - sent, error=f"{type(error).__name__}: {error}")
    return answer._replace(
        latency=time.monotonic() - sent,
        status=status,
        prediction=_prediction(content) if status == 200 else None,
        model=headers.get("x-hyperplan-model"),
        prediction_id=headers.get("x-hyperplan-prediction-id"),
        violations=headers.get("x-hyperplan-violations"),
    )


def _prediction(content: bytes) -> float | None:
    """The one prediction of an answer, or None if there is none where it should be."""
    try:
        return msgspec.json.decode(content, type=_Predictions).predictions[0]
    except (msgspec.DecodeError, IndexError):
        return None


class _Predictions(msgspec.Struct):
    predictions: list[float]


class Connection:
    """A connection to a server, opened when it is needed and kept open while the server lets it."""

    def __init__(self, address: str) -> None:
        parts = urlsplit(address)
        self._host, self._port = parts.hostname or "127.0.0.1", parts.port or 80
        self._authority = parts.netloc
        self._writer: asyncio.StreamWriter | None = None

    async def post(self, path: str, body: bytes) -> tuple[int, dict[str, str], bytes]:
        """Send JSON; status, headers and body of what comes back.

        Raises:
            OSError: the server cannot be reached, or the connection broke.
            h11.ProtocolError: what came back is not HTTP, or the server hung up before all of it was there.
        """
        if self._writer is None or self._reader.at_eof():
            await self._open()
        headers = {"host": self._authority, "content-type": "application/json", "content-length": str(len(body))}
        request = h11.Request(method="POST", target=path, headers=list(headers.items()))
        self._write(request, h11.Data(data=body), h11.EndOfMessage())
        answer, content = await self._answer()
        if self._http.our_state is h11.DONE and self._http.their_state is h11.DONE:
            self._http.start_next_cycle()
        else:
            self.close()
        return answer.status_code, {name.decode(): value.decode("latin-1") for name, value in answer.headers}, content

    def close(self) -> None:
        """Hang up."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    async def _open(self) -> None:
        self.close()
        self._reader, self._writer = await asyncio.open_connection(self._host, self._port)
        self._http = h11.Connection(h11.CLIENT)

    def _write(self, *events: Any) -> None:
        assert self._writer is not None
        self._writer.write(b"".join(self._http.send(event) or b"" for event in events))

    async def _answer(self) -> tuple[h11.Response, bytes]:
        answer, content = None, bytearray()
        while True:
            event = self._http.next_event()
            if event is h11.NEED_DATA:
                self._http.receive_data(await self._reader.read(65536))
            elif isinstance(event, h11.Response):
                answer = event
            elif isinstance(event, h11.Data):
                content += event.data
            elif isinstance(event, h11.EndOfMessage) and answer is not None:
                return answer, bytes(content)

"""The truth about the flights of the replay, sent back once they have landed.

A flight is asked about when it is about to leave, and is known to be late or not some hours later, when it is down. Half a year passes in half a minute here, so hours
are milliseconds: labels follow the clock of the flights, and come in the order of landing, not of asking. Cancelled flights never get one. They go to Envoy, at the address that predictions
are asked at, since a client knows no other.
"""

import asyncio
import heapq
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from cli.failure import Failure
from demo.client import Answer, Connection
from demo.flights import Flight

PATH = "/hyperplan/feedback"
EVERY = 0.25
"""Seconds between two requests with what has landed meanwhile."""
MOST = 500
"""Labels in one request."""

Told = dict[str, Any]
"""Feedback, as a client sends it."""


def worth(late: bool, probability: float) -> float:
    """What an answer was worth: 1 less the squared error of its probability (Brier, 1950), which pays most to whoever says what he believes."""
    return 1 - (probability - late) ** 2


class Landings:
    """Flights that were asked about and are still in the air, and those that are down."""

    def __init__(self, endpoint: str, flights: Sequence[Flight]) -> None:
        """`flights` are those of the replay, in its order."""
        self._endpoint = endpoint
        self._flights = flights
        self._in_the_air: list[tuple[datetime, int, Told]] = []
        self._now: datetime | None = None
        self.sent = 0

    def answered(self, answer: Answer) -> None:
        """Remember an answer, and what time it is by the flight that it is about."""
        flight = self._flights[answer.turn]
        self._now = flight.scheduled if self._now is None else max(self._now, flight.scheduled)
        if flight.landed is None or flight.late is None or answer.prediction_id is None or answer.prediction is None:
            return
        told = {
            "endpoint": self._endpoint,
            "prediction_id": answer.prediction_id,
            "label": flight.late,
            "reward": worth(flight.late, answer.prediction),
            "source": "tower",
        }
        heapq.heappush(self._in_the_air, (flight.landed, answer.turn, told))

    def landed(self) -> list[Told]:
        """What has landed since this was asked last, as far as fits one request."""
        return self._until(self._now) if self._now else []

    def all_landed(self) -> list[Told]:
        """The same when the last flight is down."""
        return self._until(None)

    def _until(self, now: datetime | None) -> list[Told]:
        told: list[Told] = []
        while self._in_the_air and len(told) < MOST and (now is None or self._in_the_air[0][0] <= now):
            told.append(heapq.heappop(self._in_the_air)[2])
        self.sent += len(told)
        return told


async def report(address: str, landings: Landings, over: asyncio.Event) -> None:
    """Send what has landed until the replay is over, and then the rest.

    Raises:
        Failure: it is refused, or nobody takes it.
    """
    connection = Connection(address)
    try:
        while not over.is_set():
            await _send(connection, landings.landed())
            await asyncio.sleep(EVERY)
        while rest := landings.all_landed():
            await _send(connection, rest)
    finally:
        connection.close()


async def _send(connection: Connection, told: list[Told]) -> None:
    if not told:
        return
    try:
        status, _, content = await connection.post(PATH, msgspec.json.encode(told))
    except OSError as error:
        raise Failure(f"feedback cannot be sent: {error}") from None
    if status != 202:
        raise Failure(f"feedback is refused: {status} {content.decode(errors='replace')[:500]}")

"""Telling what is new from what was sent again.

A sidecar that got no answer sends what it has once more. It has the same key and, to the nanosecond, the same time; so what is known is
looked up in a span of time only, and taking observations in costs the same however many there are.
"""

from collections.abc import Sequence
from typing import Protocol, TypeVar

import duckdb

from control.stores.texts import storable_text

RETRY_SPAN = 600 * 10**9
"""Nanoseconds between the times of two observations that are still held to be one when they have the same key."""


class Observation(Protocol):
    """What sidecars send: about one prediction, at some time."""

    @property
    def prediction_id(self) -> str:
        """Which prediction."""

    @property
    def time(self) -> int:
        """When, in nanoseconds since 1970."""


T = TypeVar("T", bound=Observation)


def unseen(cursor: duckdb.DuckDBPyConnection, table: str, key: Sequence[str], observations: Sequence[T]) -> list[T]:
    """Those that are not in a table yet, each once. `key` names the columns of text, the prediction id among them, that tell them apart."""
    by_key = {
        tuple(storable_text(getattr(observation, column)) for column in key): observation
        for observation in reversed(observations)
    }
    times = [observation.time for observation in by_key.values()]
    ids = list({storable_text(observation.prediction_id) for observation in by_key.values()})
    known = cursor.execute(
        f"SELECT {', '.join(key)} FROM {table} WHERE time BETWEEN ? AND ? "
        "AND prediction_id IN (SELECT unnest(?::VARCHAR[]))",
        [min(times) - RETRY_SPAN, max(times) + RETRY_SPAN, ids],
    ).fetchall()
    for found in known:
        by_key.pop(found, None)
    return list(reversed(by_key.values()))

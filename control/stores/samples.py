"""The samples themselves: columns for what is asked about, the whole sample as it was encoded."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import duckdb

from control.stores.database import Database
from hyperplan.sample import Sample

RETRY_SPAN = 600 * 10**9
"""Nanoseconds between the times of two samples that are still held to be one when they have the same prediction id. A
sample that is sent again has the same time to the nanosecond; samples are looked up in this span only, so that taking
them in costs the same however many there are."""

_LARGEST = (1 << 63) - RETRY_SPAN - 1


class Question(NamedTuple):
    """Which samples are wanted; None wants any. Times in nanoseconds since 1970, `until` exclusive."""

    endpoint: str
    since: int | None = None
    until: int | None = None
    chosen: str | None = None
    answered: str | None = None
    entity: str | None = None
    with_violations: bool = False
    forced: bool | None = None
    limit: int = 100


class Answers(NamedTuple):
    """What one model answered: how many requests, and the latencies (seconds) that half, 95 % and 99 % stayed below."""

    model: str | None
    requests: int
    p50: float | None
    p95: float | None
    p99: float | None


class Samples:
    """The table of samples."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @staticmethod
    def new(cursor: duckdb.DuckDBPyConnection, samples: Sequence[Sample]) -> list[Sample]:
        """Those that are not in the table yet, each once."""
        by_id = {(sample.endpoint, storable_text(sample.prediction_id)): sample for sample in reversed(samples)}
        times = [sample.time for sample in by_id.values()]
        known = cursor.execute(
            "SELECT endpoint, prediction_id FROM samples WHERE time BETWEEN ? AND ? "
            "AND prediction_id IN (SELECT unnest(?::VARCHAR[]))",
            [min(times) - RETRY_SPAN, max(times) + RETRY_SPAN, [prediction_id for _, prediction_id in by_id]],
        ).fetchall()
        for key in known:
            by_id.pop(key, None)
        return list(reversed(by_id.values()))

    @staticmethod
    def append(cursor: duckdb.DuckDBPyConnection, samples: Sequence[Sample]) -> None:
        """Add samples within a transaction."""
        appender = cursor.appender("samples")
        appender.append_rows([_columns(sample) for sample in samples])
        appender.flush()

    def find(self, question: Question) -> list[Sample]:
        """The samples wanted, newest first."""
        conditions = {
            "endpoint = ?": question.endpoint,
            "time >= ?": question.since,
            "time < ?": question.until,
            "chosen = ?": question.chosen,
            "answered = ?": question.answered,
            "entity = ?": question.entity,
            "n_violations >= ?": 1 if question.with_violations else None,
            "forced = ?": question.forced,
        }
        asked = {condition: value for condition, value in conditions.items() if value is not None}
        with self._database.reading() as cursor:
            rows = cursor.execute(
                f"SELECT body FROM samples WHERE {' AND '.join(asked)} ORDER BY time DESC LIMIT ?",
                [*asked.values(), question.limit],
            ).fetchall()
        return [Sample.decode(body) for (body,) in rows]

    def get(self, endpoint: str, prediction_id: str) -> Sample | None:
        """The sample of one prediction."""
        with self._database.reading() as cursor:
            row = cursor.execute(
                "SELECT body FROM samples WHERE endpoint = ? AND prediction_id = ?", [endpoint, prediction_id]
            ).fetchone()
        return Sample.decode(row[0]) if row else None

    def answers(self, endpoint: str, since: int, until: int) -> list[Answers]:
        """Who answered how many sampled requests, and how fast; the model None stands for nobody."""
        return [Answers(*row) for row in self._grouped(_ANSWERS, endpoint, since, until)]

    def statuses(self, endpoint: str, since: int, until: int) -> dict[int | None, int]:
        """Sampled requests by the HTTP status that the client got."""
        return dict(self._grouped(_STATUSES, endpoint, since, until))

    def failovers(self, endpoint: str, since: int, until: int) -> int:
        """Sampled requests that another model answered than the chosen one."""
        ((count,),) = self._grouped(_FAILOVERS, endpoint, since, until)
        return int(count)

    def _grouped(self, query: str, endpoint: str, since: int, until: int) -> list[tuple[Any, ...]]:
        with self._database.reading() as cursor:
            return cursor.execute(query, [endpoint, since, until]).fetchall()


_RANGE = "FROM samples WHERE endpoint = ? AND time >= ? AND time < ?"
_ANSWERS = f"""
    SELECT answered, count(*), quantile_cont(latency, 0.5), quantile_cont(latency, 0.95), quantile_cont(latency, 0.99)
    {_RANGE} GROUP BY answered ORDER BY answered
"""
_STATUSES = f"SELECT status, count(*) {_RANGE} GROUP BY status ORDER BY status"
_FAILOVERS = f"SELECT count(*) {_RANGE} AND answered IS NOT NULL AND chosen <> answered"


def storable(sample: Sample) -> bool:
    """Whether the integers of a sample fit the table, and its time is one."""
    numbers = (sample.plan, sample.revision, sample.attempts, sample.status, sample.rows_seen)
    return 0 <= sample.time <= _LARGEST and all(
        -(1 << 63) <= number < 1 << 63 for number in numbers if number is not None
    )


def storable_text(text: str) -> str:
    """Text that UTF-8 can hold: a half of a surrogate pair, which JSON lets through, becomes a question mark."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def _optional_text(text: str | None) -> str | None:
    return None if text is None else storable_text(text)


def _columns(sample: Sample) -> tuple[Any, ...]:
    return (
        sample.time,
        storable_text(sample.endpoint),
        storable_text(sample.prediction_id),
        sample.plan,
        sample.revision,
        storable_text(sample.schema_version),
        _optional_text(sample.entity),
        _optional_text(sample.chosen),
        _optional_text(sample.answered),
        sample.attempts,
        sample.propensity,
        sample.inclusion,
        sample.status,
        sample.latency,
        sample.rejected,
        _optional_text(sample.flaw),
        sample.rows_seen,
        len(sample.violations),
        sample.encode(),
        sample.forced,
    )

"""The samples themselves: columns for what is asked about, the whole sample as it was encoded."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import duckdb

from control.stores.database import Database
from control.stores.resent import RETRY_SPAN, unseen
from control.stores.texts import optional_text, storable_text
from hyperplan.sample import Sample

LATEST = (1 << 63) - RETRY_SPAN - 1
"""The last time that a table holds, in nanoseconds since 1970."""


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
        return unseen(cursor, "samples", ("endpoint", "prediction_id"), samples)

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
    return 0 <= sample.time <= LATEST and all(
        -(1 << 63) <= number < 1 << 63 for number in numbers if number is not None
    )


def _columns(sample: Sample) -> tuple[Any, ...]:
    return (
        sample.time,
        storable_text(sample.endpoint),
        storable_text(sample.prediction_id),
        sample.plan,
        sample.revision,
        storable_text(sample.schema_version),
        optional_text(sample.entity),
        optional_text(sample.chosen),
        optional_text(sample.answered),
        sample.attempts,
        sample.propensity,
        sample.inclusion,
        sample.status,
        sample.latency,
        sample.rejected,
        optional_text(sample.flaw),
        sample.rows_seen,
        len(sample.violations),
        sample.encode(),
        sample.forced,
    )

"""Counters of all traffic, sampled or not.

Sidecars send cumulative sums: how much they have counted since they started. For each series of each start the last sum is kept,
and what a newer sum has over it is added to the bucket of its time. So nothing is counted twice, however often a sum is
sent, and nothing is lost while control is away; a sidecar that starts again starts a series of its own. See "Sums" in the OpenTelemetry metrics data model.
"""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import duckdb
import msgspec

from control.stores.database import Database
from control.stores.texts import storable_text


class Series(NamedTuple):
    """What is counted: a metric, of an endpoint, and up to two labels (arm, outcome or flaw; feature and kind, or model and outcome)."""

    metric: str
    endpoint: str = ""
    label: str = ""
    kind: str = ""


class CumulativeSum(NamedTuple):
    """What a process had counted at a time since its start. Times in nanoseconds since 1970."""

    series: Series
    instance: str
    start: int
    time: int
    value: int


class Counters:
    """The last sums, and their increments by bucket."""

    def __init__(self, database: Database, bucket: int) -> None:
        self._database = database
        self._bucket = bucket

    def ingest(self, sums: Sequence[CumulativeSum]) -> None:
        """Take in sums, on disk when this returns."""
        if not sums:
            return
        with self._database.writing() as cursor:
            known = self._known(cursor, {storable_text(point.instance) for point in sums})
            changed: dict[tuple[str, str, int], int] = {}
            increments: Counter[tuple[str, str, str, str, int]] = Counter()
            for point in sorted(sums, key=lambda point: point.time):
                metric, endpoint, label, kind = map(storable_text, point.series)
                key = (_key(metric, endpoint, label, kind), storable_text(point.instance), point.start)
                more = point.value - changed.get(key, known.get(key, 0))
                if more > 0:
                    changed[key] = point.value
                    increments[metric, endpoint, label, kind, point.time - point.time % self._bucket] += more
            self._write(cursor, changed, increments)

    def increments(self, endpoint: str, since: int, until: int) -> dict[int, dict[Series, int]]:
        """What each series of an endpoint counted in each bucket that starts in a range of time."""
        with self._database.reading() as cursor:
            rows = cursor.execute(
                "SELECT bucket, metric, endpoint, label, kind, sum(increment)::BIGINT FROM counter_increments "
                "WHERE endpoint = ? AND bucket >= ? AND bucket < ? GROUP BY ALL ORDER BY ALL",
                [endpoint, since, until],
            ).fetchall()
        found: dict[int, dict[Series, int]] = {}
        for bucket, metric, name, label, kind, count in rows:
            found.setdefault(bucket, {})[Series(metric, name, label, kind)] = count
        return found

    def compact(self, now: int) -> None:
        """Add up the increments of each series in each bucket that was closed by a time."""
        with self._database.writing() as cursor:
            closed = now - self._bucket
            (scattered,) = cursor.execute(
                "SELECT count(*) - count(DISTINCT (metric, endpoint, label, kind, bucket)) FROM counter_increments "
                "WHERE bucket <= ?",
                [closed],
            ).fetchone() or (0,)
            if not scattered:
                return
            rows = cursor.execute(
                "SELECT metric, endpoint, label, kind, bucket, sum(increment)::BIGINT FROM counter_increments "
                "WHERE bucket <= ? GROUP BY ALL HAVING count(*) > 1",
                [closed],
            ).fetchall()
            cursor.executemany(
                "DELETE FROM counter_increments WHERE metric = ? AND endpoint = ? AND label = ? AND kind = ? AND bucket = ?",
                [row[:5] for row in rows],
            )
            _append(cursor, "counter_increments", rows)

    @staticmethod
    def _known(cursor: duckdb.DuckDBPyConnection, instances: set[str]) -> dict[tuple[str, str, int], int]:
        rows = cursor.execute(
            "SELECT series, instance, start, value FROM counter_states WHERE instance IN (SELECT unnest(?::VARCHAR[]))",
            [list(instances)],
        ).fetchall()
        return {(series, instance, start): value for series, instance, start, value in rows}

    @staticmethod
    def _write(
        cursor: duckdb.DuckDBPyConnection,
        changed: dict[tuple[str, str, int], int],
        increments: Counter[tuple[str, str, str, str, int]],
    ) -> None:
        upserts = cursor.appender("counter_states", action="upsert")
        upserts.append_rows([(*key, value) for key, value in changed.items()])
        upserts.flush()
        _append(cursor, "counter_increments", [(*key, count) for key, count in increments.items()])


def _append(cursor: duckdb.DuckDBPyConnection, table: str, rows: Sequence[tuple[object, ...]]) -> None:
    appender = cursor.appender(table)
    appender.append_rows(rows)
    appender.flush()


def _key(*series: str) -> str:
    return msgspec.json.encode(series).decode()

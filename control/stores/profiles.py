"""Profiles of what was served, by endpoint, model and bucket of time.

The table is append-only: each batch of samples adds a row for each bucket that it touches, and readers merge. So taking
samples in never reads a profile. Once a bucket is closed its rows are merged into one, and what a reader has to merge depends on
the number of buckets and features, not on the traffic.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import duckdb

from control.stores.database import Database
from control.stores.texts import storable_text
from hyperplan.profile import Profile
from hyperplan.sample import Sample
from hyperplan.schema import Schema

SchemaSource = Callable[[str], Schema | None]
"""The schema of an endpoint, by name; None for one that control does not know."""

MERGED_AT_ONCE = 64
"""Buckets that are merged in one transaction: new samples wait for it."""


class Bucket(NamedTuple):
    """The rows of one endpoint and bucket. `start` is in nanoseconds since 1970.

    `model` is the one that answered, or else was chosen; empty for requests that were rejected.
    """

    model: str
    start: int
    profile: Profile


class Profiles:
    """The table of profiles."""

    def __init__(self, database: Database, bucket: int, schemas: SchemaSource) -> None:
        self._database = database
        self._schemas = schemas
        self.bucket = bucket
        """Nanoseconds that one bucket spans."""

    def append(self, cursor: duckdb.DuckDBPyConnection, samples: Iterable[Sample]) -> None:
        """Add the rows of samples within a transaction, each to the bucket of its own time."""
        groups: defaultdict[tuple[str, str, int], list[Sample]] = defaultdict(list)
        for sample in samples:
            model = sample.answered or sample.chosen or ""
            groups[sample.endpoint, model, sample.time - sample.time % self.bucket].append(sample)
        schemas = {endpoint: self._schemas(endpoint) for endpoint in {endpoint for endpoint, _, _ in groups}}
        rows = [
            (
                storable_text(endpoint),
                storable_text(model),
                start,
                Profile.of_samples(schemas[endpoint], group).encode(),
            )
            for (endpoint, model, start), group in groups.items()
        ]
        _append(cursor, rows)

    def find(self, endpoint: str, since: int, until: int) -> list[Bucket]:
        """The buckets of an endpoint that start in a range of time, in their order."""
        with self._database.reading() as cursor:
            rows = cursor.execute(
                "SELECT model, bucket, profile FROM profiles WHERE endpoint = ? AND bucket >= ? AND bucket < ? "
                "ORDER BY bucket, model",
                [endpoint, since, until],
            ).fetchall()
        return [Bucket(model, start, Profile.decode(profile)) for model, start, profile in rows]

    def compact(self, now: int) -> int:
        """Merge the rows of each bucket that was closed by a time, a limited number of buckets; how many there were."""
        with self._database.writing() as cursor:
            scattered = cursor.execute(
                "SELECT endpoint, model, bucket, list(profile) FROM profiles WHERE bucket <= ? "
                "GROUP BY endpoint, model, bucket HAVING count(*) > 1 LIMIT ?",
                [now - self.bucket, MERGED_AT_ONCE],
            ).fetchall()
            merged = [
                (endpoint, model, start, Profile.merged(map(Profile.decode, profiles)).encode())
                for endpoint, model, start, profiles in scattered
            ]
            for endpoint, model, start, _ in merged:
                cursor.execute(
                    "DELETE FROM profiles WHERE endpoint = ? AND model = ? AND bucket = ?", [endpoint, model, start]
                )
            _append(cursor, merged)
        return len(merged)


def _append(cursor: duckdb.DuckDBPyConnection, rows: Sequence[tuple[str, str, int, bytes]]) -> None:
    appender = cursor.appender("profiles")
    appender.append_rows(rows)
    appender.flush()

"""Windows: profiles of what was served, in buckets of time.

The table is append-only: each batch of samples adds a row for each key that it touches, and readers merge. So taking
samples in never reads a profile. Once a bucket is closed its rows are merged into one, and what a reader has to merge depends on
the number of buckets and features, not on the traffic.
"""

from collections.abc import Iterable, Mapping, Sequence

import duckdb

from control.stores.database import Database
from control.stores.texts import storable_text
from hyperplan.profile import Profile
from hyperplan.sample import Sample
from hyperplan.windows import ALL, Bucket, EndpointSource, WindowKey, fold

MERGED_AT_ONCE = 64
"""Buckets that are merged in one transaction: new samples wait for it."""

_KEY = ", ".join(WindowKey._fields)


class Windows:
    """The table of windows."""

    def __init__(self, database: Database, bucket: int, endpoints: EndpointSource) -> None:
        self._database = database
        self._endpoints = endpoints
        self.bucket = bucket
        """Nanoseconds that one bucket spans."""

    def append(self, cursor: duckdb.DuckDBPyConnection, samples: Iterable[Sample]) -> None:
        """Add the rows of samples within a transaction, each to the bucket of its own time."""
        _append(cursor, fold(self._endpoints, samples, self.bucket))

    def find(
        self,
        endpoint: str,
        since: int,
        until: int,
        *,
        model: str | None = None,
        arm: str | None = None,
        slice: str = ALL,  # noqa: A002 - the word of the design
    ) -> list[Bucket]:
        """The buckets of an endpoint that hold some of a range of time, in the order of their keys.

        Of all models and arms, unless one is named, and of one slice: `""` is that of all rows. A key comes as often
        as batches wrote to it since it was last merged.
        """
        asked = {"model = ?": model, "arm = ?": arm}
        conditions = {condition: value for condition, value in asked.items() if value is not None}
        with self._database.reading() as cursor:
            rows = cursor.execute(
                f"SELECT {_KEY}, profile FROM windows WHERE endpoint = ? AND start + width > ? AND start < ? AND slice = ? "
                f"{''.join(f'AND {condition} ' for condition in conditions)} ORDER BY start, model, arm, inclusion, width",
                [endpoint, since, until, slice, *conditions.values()],
            ).fetchall()
        return [Bucket(WindowKey(*key), Profile.decode(profile)) for *key, profile in rows]

    def slices(self, endpoint: str, since: int, until: int) -> list[str]:
        """The slices that have rows in a range of time, in alphabetical order; that of all rows is not named."""
        with self._database.reading() as cursor:
            rows = cursor.execute(
                "SELECT DISTINCT slice FROM windows WHERE endpoint = ? AND start + width > ? AND start < ? AND slice <> ? "
                "ORDER BY slice",
                [endpoint, since, until, ALL],
            ).fetchall()
        return [name for (name,) in rows]

    def compact(self, now: int) -> int:
        """Merge the rows of each bucket that was closed by a time, a limited number of buckets; how many there were."""
        with self._database.writing() as cursor:
            scattered = cursor.execute(
                f"SELECT {_KEY}, list(profile) FROM windows WHERE start <= ? GROUP BY {_KEY} HAVING count(*) > 1 LIMIT ?",
                [now - self.bucket, MERGED_AT_ONCE],
            ).fetchall()
            merged = {WindowKey(*key): Profile.merged(map(Profile.decode, profiles)) for *key, profiles in scattered}
            for key in merged:
                cursor.execute(
                    "DELETE FROM windows WHERE endpoint = ? AND model = ? AND arm = ? AND slice = ? AND start = ? "
                    "AND inclusion = ? AND width = ?",
                    [*key],
                )
            _append(cursor, merged)
        return len(merged)


def _append(cursor: duckdb.DuckDBPyConnection, profiles: Mapping[WindowKey, Profile]) -> None:
    appender = cursor.appender("windows")
    appender.append_rows([_columns(key, profile) for key, profile in profiles.items()])
    appender.flush()


def _columns(key: WindowKey, profile: Profile) -> Sequence[object]:
    names = map(storable_text, (key.endpoint, key.model, key.arm, key.slice))
    return (*names, key.start, key.inclusion, key.width, profile.encode())

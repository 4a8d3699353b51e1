"""Windows: profiles of what was served, in buckets of time.

The table is append-only: each batch of samples adds a row for each key that it touches, and readers merge. So taking
samples in never reads a profile. Once a bucket is closed its rows are merged into one, and what a reader has to merge depends on
the number of buckets and features, not on the traffic.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence

import duckdb

from control.stores.database import Database
from control.stores.texts import storable_text
from hyperplan.profile import Profile
from hyperplan.sample import Sample
from hyperplan.schema import Schema
from hyperplan.windows import Bucket, WindowKey

SchemaSource = Callable[[str], Schema | None]
"""The schema of an endpoint, by name; None for one that control does not know."""

MERGED_AT_ONCE = 64
"""Buckets that are merged in one transaction: new samples wait for it."""

_KEY = "endpoint, model, arm, slice, start, inclusion"


class Windows:
    """The table of windows."""

    def __init__(self, database: Database, bucket: int, schemas: SchemaSource) -> None:
        self._database = database
        self._schemas = schemas
        self.bucket = bucket
        """Nanoseconds that one bucket spans."""

    def append(self, cursor: duckdb.DuckDBPyConnection, samples: Iterable[Sample]) -> None:
        """Add the rows of samples within a transaction, each to the bucket of its own time."""
        _append(cursor, _fold(self._schemas, samples, self.bucket))

    def find(
        self,
        endpoint: str,
        since: int,
        until: int,
        *,
        model: str | None = None,
        arm: str | None = None,
        slice: str = "",  # noqa: A002 - the word of the design
    ) -> list[Bucket]:
        """The buckets of an endpoint that start in a range of time, in the order of their keys.

        Of all models and arms, unless one is named, and of one slice: `""` is that of all rows. A key comes as often
        as batches wrote to it since it was last merged.
        """
        asked = {"model = ?": model, "arm = ?": arm}
        conditions = {condition: value for condition, value in asked.items() if value is not None}
        with self._database.reading() as cursor:
            rows = cursor.execute(
                f"SELECT {_KEY}, profile FROM windows WHERE endpoint = ? AND start >= ? AND start < ? AND slice = ? "
                f"{''.join(f'AND {condition} ' for condition in conditions)} ORDER BY start, model, arm, inclusion",
                [endpoint, since, until, slice, *conditions.values()],
            ).fetchall()
        return [Bucket(WindowKey(*key), Profile.decode(profile)) for *key, profile in rows]

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
                    "AND inclusion = ?",
                    [*key],
                )
            _append(cursor, merged)
        return len(merged)


def _fold(schemas: SchemaSource, samples: Iterable[Sample], bucket: int) -> dict[WindowKey, Profile]:
    """The profiles of samples by endpoint and model, who answered or else was chosen."""
    groups: defaultdict[WindowKey, list[Sample]] = defaultdict(list)
    for sample in samples:
        model, arm = sample.answered or sample.chosen or "", sample.chosen or ""
        start = sample.time - sample.time % bucket
        groups[WindowKey(sample.endpoint, model, arm, "", start, sample.inclusion)].append(sample)
    known = {endpoint: schemas(endpoint) for endpoint in {key.endpoint for key in groups}}
    return {key: Profile.of_samples(known[key.endpoint], group) for key, group in groups.items()}


def _append(cursor: duckdb.DuckDBPyConnection, profiles: Mapping[WindowKey, Profile]) -> None:
    appender = cursor.appender("windows")
    appender.append_rows([_columns(key, profile) for key, profile in profiles.items()])
    appender.flush()


def _columns(key: WindowKey, profile: Profile) -> Sequence[object]:
    names = map(storable_text, (key.endpoint, key.model, key.arm, key.slice))
    return (*names, key.start, key.inclusion, profile.encode())

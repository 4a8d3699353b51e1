"""The store: all that control remembers of traffic, and the one transaction that takes samples in."""

from collections.abc import Sequence
from pathlib import Path

import duckdb

from control.stores.counters import Counters, CumulativeSum
from control.stores.database import Database
from control.stores.references import References
from control.stores.samples import Samples
from control.stores.shadows import Shadows
from control.stores.windows import Windows
from hyperplan.endpoint import Endpoint
from hyperplan.sample import Sample
from hyperplan.shadow import ShadowSample
from hyperplan.windows import EndpointSource

FILE = "samples.duckdb"


class Unavailable(Exception):
    """The store could not take something in now; nothing of it is kept, and it should be sent again."""


class Store:
    """An open store. Every method may be called from any thread; none returns before what it wrote is on disk."""

    def __init__(self, database: Database, bucket_seconds: float, endpoints: EndpointSource) -> None:
        bucket = round(bucket_seconds * 1e9)
        self._database = database
        self.bucket_seconds = bucket_seconds
        self.samples = Samples(database)
        self.shadows = Shadows(database)
        self.windows = Windows(database, bucket, endpoints)
        self.counters = Counters(database, bucket)
        self.references = References(database)

    def ingest(self, observations: Sequence[Sample | ShadowSample]) -> int:
        """Take in samples with their windows, and shadows' answers, all or nothing; how many of them were new.

        Raises:
            Unavailable: the database refused.
        """
        if not observations:
            return 0
        samples = [observation for observation in observations if isinstance(observation, Sample)]
        answers = [observation for observation in observations if isinstance(observation, ShadowSample)]
        try:
            with self._database.writing() as cursor:
                return self._ingest_samples(cursor, samples) + self._ingest_answers(cursor, answers)
        except duckdb.Error as error:
            raise Unavailable(str(error)) from error

    def _ingest_samples(self, cursor: duckdb.DuckDBPyConnection, samples: Sequence[Sample]) -> int:
        new = self.samples.new(cursor, samples) if samples else []
        if new:
            self.samples.append(cursor, new)
            self.windows.append(cursor, new)
        return len(new)

    def _ingest_answers(self, cursor: duckdb.DuckDBPyConnection, answers: Sequence[ShadowSample]) -> int:
        new = self.shadows.new(cursor, answers) if answers else []
        if new:
            self.shadows.append(cursor, new)
        return len(new)

    def count(self, sums: Sequence[CumulativeSum]) -> None:
        """Take in counters, all or nothing.

        Raises:
            Unavailable: the database refused.
        """
        try:
            self.counters.ingest(sums)
        except duckdb.Error as error:
            raise Unavailable(str(error)) from error

    def compact(self, now: int) -> int:
        """Merge what belongs to buckets that were closed by a time (nanoseconds since 1970), some at a time; how many."""
        self.counters.compact(now)
        return self.windows.compact(now)

    def close(self) -> None:
        """Close the file."""
        self._database.close()


def no_endpoints(name: str) -> Endpoint | None:  # noqa: ARG001 - an EndpointSource
    """The endpoints of a control that knows none."""
    return None


def open_store(path: Path, bucket_seconds: float, endpoints: EndpointSource = no_endpoints) -> Store:
    """Open the store in a data directory, or make it.

    Raises:
        Unopenable: the file is in use, no DuckDB file, or a newer version's.
    """
    path.mkdir(parents=True, exist_ok=True)
    return Store(Database(path / FILE), bucket_seconds, endpoints)

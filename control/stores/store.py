"""The store: all that control remembers of traffic, and the one transaction that takes samples in."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

import pyarrow as pa

from control.stores.arrivals import Arrival, Observation, arriving
from control.stores.counters import Counters, CumulativeSum
from control.stores.databases import Database, Overtaken, open_database
from control.stores.export import Wanted, export
from control.stores.feedback import Feedbacks
from control.stores.forgotten import Erased, Forgotten
from control.stores.keeping import Keeping
from control.stores.labels import Labels
from control.stores.references import References
from control.stores.samples import JOIN_SPAN, Samples
from control.stores.shadows import Shadowed, Shadows
from control.stores.tables import COUNTER_INCREMENTS, FEEDBACK, SAMPLES, SHADOWS, WINDOWS, StoredTable
from control.stores.trimming import remove_before, time_to_fit
from control.stores.windows import Windows
from hyperplan.endpoint import Endpoint, Task
from hyperplan.feedback import Feedback
from hyperplan.outcomes import Outcomes
from hyperplan.sample import Sample
from hyperplan.secret import Secret
from hyperplan.shadow import ShadowSample
from hyperplan.windows import EndpointSource

FILE = "samples.duckdb"
MOST_TRIES = 5
"""Times that a transaction is tried while other controls write the same."""

T = TypeVar("T")


class Store:
    """An open store. Every method may be called from any thread; none returns before what it wrote is on disk."""

    def __init__(
        self, database: Database, bucket_seconds: float, endpoints: EndpointSource, secret: Secret | None = None
    ) -> None:
        bucket = round(bucket_seconds * 1e9)
        self._database = database
        self._endpoints = endpoints
        self.secret = secret
        """The key that personal values are hashed with, if control was told it: what is asked by such a value is found by its hash."""
        self.bucket_seconds = bucket_seconds
        self.samples = Samples(database)
        self.shadows = Shadows(database)
        self.feedback = Feedbacks(database)
        self.forgotten = Forgotten(database)
        self.windows = Windows(database, bucket, endpoints)
        self.labels = Labels(self.windows, self.feedback, endpoints)
        self.counters = Counters(database, bucket)
        self.references = References(database)

    def ingest(self, observations: Sequence[Observation]) -> int:
        """Take in samples and shadows' answers that did not come encoded; see `take`."""
        return self.take(arriving(observations))

    def take(self, arrivals: Sequence[Arrival]) -> int:
        """Take in samples with their windows, shadows' answers and feedback, all or nothing; how many of them were new.

        Raises:
            Unavailable: the database refused.
        """
        if not arrivals:
            return 0
        new = _retried(lambda: self._take(arrivals))
        if not self._database.transactional:
            self._look_again(arrivals)
        return new

    def forget_entity(self, entities: Sequence[str], endpoint: str | None, now: int) -> list[Erased]:
        """Erase what is kept of an entity, under each of its names; see `Forgotten.forget`."""
        return self.forgotten.forget(entities, endpoint, now)

    def labelled(self, endpoint: str, since: int, until: int) -> Outcomes:
        """The predictions made in a range of time that have feedback, each with the newest; see `Feedbacks.labelled`.

        Raises:
            LookupError: there is no such endpoint.
        """
        return self.feedback.labelled(endpoint, self._task(endpoint), since, until)

    def labelled_twice(self, asked: Shadowed) -> tuple[Outcomes, Outcomes]:
        """The predictions that have feedback and an answer of a shadow: as clients were answered, and as the shadow would have.

        Raises:
            LookupError: there is no such endpoint.
        """
        answers = self.shadows.good_answers(asked)
        since, until = asked.since - JOIN_SPAN, asked.until + JOIN_SPAN
        return self.feedback.labelled_twice(asked.endpoint, self._task(asked.endpoint), since, until, answers)

    def _task(self, name: str) -> Task:
        found = self._endpoints(name)
        if found is None:
            raise LookupError(f"there is no endpoint {name!r}")
        return found.task

    def _take(self, arrivals: Sequence[Arrival]) -> int:
        with self._database.writing() as writer:
            kept = self.forgotten.kept(writer, arrivals)
            if len(kept) < len(arrivals):
                self.forgotten.turned_away(writer, _without(arrivals, kept))
            samples = [arrival for arrival in kept if isinstance(arrival.observation, Sample)]
            answers = [arrival for arrival in kept if isinstance(arrival.observation, ShadowSample)]
            told = [arrival.observation for arrival in kept if isinstance(arrival.observation, Feedback)]
            new = self.samples.add(writer, samples) if samples else []
            self.windows.add(writer, new)
            answered = self.shadows.add(writer, answers) if answers else 0
            return len(new) + answered + (self.feedback.add(writer, told) if told else 0)

    def _look_again(self, arrivals: Sequence[Arrival]) -> None:
        """Remove what was forgotten while it was written."""
        with self._database.reading() as reader:
            kept = self.forgotten.kept(reader, arrivals)
        gone = _without(arrivals, kept)
        if not gone:
            return
        with self._database.writing() as writer:
            self.forgotten.taken_back(writer, gone)
            changed = [one.observation for one in _without(kept, arrivals) if isinstance(one.observation, Feedback)]
            if changed:
                self.feedback.add(writer, changed)

    def count(self, sums: Sequence[CumulativeSum]) -> None:
        """Take in counters, all or nothing.

        Raises:
            Unavailable: the database refused.
        """
        _retried(lambda: self.counters.ingest(sums))

    def check(self) -> None:
        """Ask the database something.

        Raises:
            Unavailable: it does not answer.
        """
        with self._database.reading() as reader:
            reader.check()

    def compact(self, now: int) -> int:
        """Merge what belongs to buckets that were closed by a time (nanoseconds since 1970), some at a time; how many."""
        return self.windows.compact(now) + self.counters.compact(now)

    def export(self, endpoint: Endpoint, wanted: Wanted) -> Iterator[pa.RecordBatch]:
        """The rows of samples as training data; see `control.stores.export`."""
        return export(self._database, endpoint, wanted)

    def trim(self, keeping: Keeping, now: int) -> int:
        """Remove some of what is older than it need be by a time (nanoseconds since 1970), the oldest; how many rows.

        Raises:
            Unavailable: the database failed.
        """
        limits: list[tuple[StoredTable, str, float | None]] = [
            (SAMPLES, "time", keeping.samples),
            (SHADOWS, "time", keeping.samples),
            (FEEDBACK, "time", keeping.samples),
            (WINDOWS, "start", keeping.windows),
            (COUNTER_INCREMENTS, "bucket", keeping.windows),
        ]
        removed = sum(
            remove_before(self._database, table, column, now - round(age * 1e9))
            for table, column, age in limits
            if age is not None
        )
        end = time_to_fit(self._database, (SAMPLES, SHADOWS), keeping.size) if keeping.size is not None else None
        if end is not None:
            removed += sum(remove_before(self._database, table, "time", end) for table in (SAMPLES, SHADOWS))
        return removed

    def reclaim(self) -> None:
        """Make the space of what was removed free for what comes."""
        self._database.reclaim()

    def close(self) -> None:
        """Close the file."""
        self._database.close()


def _without(arrivals: Sequence[Arrival], others: Sequence[Arrival]) -> list[Arrival]:
    """Those that are not among the others."""
    known = {id(arrival) for arrival in others}
    return [arrival for arrival in arrivals if id(arrival) not in known]


def no_endpoints(name: str) -> Endpoint | None:  # noqa: ARG001 - an EndpointSource
    """The endpoints of a control that knows none."""
    return None


def open_store(
    where: Path | str,
    bucket_seconds: float,
    endpoints: EndpointSource = no_endpoints,
    secret: Secret | None = None,
) -> Store:
    """Open the store in a data directory, or that at a URL; or make it.

    Raises:
        Unopenable: it is in use, cannot be reached, is no such database, or a newer version's.
    """
    if isinstance(where, Path):
        where.mkdir(parents=True, exist_ok=True)
        where = where / FILE
    return Store(open_database(where), bucket_seconds, endpoints, secret)


def _retried(write: Callable[[], T]) -> T:
    """Write again what another control was faster to write."""
    for _ in range(MOST_TRIES - 1):
        try:
            return write()
        except Overtaken:
            continue
    return write()

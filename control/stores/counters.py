"""Counters of all traffic, sampled or not.

Sidecars send cumulative sums: how much they have counted since they started. For each series of each start the last sum is kept,
and what a newer sum has over it is added to the bucket of its time. So nothing is counted twice, however often a sum is
sent, and nothing is lost while control is away; a sidecar that starts again starts a series of its own. See "Sums" in the OpenTelemetry metrics data model.
"""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from control.stores.databases import Database, Writer
from control.stores.scattered import Scattered, appended, merge_before
from control.stores.tables import COUNTER_INCREMENTS, COUNTER_STATES
from control.stores.texts import storable_text

MERGED_AT_ONCE = 10_000
"""Series of a bucket that are added up in one transaction."""


class Series(NamedTuple):
    """What is counted: a metric, of an endpoint, and up to two labels (arm, outcome or flaw; feature and kind, or model and outcome). Of an arm's
    metrics the second is the revision and what else there is, with a slash between them."""

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
        with self._database.writing() as writer:
            known = _known(writer, sums)
            changed: dict[tuple[str, str, int], int] = {}
            increments: Counter[tuple[str, str, str, str, int]] = Counter()
            for point in sorted(sums, key=lambda point: point.time):
                metric, endpoint, label, kind = map(storable_text, point.series)
                key = (_key(metric, endpoint, label, kind), storable_text(point.instance), point.start)
                more = point.value - changed.get(key, known.get(key, 0))
                if more > 0:
                    changed[key] = point.value
                    increments[metric, endpoint, label, kind, point.time - point.time % self._bucket] += more
            _write(writer, changed, increments)

    def increments(self, endpoint: str, since: int, until: int) -> dict[int, dict[Series, int]]:
        """What each series of an endpoint counted in each bucket that starts in a range of time."""
        table = COUNTER_INCREMENTS.query
        asked = table.filter(table.endpoint == storable_text(endpoint), table.bucket >= since, table.bucket < until)
        summed = asked.group_by("bucket", *Series._fields).agg(count=asked.increment.sum())
        with self._database.reading() as reader:
            rows = reader.rows(summed.order_by("bucket", *Series._fields))
        found: dict[int, dict[Series, int]] = {}
        for bucket, metric, name, label, kind, count in rows:
            found.setdefault(bucket, {})[Series(metric, name, label, kind)] = count
        return found

    def totals(self, endpoint: str, since: int) -> dict[Series, int]:
        """What each series of an endpoint counted since the beginning of the bucket of a time."""
        table = COUNTER_INCREMENTS.query
        asked = table.filter(table.endpoint == storable_text(endpoint), table.bucket >= since - since % self._bucket)
        summed = asked.group_by(*Series._fields).agg(count=asked.increment.sum())
        with self._database.reading() as reader:
            rows = reader.rows(summed.order_by(*Series._fields))
        return {Series(metric, name, label, kind): int(count) for metric, name, label, kind, count in rows}

    def compact(self, now: int) -> int:
        """Add up the increments of each series in each bucket that was closed by a time, a limited number; how many there were."""
        return merge_before(self._database, _SCATTERED, now - self._bucket, MERGED_AT_ONCE, sum)


_SCATTERED = Scattered(COUNTER_INCREMENTS, "bucket", (*Series._fields, "bucket"), "increment")


def _known(writer: Writer, sums: Sequence[CumulativeSum]) -> dict[tuple[str, str, int], int]:
    """The last sums of those processes since those starts; what they counted under revisions of long ago they send no more, but it is few."""
    table = COUNTER_STATES.query
    instances = {storable_text(point.instance) for point in sums}
    starts = {point.start for point in sums}
    rows = writer.rows(table.filter(table.instance.isin(sorted(instances)), table.start.isin(sorted(starts))))
    return {(series, instance, start): value for series, instance, start, value in rows}


def _write(
    writer: Writer,
    changed: dict[tuple[str, str, int], int],
    increments: Counter[tuple[str, str, str, str, int]],
) -> None:
    if not changed:
        return
    series, instances, starts = zip(*changed, strict=True)
    states = {"series": series, "instance": instances, "start": starts, "value": [*changed.values()]}
    writer.put(COUNTER_STATES, COUNTER_STATES.rows(states))
    columns = dict(zip((*Series._fields, "bucket"), zip(*increments, strict=True), strict=True))
    more = appended({**columns, "increment": [*increments.values()]})
    writer.append(COUNTER_INCREMENTS, COUNTER_INCREMENTS.rows(more))


def _key(*series: str) -> str:
    return msgspec.json.encode(series).decode()

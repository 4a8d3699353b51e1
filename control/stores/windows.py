"""Windows: profiles of what was served, in buckets of time.

The table is append-only: each batch of samples adds a row for each key that it touches, and readers merge. So taking
samples in never reads a profile. Once a bucket is closed its rows are merged into one, and old buckets into wider ones; so what a reader
has to merge depends on the number of buckets and features, not on the traffic.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from control.stores.databases import Database, Writer
from control.stores.rolling import roll_up
from control.stores.scattered import Scattered, appended, merge_before
from control.stores.tables import WINDOWS
from control.stores.texts import storable_text
from hyperplan.profile import Profile
from hyperplan.sample import Sample
from hyperplan.windows import ALL, Bucket, EndpointSource, WindowKey, due, fold

MERGED_AT_ONCE = 64
"""Buckets that are merged in one transaction: new samples wait for it."""
LONGEST = 86_400 * 10**9
"""Nanoseconds that a bucket may span; so far back a question has to look for one that reaches into its time."""


class Windows:
    """The table of windows."""

    def __init__(self, database: Database, bucket: int, endpoints: EndpointSource) -> None:
        self._database = database
        self._endpoints = endpoints
        self.bucket = bucket
        """Nanoseconds that one bucket spans."""

    def add(self, writer: Writer, samples: Iterable[Sample]) -> None:
        """Add the rows of samples within a transaction, each to the bucket of its own time."""
        profiles = fold(self._endpoints, samples, self.bucket)
        if profiles:
            writer.append(WINDOWS, WINDOWS.rows(appended(_columns(profiles))))

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
        table = WINDOWS.query
        wanted = {"slice": slice, "model": model, "arm": arm}
        conditions = [table[name] == storable_text(value) for name, value in wanted.items() if value is not None]
        asked = _overlapping(endpoint, since, until).filter(*conditions)
        query = asked.order_by("start", "model", "arm", "inclusion", "width", "id").select(
            *WindowKey._fields, "profile"
        )
        with self._database.reading() as reader:
            rows = reader.rows(query)
        return [Bucket(WindowKey(*key), Profile.decode(profile)) for *key, profile in rows]

    def slices(self, endpoint: str, since: int, until: int) -> list[str]:
        """The slices that have rows in a range of time, in alphabetical order; that of all rows is not named."""
        table = WINDOWS.query
        asked = _overlapping(endpoint, since, until).filter(table.slice != ALL)
        with self._database.reading() as reader:
            rows = reader.rows(asked.select("slice").distinct().order_by("slice"))
        return [name for (name,) in rows]

    def compact(self, now: int) -> int:
        """Merge the rows of each bucket that was closed by a time, a limited number of buckets, and some old buckets into wider ones; how many there were."""
        merged = merge_before(self._database, _SCATTERED, now - self.bucket, MERGED_AT_ONCE, _merged)
        return merged + roll_up(self._database, due(now, self.bucket))


def _overlapping(endpoint: str, since: int, until: int) -> Any:
    """The rows of an endpoint in the buckets that hold some of a range of time."""
    table = WINDOWS.query
    return table.filter(
        table.endpoint == storable_text(endpoint),
        table.start > since - LONGEST,
        table.start < until,
        table.start + table.width > since,
    )


_SCATTERED = Scattered(WINDOWS, "start", WindowKey._fields, "profile")


def _merged(profiles: list[bytes]) -> bytes:
    return Profile.merged(map(Profile.decode, profiles)).encode()


def _columns(profiles: Mapping[WindowKey, Profile]) -> dict[str, Sequence[Any]]:
    texts = ("endpoint", "model", "arm", "slice")
    columns: dict[str, Sequence[Any]] = dict(zip(WindowKey._fields, zip(*profiles, strict=True), strict=True))
    columns |= {name: [storable_text(text) for text in columns[name]] for name in texts}
    return {**columns, "profile": [profile.encode() for profile in profiles.values()]}

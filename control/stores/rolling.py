"""Buckets of old time, rolled up into wider ones in the table of windows.

`hyperplan.windows.rollup` says what is due and what comes of it. Here a block of time of one endpoint is read whole, and its rows are replaced by
those of the wider buckets in one write. A wider bucket always has the same id, and is the newer the more rows it was made of; so when
two controls roll up one block, the one that saw more wins.
"""

import hashlib
from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec
import pyarrow as pa

from control.stores.databases import Database, Overtaken
from control.stores.tables import WINDOWS
from hyperplan.profile import Profile
from hyperplan.windows import Bucket, Due, WindowKey, rolled_up


class _Row(NamedTuple):
    """A row of the table."""

    bucket: Bucket
    id: str
    parts: int


def roll_up(database: Database, due: Sequence[Due]) -> int:
    """Roll up one block of time of one endpoint, if there is any due; how many rows went into it.

    Raises:
        Unavailable: the database failed.
    """
    for step in due:
        found = _block(database, step)
        if found is not None:
            return _rolled(database, step, *found)
    return 0


def _block(database: Database, step: Due) -> tuple[str, int] | None:
    """The oldest block that is due: its endpoint and start."""
    table = WINDOWS.query
    blocks = table.mutate(block=table.start - table.start % step.width)
    narrow = blocks.filter(blocks.width < step.width, blocks.block + step.width <= step.before)
    with database.reading() as reader:
        rows = reader.rows(narrow.select("block", "endpoint").distinct().order_by("block", "endpoint").limit(1))
    return (rows[0][1], rows[0][0]) if rows else None


def _rolled(database: Database, step: Due, endpoint: str, start: int) -> int:
    rows = _rows(database, step, endpoint, start)
    wide = [row.parts for row in rows if row.bucket.key.width == step.width]
    version = max(wide, default=0) + sum(row.parts for row in rows if row.bucket.key.width < step.width)
    merged = rolled_up((row.bucket for row in rows), step.width)
    try:
        with database.writing() as writer:
            writer.merge(WINDOWS, _gone(rows, version), _kept(merged, version))
    except Overtaken:
        return 0
    return len(rows)


def _rows(database: Database, step: Due, endpoint: str, start: int) -> list[_Row]:
    """The rows of a block, those of its own width among them."""
    table = WINDOWS.query
    block = table.filter(
        table.endpoint == endpoint,
        table.start >= start,
        table.start < start + step.width,
        table.width <= step.width,
    )
    with database.reading() as reader:
        found = reader.rows(block.select(*WindowKey._fields, "profile", "id", "parts"))
    return [_Row(Bucket(WindowKey(*key), Profile.decode(profile)), name, parts) for *key, profile, name, parts in found]


def _gone(rows: Sequence[_Row], version: int) -> pa.Table:
    """The keys of the rows. `parts` is that of the rows that they became part of."""
    keys = {name: [getattr(row.bucket.key, name) for row in rows] for name in WINDOWS.key if name != "id"}
    return pa.table({**keys, "id": [row.id for row in rows], "parts": [version] * len(rows)})


def _kept(buckets: Sequence[Bucket], version: int) -> pa.Table:
    columns: dict[str, Sequence[Any]] = {name: [getattr(key, name) for key, _ in buckets] for name in WindowKey._fields}
    return WINDOWS.rows(
        {
            **columns,
            "profile": [profile.encode() for _, profile in buckets],
            "id": [_id(key) for key, _ in buckets],
            "parts": [version] * len(buckets),
        }
    )


def _id(key: WindowKey) -> str:
    """The id of the row of a wide bucket; its inclusion probability follows from what it is made of."""
    return hashlib.blake2b(msgspec.msgpack.encode(key._replace(inclusion=0.0)), digest_size=16).hexdigest()

"""Rows that say the same in fewer, when they are merged: profiles of one bucket, increments of one counter.

Whoever writes appends, and reads nothing for it; whoever reads merges. Once their time is over, the rows of a key are replaced by one, so that
what a reader has to merge does not grow with the traffic. Merging reads first and writes then, and writers wait only for the latter.
Several controls may do so at once: a database lets one of them win.
"""

import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import pyarrow as pa

from control.stores.databases import Database, Overtaken
from control.stores.tables import StoredTable


class Scattered(NamedTuple):
    """A table of such rows: the column of time, all that rows to be merged have in common (that included), and what is merged."""

    table: StoredTable
    time: str
    common: tuple[str, ...]
    merged: str


def appended(columns: Mapping[str, Sequence[Any]]) -> dict[str, Sequence[Any]]:
    """The columns of new rows, with those that merging needs."""
    rows = len(next(iter(columns.values())))
    return {**columns, "id": [uuid.uuid4().hex for _ in range(rows)], "parts": [1] * rows}


def merge_before(
    database: Database, scattered: Scattered, end: int, most: int, merge: Callable[[list[Any]], Any]
) -> int:
    """Merge the rows whose time is not after `end`, of so many keys at most; how many keys there were.

    Raises:
        Unavailable: the database failed.
    """
    table = scattered.table.query
    old = table.filter(table[scattered.time] <= end)
    keys = old.group_by(*scattered.common).agg(
        ids=old.id.collect(), parts=old.parts.sum(), values=old[scattered.merged].collect(), rows=old.count()
    )
    with database.reading() as reader:
        found = reader.rows(keys.filter(keys.rows > 1).drop("rows").limit(most))
    if not found:
        return 0
    groups = [(dict(zip(scattered.common, row, strict=False)), *row[-3:]) for row in found]
    try:
        with database.writing() as writer:
            writer.merge(scattered.table, _gone(scattered, groups), _kept(scattered, groups, merge))
    except Overtaken:
        return 0
    return len(groups)


_Group = tuple[dict[str, Any], list[str], int, list[Any]]


def _gone(scattered: Scattered, groups: Sequence[_Group]) -> pa.Table:
    """The keys of all the rows. `parts` is that of the row that each became part of."""
    names = [name for name in scattered.table.key if name != "id"]
    rows = [(*[common[name] for name in names], each, parts) for common, ids, parts, _ in groups for each in ids]
    return pa.table(dict(zip((*names, "id", "parts"), zip(*rows, strict=True), strict=True)))


def _kept(scattered: Scattered, groups: Sequence[_Group], merge: Callable[[list[Any]], Any]) -> pa.Table:
    rows = [
        {**common, "id": min(ids), "parts": parts, scattered.merged: merge(values)}
        for common, ids, parts, values in groups
    ]
    return scattered.table.rows({name: [row[name] for row in rows] for name in scattered.table.columns})

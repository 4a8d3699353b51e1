"""Removing the oldest rows of a table, some at a time."""

import math
from typing import Any

from control.stores.databases import Database, Reader
from control.stores.tables import StoredTable

AT_ONCE = 50_000
"""Rows that are removed in one step, and those of the very time of the last of them."""
WEIGHED = 1_000
"""Rows, the newest ones, by which the size of all is told."""
OVERHEAD = 200
"""Bytes that a row takes besides its body, about."""


def remove_before(database: Database, table: StoredTable, column: str, time: int) -> int:
    """Remove the oldest of the rows that are older than a time; how many there were in this step.

    Raises:
        Unavailable: the database failed.
    """
    with database.reading() as reader:
        end = min(time, time_after(reader, table, column, AT_ONCE) or time)
        old = table.query.filter(table.query[column] < end)
        ((count,),) = reader.rows(old.count().as_table())
    if count:
        database.delete_before(table, column, end)
    return int(count)


def time_to_fit(database: Database, tables: tuple[StoredTable, ...], size: int) -> int | None:
    """The time before which rows with bodies have to go, for now, so that tables take less than a size; None when they do.

    Sizes are those of the bodies and about those of the columns, not those on disk, where what was removed may take space until it is
    used again.

    Raises:
        Unavailable: the database failed.
    """
    with database.reading() as reader:
        counts = {table: _count(reader, table) for table in tables}
        total = sum(count * _weight(reader, table) for table, count in counts.items())
        if total <= size:
            return None
        largest = max(counts, key=lambda table: counts[table])
        excess = math.ceil(counts[largest] * (1 - size / total))
        return time_after(reader, largest, "time", min(excess, AT_ONCE))


def _count(reader: Reader, table: StoredTable) -> int:
    ((count,),) = reader.rows(table.query.count().as_table())
    return int(count)


def _weight(reader: Reader, table: StoredTable) -> float:
    """The bytes of a row, by the newest ones."""
    newest = table.query.order_by(table.query.time.desc()).limit(WEIGHED).select("body")
    bodies = [len(body) for (body,) in reader.rows(newest)]
    return OVERHEAD + sum(bodies) / max(len(bodies), 1)


def time_after(reader: Reader, table: StoredTable, column: str, rows: int) -> int | None:
    """The time just after that of the row before which so many rows are older, itself counted; None if there are fewer."""
    query: Any = table.query.order_by(column).select(column).limit(1, offset=rows - 1)
    found = reader.rows(query)
    return int(found[0][0]) + 1 if found else None

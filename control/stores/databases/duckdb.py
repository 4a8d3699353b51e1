"""A DuckDB file: opened by one process, written by one thread at a time, read by any.

Every use takes a cursor of its own, which is a connection of its own: readers see the last commit, never a transaction
under way. Each commit is synced to disk before it returns.

A disk that is full may hit DuckDB where it cannot go back, as in a checkpoint. Then it refuses to do anything until the file is opened
again, which loses nothing that was committed. That is done at the next use, and the next, until it succeeds.
"""

import hashlib
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from control.stores.databases.base import Overtaken, Unavailable, Unopenable
from control.stores.databases.compiling import compiled
from control.stores.databases.whereabouts import Whereabouts, batches
from control.stores.migrations import DUCKDB
from control.stores.tables import TABLES, StoredTable


class DuckDB:
    """An open file with all its tables."""

    transactional = True

    def __init__(self, path: Path) -> None:
        """Open or create the file.

        Raises:
            Unopenable: another process has it open, it is no DuckDB file, or a newer version wrote it.
        """
        self._path = str(path)
        self._closed = self._broken = False
        try:
            self._connection = duckdb.connect(self._path)
        except duckdb.Error as error:
            reason = str(error).splitlines()[0]
            raise Unopenable(f"{path} cannot be opened; is another control using it? ({reason})") from None
        self._sharing = threading.Condition()
        self._in_use = 0
        """Cursors that somebody has: DuckDB refuses to close a connection while one of its cursors is busy."""
        self._one_writer = threading.Lock()
        self._where = {table.name: Whereabouts() for table in TABLES if table.looked_up}
        try:
            self._migrate(path)
            self._look_around()
        except BaseException:
            self._connection.close()
            raise

    def close(self) -> None:
        """Close the file, after those who read and write at the moment are done."""
        with self._sharing:
            self._closed = True
            self._sharing.wait_for(lambda: not self._in_use)
            self._connection.close()

    @contextmanager
    def reading(self) -> Iterator["_Cursor"]:
        """See `Database.reading`."""
        with self._told(), self._cursor() as cursor:
            yield _Cursor(cursor, self._where)

    @contextmanager
    def writing(self) -> Iterator["_Cursor"]:
        """See `Database.writing`."""
        with self._told(), self._transaction() as cursor:
            yield _Cursor(cursor, self._where)

    writing_alone = writing
    """There is one writer."""

    def delete_before(self, table: StoredTable, column: str, time: int) -> None:
        """See `Database.delete_before`."""
        with self.writing() as writer:
            writer.execute(f"DELETE FROM {table.name} WHERE {column} < ?", [time])
        if table.name in self._where and column == "time":
            self._where[table.name].forget_before(time)

    def reclaim(self) -> None:
        """See `Database.reclaim`. A checkpoint; DuckDB has one while it writes, too, but not soon after a delete."""
        with self._one_writer, self.reading() as reader:
            reader.execute("CHECKPOINT")

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Tells DuckDB's errors as ours."""
        try:
            yield
        except duckdb.FatalException as error:
            self._broken = True
            raise Unavailable(str(error)) from error
        except duckdb.Error as error:
            raise Unavailable(str(error)) from error

    @contextmanager
    def _cursor(self) -> Iterator[duckdb.DuckDBPyConnection]:
        with self._sharing:
            if self._closed:
                raise Unavailable("the store is closed")
            if self._broken and not self._in_use:  # while others have cursors, closing would not end what is broken
                self._connection.close()
                self._connection = duckdb.connect(self._path)
                self._broken = False
            cursor = self._connection.cursor()
            self._in_use += 1
        try:
            yield cursor
        finally:
            with self._sharing:
                cursor.close()
                self._in_use -= 1
                self._sharing.notify_all()

    @contextmanager
    def _transaction(self) -> Iterator[duckdb.DuckDBPyConnection]:
        with self._one_writer, self._cursor() as cursor:
            cursor.begin()
            try:
                yield cursor
            except BaseException:
                cursor.rollback()
                raise
            cursor.commit()

    def _migrate(self, path: Path) -> None:
        with self._transaction() as cursor:
            cursor.execute("CREATE TABLE IF NOT EXISTS steps_taken (step BIGINT NOT NULL)")
            taken = len(cursor.execute("SELECT step FROM steps_taken").fetchall())
            if taken > len(DUCKDB):
                raise Unopenable(
                    f"{path} was written by a newer version of Hyperplan; run that version, or another --data"
                )
            for step in range(taken, len(DUCKDB)):
                cursor.execute(DUCKDB[step])
                cursor.execute("INSERT INTO steps_taken VALUES (?)", [step])

    def _look_around(self) -> None:
        """Learn where everything is."""
        with self._cursor() as cursor:
            for name, where in self._where.items():
                for times, hashes in batches(cursor.sql(f"SELECT time, looked_up FROM {name}")):
                    where.add(times, hashes)


class _Cursor:
    """Reads and writes with a cursor."""

    def __init__(self, cursor: duckdb.DuckDBPyConnection, where: Mapping[str, Whereabouts]) -> None:
        self._cursor = cursor
        self._where = where

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        return self._cursor.execute(sql, parameters).fetchall()

    def check(self) -> None:
        self.execute("SELECT 1")

    def rows(self, query: Any) -> list[tuple[Any, ...]]:
        return self.execute(compiled(query, "duckdb"))

    def is_empty(self, table: StoredTable) -> bool:
        return not self.execute(f"SELECT time FROM {table.name} LIMIT 1")

    def having(self, table: StoredTable, columns: Sequence[str], value: str) -> list[tuple[Any, ...]]:
        # An index (ART) would do without spans, but it made taking rows in twice as dear and had others wait for seconds while it was written.
        hashed = _hash(value)
        spans = self._where[table.name].spans(hashed)
        if not spans:
            return []
        # The text itself is compared here: said as another condition, DuckDB holds it against as many texts as it likes to begin with.
        within = " OR ".join("time BETWEEN ? AND ?" for _ in spans)
        found = self.execute(
            f"SELECT {table.looked_up}, {', '.join(columns)} FROM {table.name} WHERE looked_up = ? AND ({within})",
            [hashed, *chain.from_iterable(spans)],
        )
        return [tuple(row) for text, *row in found if text == value]

    def having_any(self, table: StoredTable, columns: Sequence[str], values: Sequence[str]) -> list[tuple[Any, ...]]:
        return self.execute(
            f"SELECT {', '.join(columns)} FROM {table.name} WHERE looked_up IN (SELECT md5_number_lower(unnest(?::VARCHAR[]))) "
            f"AND {table.looked_up} IN (SELECT unnest(?::VARCHAR[]))",
            [values, values],
        )

    def at_times(self, table: StoredTable, columns: Sequence[str], times: Sequence[int]) -> list[tuple[Any, ...]]:
        # The range lets DuckDB pass over all but the last few groups of rows, whose least and largest times it knows.
        return self.execute(
            f"SELECT {', '.join(columns)} FROM {table.name} WHERE time BETWEEN ? AND ? "
            "AND time IN (SELECT unnest(?::BIGINT[]))",
            [min(times), max(times), times],
        )

    def append(self, table: StoredTable, rows: pa.Table) -> None:
        self._insert("INSERT INTO", table, rows)

    def put(self, table: StoredTable, rows: pa.Table) -> None:
        self._insert("INSERT OR REPLACE INTO", table, rows)

    def remove(self, table: StoredTable, column: str, values: Sequence[str], endpoint: str | None) -> list[str]:
        found = self.execute(
            f"DELETE FROM {table.name} WHERE {column} IN (SELECT unnest(?::VARCHAR[])) AND endpoint = coalesce(?, endpoint) "
            "RETURNING endpoint",
            [list(values), endpoint],
        )
        return [place for (place,) in found]

    def merge(self, table: StoredTable, scattered: pa.Table, merged: pa.Table) -> None:
        ids = scattered["id"].to_pylist()
        ((gone,),) = self.execute(f"DELETE FROM {table.name} WHERE id IN (SELECT unnest(?::VARCHAR[]))", [ids])
        if gone != len(ids):
            raise Overtaken("these rows were merged meanwhile")
        self.append(table, merged)

    def _insert(self, insert: str, table: StoredTable, rows: pa.Table) -> None:
        if table.looked_up:
            hashes = np.array([_hash(value) for value in rows[table.looked_up].to_pylist()], np.uint64)
            self._where[table.name].add(rows["time"].to_numpy(), hashes)
            rows = rows.append_column("looked_up", pa.array(hashes))
        self._cursor.register("arriving", rows)
        try:
            self.execute(f"{insert} {table.name} BY NAME SELECT * FROM arriving")
        finally:
            self._cursor.unregister("arriving")


def _hash(value: str) -> int:
    """What DuckDB calls `md5_number_lower`."""
    return int.from_bytes(hashlib.md5(value.encode(), usedforsecurity=False).digest()[8:], "little")

"""A PostgreSQL database, which several controls may share.

What keeps them from counting a sample twice is that its key is unique: who is second is told so, and reads what the first has
written. Each commit is synced to disk before it returns, whatever the server's default is.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg
import pyarrow as pa
from psycopg.adapt import Loader
from sqlalchemy import URL, Engine, create_engine
from sqlalchemy.exc import SQLAlchemyError

from control.stores.databases.base import Overtaken, Unavailable, Unopenable
from control.stores.databases.compiling import compiled
from control.stores.migrations import POSTGRESQL
from control.stores.tables import StoredTable

PATIENCE = 5
"""Seconds that control waits for a connection."""

_WRITERS_LOCK = 0x68797065_77726974
"""Shared by all who write, unless somebody has to be alone."""
_STEPS_LOCK = 0x68797065_73746570
"""Held while tables are made, so that of several controls that start at once one does."""


class PostgreSQL:
    """Connections to a database with all the tables."""

    transactional = True

    def __init__(self, url: URL) -> None:
        """Connect, and make the tables or bring them up to date.

        Raises:
            Unopenable: it cannot be reached, tables may not be made there, or a newer version wrote it.
        """
        self._engine = create_engine(
            url.set(drivername="postgresql+psycopg"),
            pool_pre_ping=True,
            pool_timeout=PATIENCE,
            connect_args={"connect_timeout": PATIENCE},
        )
        self._closed = False
        place = url.render_as_string()
        try:
            self._migrate(place)
        except (psycopg.Error, SQLAlchemyError) as error:
            self._engine.dispose()
            raise Unopenable(f"{place} cannot be opened as a store: {_first_line(error)}; see --store") from None
        except BaseException:
            self._engine.dispose()
            raise

    def close(self) -> None:
        """See `Database.close`."""
        self._closed = True
        self._engine.dispose()

    @contextmanager
    def reading(self) -> Iterator["_Cursor"]:
        """See `Database.reading`."""
        if self._closed:
            raise Unavailable("the store is closed")
        with _told(), _cursor(self._engine) as cursor:
            yield cursor

    @contextmanager
    def writing(self) -> Iterator["_Cursor"]:
        """See `Database.writing`."""
        with self._writing("pg_advisory_xact_lock_shared") as cursor:
            yield cursor

    @contextmanager
    def writing_alone(self) -> Iterator["_Cursor"]:
        """See `Database.writing_alone`."""
        with self._writing("pg_advisory_xact_lock") as cursor:
            yield cursor

    @contextmanager
    def _writing(self, lock: str) -> Iterator["_Cursor"]:
        with self.reading() as cursor:
            cursor.execute("SET LOCAL synchronous_commit = on")
            cursor.execute(f"SELECT {lock}(%s)", [_WRITERS_LOCK])
            yield cursor

    def delete_before(self, table: StoredTable, column: str, time: int) -> None:
        """See `Database.delete_before`."""
        with self.writing() as writer:
            writer.execute(f"DELETE FROM {table.name} WHERE {column} < %s", [time])

    def reclaim(self) -> None:
        """See `Database.reclaim`: PostgreSQL's autovacuum does it."""

    def _migrate(self, place: str) -> None:
        with _cursor(self._engine) as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_STEPS_LOCK])
            cursor.execute("CREATE TABLE IF NOT EXISTS steps_taken (step BIGINT NOT NULL)")
            taken = len(cursor.execute("SELECT step FROM steps_taken"))
            if taken > len(POSTGRESQL):
                raise Unopenable(
                    f"{place} was written by a newer version of Hyperplan; run that version, or another --store"
                )
            for step in range(taken, len(POSTGRESQL)):
                for statement in POSTGRESQL[step]:
                    cursor.execute(statement)
                cursor.execute("INSERT INTO steps_taken VALUES (%s)", [step])


class _Cursor:
    """Reads and writes with a cursor, in a transaction."""

    def __init__(self, cursor: psycopg.Cursor[Any]) -> None:
        self._cursor = cursor

    def execute(self, sql: str, parameters: Sequence[Any] | None = None) -> list[tuple[Any, ...]]:
        self._cursor.execute(sql.encode(), parameters)
        return self._cursor.fetchall() if self._cursor.description else []

    def check(self) -> None:
        self.execute("SELECT 1")

    def rows(self, query: Any) -> list[tuple[Any, ...]]:
        return self.execute(compiled(query, "postgres"))

    def is_empty(self, table: StoredTable) -> bool:
        return not self.execute(f"SELECT time FROM {table.name} LIMIT 1")

    def having(self, table: StoredTable, columns: Sequence[str], value: str) -> list[tuple[Any, ...]]:
        return self.execute(f"SELECT {', '.join(columns)} FROM {table.name} WHERE {table.looked_up} = %s", [value])

    def having_any(self, table: StoredTable, columns: Sequence[str], values: Sequence[str]) -> list[tuple[Any, ...]]:
        return self.execute(
            f"SELECT {', '.join(columns)} FROM {table.name} WHERE {table.looked_up} = ANY(%s::TEXT[])", [list(values)]
        )

    def at_times(self, table: StoredTable, columns: Sequence[str], times: Sequence[int]) -> list[tuple[Any, ...]]:
        return self.execute(
            f"SELECT {', '.join(columns)} FROM {table.name} WHERE time = ANY(%s::BIGINT[])", [list(times)]
        )

    def append(self, table: StoredTable, rows: pa.Table) -> None:
        copying = f"COPY {table.name} ({', '.join(rows.column_names)}) FROM STDIN (FORMAT BINARY)"
        with self._cursor.copy(copying.encode()) as copy:
            copy.set_types([_TYPES[table.columns[name].type] for name in rows.column_names])
            for row in _tuples(rows):
                copy.write_row(row)

    def put(self, table: StoredTable, rows: pa.Table) -> None:
        others = [name for name in rows.column_names if name not in table.key]
        self._cursor.executemany(
            f"INSERT INTO {table.name} ({', '.join(rows.column_names)}) "
            f"VALUES ({', '.join(['%s'] * rows.num_columns)}) ON CONFLICT ({', '.join(table.key)}) "
            f"DO UPDATE SET {', '.join(f'{name} = excluded.{name}' for name in others)}".encode(),
            _tuples(rows),
        )

    def remove(self, table: StoredTable, column: str, values: Sequence[str], endpoint: str | None) -> list[str]:
        found = self.execute(
            f"DELETE FROM {table.name} WHERE {column} = ANY(%s::TEXT[]) AND endpoint = coalesce(%s, endpoint) RETURNING endpoint",
            [list(values), endpoint],
        )
        return [place for (place,) in found]

    def merge(self, table: StoredTable, scattered: pa.Table, merged: pa.Table) -> None:
        ids = scattered["id"].to_pylist()
        self._cursor.execute(f"DELETE FROM {table.name} WHERE id = ANY(%s::TEXT[])".encode(), [ids])
        if self._cursor.rowcount != len(ids):
            raise Overtaken("another control has merged these rows")
        self.append(table, merged)


_TYPES = {"int64": "int8", "float64": "float8", "string": "text", "binary": "bytea", "boolean": "bool"}


class _WholeNumber(Loader):
    """Sums of integers, which PostgreSQL makes numerics."""

    def load(self, data: Any) -> int:
        return int(bytes(data))


def _tuples(rows: pa.Table) -> Iterator[tuple[Any, ...]]:
    return zip(*(column.to_pylist() for column in rows.columns), strict=True)


@contextmanager
def _cursor(engine: Engine) -> Iterator[_Cursor]:
    """A cursor of a connection from the pool, whose transaction is committed when all is well."""
    pooled = engine.raw_connection()
    try:
        connection = pooled.driver_connection
        assert isinstance(connection, psycopg.Connection)
        connection.adapters.register_loader("numeric", _WholeNumber)
        with connection.cursor() as cursor:
            yield _Cursor(cursor)
        pooled.commit()
    finally:
        pooled.close()  # rolls back what was not committed


@contextmanager
def _told() -> Iterator[None]:
    """Tells the driver's errors as ours."""
    try:
        yield
    except (psycopg.errors.UniqueViolation, psycopg.errors.DeadlockDetected) as error:
        raise Overtaken(_first_line(error)) from error
    except (psycopg.Error, SQLAlchemyError) as error:
        raise Unavailable(_first_line(error)) from error


def _first_line(error: Exception) -> str:
    said = getattr(error, "orig", None) or error
    return (str(said).splitlines() or [type(said).__name__])[0]

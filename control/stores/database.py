"""The DuckDB file: opened by one process, written by one thread at a time, read by any.

Every use takes a cursor of its own, which is a connection of its own: readers see the last commit, never a transaction
under way. Each commit is synced to disk before it returns.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from control.stores.migrations import STEPS


class Unopenable(ValueError):
    """A file that cannot be opened as a store; the message says why and what to do."""


class Database:
    """An open file with all its tables."""

    def __init__(self, path: Path) -> None:
        """Open or create the file.

        Raises:
            Unopenable: another process has it open, it is no DuckDB file, or a newer version wrote it.
        """
        try:
            self._connection = duckdb.connect(str(path))
        except duckdb.Error as error:
            reason = str(error).splitlines()[0]
            raise Unopenable(f"{path} cannot be opened; is another control using it? ({reason})") from None
        self._sharing = threading.Lock()
        self._one_writer = threading.Lock()
        try:
            self._migrate(path)
        except BaseException:
            self._connection.close()
            raise

    def close(self) -> None:
        """Close the file, after the writer of the moment is done."""
        with self._one_writer:
            self._connection.close()

    @contextmanager
    def reading(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A cursor to read with, from any thread."""
        with self._sharing:
            cursor = self._connection.cursor()
        try:
            yield cursor
        finally:
            cursor.close()

    @contextmanager
    def writing(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A cursor in a transaction that is committed at the end, and on disk when this returns."""
        with self._one_writer, self.reading() as cursor:
            cursor.begin()
            try:
                yield cursor
            except BaseException:
                cursor.rollback()
                raise
            cursor.commit()

    def _migrate(self, path: Path) -> None:
        with self.writing() as cursor:
            cursor.execute("CREATE TABLE IF NOT EXISTS steps_taken (step BIGINT NOT NULL)")
            taken = len(cursor.execute("SELECT step FROM steps_taken").fetchall())
            if taken > len(STEPS):
                raise Unopenable(
                    f"{path} was written by a newer version of Hyperplan; run that version, or another --data"
                )
            for step in range(taken, len(STEPS)):
                cursor.execute(STEPS[step])
                cursor.execute("INSERT INTO steps_taken VALUES (?)", [step])

"""What the store asks of a database.

Questions are ibis expressions, written once and compiled for each. What goes in goes in by each database's own bulk way, as Arrow
tables. That, the tables themselves and how to give back space is all that is written for each of them.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

import pyarrow as pa

from control.stores.tables import StoredTable


class Unopenable(ValueError):
    """A database that cannot be opened as a store; the message says why and what to do."""


class Unavailable(Exception):
    """The store could not answer or take something in now, and it should be tried again.

    Of what was to be taken in, nothing is kept, or all, where the failure came after the commit; sent again, it counts once.
    """


class Overtaken(Unavailable):
    """Another control wrote the same rows meanwhile; nothing was kept, and trying again will find what it wrote."""


class Reader(Protocol):
    """Asks the database. Sees what was committed, and never half of a transaction."""

    def check(self) -> None:
        """Ask the least that shows that it answers."""

    def rows(self, query: Any) -> list[tuple[Any, ...]]:
        """The rows that an ibis expression over the tables stands for."""

    def is_empty(self, table: StoredTable) -> bool:
        """Whether a table has no rows."""

    def having(self, table: StoredTable, columns: Sequence[str], value: str) -> list[tuple[Any, ...]]:
        """These columns of the rows that have this value where the table is looked up, fast however many rows there are."""

    def having_any(self, table: StoredTable, columns: Sequence[str], values: Sequence[str]) -> list[tuple[Any, ...]]:
        """These columns of the rows that have one of these values there: some thousands of values, in one question."""


class Writer(Reader, Protocol):
    """A transaction: all of what it writes is kept when it ends, or nothing. It may not see its own writes."""

    def at_times(self, table: StoredTable, columns: Sequence[str], times: Sequence[int]) -> list[tuple[Any, ...]]:
        """These columns of the rows that have one of these times, to the nanosecond."""

    def append(self, table: StoredTable, rows: pa.Table) -> None:
        """Add rows.

        Raises:
            Overtaken: another control has added one with the same key.
        """

    def put(self, table: StoredTable, rows: pa.Table) -> None:
        """Add rows, each in place of the one with its key."""

    def remove(self, table: StoredTable, column: str, values: Sequence[str], endpoint: str | None) -> list[str]:
        """Remove the rows that have one of these values in a column, of one endpoint or of all; the endpoint of each.

        In a database without transactions they are gone at once.
        """

    def merge(self, table: StoredTable, scattered: pa.Table, merged: pa.Table) -> None:
        """Replace rows, given by their keys, by others that say the same in fewer.

        The `id` of each of the merged is that of one of the scattered that it stands for, or one that any control would give it.

        Raises:
            Overtaken: another control has merged some of them.
        """


class Database(Protocol):
    """An open database with all the tables. Every method may be called from any thread.

    `transactional` says whether who writes sees all that was written before, by anybody. Where not, he has to look again afterwards.
    """

    transactional: bool

    def reading(self) -> AbstractContextManager[Reader]:
        """Ask questions.

        Raises:
            Unavailable: the database cannot be reached, or failed.
        """

    def writing(self) -> AbstractContextManager[Writer]:
        """Write what is on disk when this ends without an error.

        Raises:
            Unavailable: the database cannot be reached, or failed; nothing was written, or all.
        """

    def writing_alone(self) -> AbstractContextManager[Writer]:
        """The same while nobody else writes, as far as the database can see to that: when those who do are done, and before others begin."""

    def delete_before(self, table: StoredTable, column: str, time: int) -> None:
        """Remove the rows that are older than a time, by the column that says how old they are.

        Raises:
            Unavailable: the database cannot be reached, or failed.
        """

    def reclaim(self) -> None:
        """Make the space of what was deleted free for what comes."""

    def close(self) -> None:
        """Close it, after the writer of the moment is done."""

"""A file of training data, held against a schema as serving holds requests against it.

Rows go through the decoder that proves requests good, and those that it refuses through the checker that says what is wrong with them: not a
second check that is much like the first.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import msgspec

from cli.profiling import Progress
from cli.rows import readings_of, rows_of
from cli.tables import columns_of, count_of, reader_of, run, unreadable
from hyperplan.schema import RowType, Schema, violations_of
from hyperplan.schema.breaks import Break, Tally

CHUNK = 10_000
"""Rows that are looked at in one go."""


class Checked(NamedTuple):
    """What a file came to: its rows, those that break the schema, how they do, and the columns that the schema does not know."""

    rows: int
    broken_rows: int
    breaks: list[Break]
    unknown: list[str]


def check_file(path: Path, schema: Schema, on_progress: Progress = lambda done, total: None) -> Checked:  # noqa: ARG005 - a Progress
    """Hold each row of a file against a schema. Columns that are no features are named, and otherwise left alone.

    Raises:
        Invalid: the file cannot be read, or has no rows.
    """
    with duckdb.connect() as connection:
        reader = reader_of(path)
        columns = columns_of(connection, reader, path)
        total = count_of(connection, reader, path)
        read = readings_of(schema, columns, reader)
        check, tally, done, broken = _Check(schema), Tally(schema), 0, 0
        try:
            cursor = run(connection, f"SELECT {', '.join(sum(read.values(), ())) or '1'} FROM {reader}", path)
            while fetched := cursor.fetchmany(CHUNK):
                for index, row in check.refused(list(rows_of(read, fetched))):
                    found = list(violations_of(schema, [row]))
                    tally.add(found, done + index)
                    broken += bool(found)
                done += len(fetched)
                on_progress(done, total)
        except duckdb.Error as error:
            raise unreadable(path, error) from None
    return Checked(done, broken, tally.breaks(done), [name for name in columns if name not in read])


class _Check:
    """The fast half of the check, on many rows at once."""

    def __init__(self, schema: Schema) -> None:
        self._row = RowType(schema).struct

    def refused(self, rows: Sequence[dict[str, Any]]) -> Iterator[tuple[int, dict[str, Any]]]:
        """The rows that are not proven good, with their places."""
        if not self._good(rows, list[self._row]):  # type: ignore[name-defined]
            yield from ((index, row) for index, row in enumerate(rows) if not self._good(row, self._row))

    def _good(self, value: Any, kind: Any) -> bool:
        try:
            msgspec.convert(value, kind)
        except msgspec.ValidationError:
            return False
        return True

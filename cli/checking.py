"""A file of training data, held against a schema as serving holds requests against it.

Rows go through the decoder that proves requests good, and those that it refuses through the checker that says what is wrong with them: not a
second check that is much like the first. What a data frame cannot say is read as a client would say it: NaN is null, and a time is text.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import msgspec

from cli.profiling import Progress
from cli.tables import NUMBERS, columns_of, count_of, is_null, quoted, reader_of, run, unreadable
from hyperplan.schema import AnyFeature, Bool, Float, Int, NumberList, RowType, Schema, violations_of
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
        owners = _owners(schema)
        read = {
            name: _reading(quoted(name), schema.features[owners[name]], columns[name], reader)
            for name in columns
            if name in owners
        }
        check, tally, done, broken = _Check(schema), Tally(schema), 0, 0
        try:
            cursor = run(connection, f"SELECT {', '.join(sum(read.values(), ())) or '1'} FROM {reader}", path)
            while fetched := cursor.fetchmany(CHUNK):
                for index, row in check.refused(list(_rows(read, fetched))):
                    found = list(violations_of(schema, [row]))
                    tally.add(found, done + index)
                    broken += bool(found)
                done += len(fetched)
                on_progress(done, total)
        except duckdb.Error as error:
            raise unreadable(path, error) from None
    return Checked(done, broken, tally.breaks(done), [name for name in columns if name not in owners])


def _owners(schema: Schema) -> dict[str, str]:
    """The feature that each name of a column means."""
    aliases = {alias: name for name, feature in schema.features.items() for alias in feature.aliases}
    return aliases | {name: name for name in schema.features}


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


def _reading(column: str, feature: AnyFeature, declared: str, reader: str) -> tuple[str, str]:
    """Two expressions: the value of a column, and the text that it has instead where it cannot be read as one of the feature's."""
    if "read_csv" not in reader:
        return _plain(column, declared), "NULL"
    match feature:
        case Float() | Int():
            kind = "DOUBLE"
        case Bool():
            kind = "BOOLEAN"
        case NumberList():
            kind = "DOUBLE[]"
        case _:
            return column, "NULL"
    cast, null = f"TRY_CAST({column} AS {kind})", is_null(column)
    return f"CASE WHEN NOT {null} THEN {cast} END", f"CASE WHEN NOT {null} AND {cast} IS NULL THEN {column} END"


def _plain(column: str, declared: str) -> str:
    """A typed column as JSON has it."""
    if declared in ("FLOAT", "DOUBLE"):
        return f"CASE WHEN NOT isnan({column}) THEN {column} END"
    if declared.startswith("DECIMAL"):
        return f"CAST({column} AS {'DOUBLE[]' if declared.endswith(']') else 'DOUBLE'})"
    if declared in NUMBERS or declared == "BOOLEAN" or declared.endswith("]") or declared.startswith(("STRUCT", "MAP")):
        return column
    return f"CAST({column} AS VARCHAR)"


def _rows(read: Mapping[str, Any], fetched: Sequence[tuple[Any, ...]]) -> Iterator[dict[str, Any]]:
    """Rows as plain JSON values, out of tuples with two cells for each column."""
    for cells in fetched:
        values = iter(cells)
        yield {name: value if text is None else text for name, value, text in zip(read, values, values, strict=False)}

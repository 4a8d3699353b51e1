"""Files of training data, as DuckDB reads them: Parquet and CSV, in batches, so that they may be larger than memory.

Every column of a CSV file is text to whoever reads it here. What a reader would guess from the first lines is no better than what the
schema says, and a category `01` stays `01`.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path

import duckdb

from hyperplan.problems import Invalid, Problem, pointer

READERS = {
    ".parquet": "read_parquet(?)",
    ".pq": "read_parquet(?)",
    ".csv": "read_csv(?, all_varchar = true)",
    ".tsv": "read_csv(?, all_varchar = true)",
}
"""How DuckDB reads a file, by the end of its name; `.gz` may follow that of a CSV file."""

NULLS = ("", "na", "n/a", "nan", "null", "none")
"""Texts that stand for null in a column of numbers or truth values, in lower case."""

NUMBERS = frozenset(
    f"{sign}{size}" for sign in ("", "U") for size in ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT")
)
NUMBERS |= {"FLOAT", "DOUBLE"}
"""DuckDB's types that are numbers, but for decimals, whose names have their digits in them."""


def is_table(path: Path) -> bool:
    """Whether the name of a file says that it holds a table."""
    return path.name.lower().removesuffix(".gz").endswith(tuple(READERS))


def reader_of(path: Path) -> str:
    """The expression that reads a file, whose path is its parameter.

    Raises:
        Invalid: there is no such file, or its name does not say what it is.
    """
    if not path.is_file():
        raise Invalid([Problem("", f"{path}: no such file")])
    name = path.name.lower().removesuffix(".gz")
    for suffix, reader in READERS.items():
        if name.endswith(suffix):
            return reader
    raise Invalid([Problem("", f"{path}: the name must end with one of {', '.join(READERS)}")])


def run(connection: duckdb.DuckDBPyConnection, query: str, path: Path) -> duckdb.DuckDBPyConnection:
    """Run a query whose one parameter is the path.

    Raises:
        Invalid: the file cannot be read.
    """
    try:
        return connection.execute(query, [str(path)])
    except duckdb.Error as error:
        raise unreadable(path, error) from None


def unreadable(path: Path, error: Exception) -> Invalid:
    """What is said of a file that cannot be read."""
    return Invalid([Problem("", f"{path} cannot be read: {str(error).splitlines()[0]}")])


def columns_of(connection: duckdb.DuckDBPyConnection, reader: str, path: Path) -> dict[str, str]:
    """The columns of a file, and DuckDB's name for the type of each."""
    return {name: kind for name, kind, *_ in run(connection, f"DESCRIBE SELECT * FROM {reader}", path).fetchall()}


def count_of(connection: duckdb.DuckDBPyConnection, reader: str, path: Path) -> int:
    """The rows of a file.

    Raises:
        Invalid: it has none, or cannot be read.
    """
    (count,) = run(connection, f"SELECT count(*) FROM {reader}", path).fetchone() or (0,)
    if not count:
        raise Invalid([Problem("", f"{path} has no rows")])
    return int(count)


def quoted(name: str) -> str:
    """A column's name as SQL has it."""
    return '"' + name.replace('"', '""') + '"'


def is_null(column: str) -> str:
    """The condition that a text of a column of numbers or truth values stands for null."""
    return f"({column} IS NULL OR lower(trim({column})) IN ({', '.join(map(repr, NULLS))}))"


def require(path: Path, named: Iterable[str], kinds: Mapping[str, str]) -> None:
    """Make sure that a file has the columns that were named.

    Raises:
        Invalid: it lacks some; the problems say what it has.
    """
    has = ", ".join(kinds)
    problems = [
        Problem(pointer(column), f"{path} has no such column; the file has: {has}")
        for column in named
        if column not in kinds
    ]
    if problems:
        raise Invalid(problems)


def seconds(column: str, kind: str, *, of_text: bool) -> str:
    """The expression that reads a column of times as seconds since 1970: numbers, dates, or either of them as text."""
    if of_text or kind == "VARCHAR":
        return f"coalesce(TRY_CAST({quoted(column)} AS DOUBLE), epoch(TRY_CAST({quoted(column)} AS TIMESTAMPTZ)))"
    if kind.startswith("TIMESTAMP") or kind == "DATE":
        return f"epoch({quoted(column)})"
    return f"CAST({quoted(column)} AS DOUBLE)"

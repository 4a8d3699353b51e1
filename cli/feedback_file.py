"""Feedback out of a file: labels that came from somewhere else, a row for each prediction."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import duckdb

from cli.rows import plain
from cli.tables import columns_of, count_of, quoted, reader_of, require, run, seconds, unreadable
from hyperplan.endpoint import Task

BATCH = 20_000
"""Predictions whose feedback is sent at once."""


class Columns(NamedTuple):
    """The columns of a file, by what they hold; None for what it does not have. `time` is that of the prediction."""

    prediction_id: str | None = None
    entity: str | None = None
    predicted_at: str | None = None
    label: str | None = None
    reward: str | None = None
    time: str | None = None
    revision: str | None = None


class FeedbackFile:
    """A file of feedback, which DuckDB reads in batches, so that it may be larger than memory; `rows` is how many there are."""

    def __init__(self, path: Path, task: Task, columns: Columns) -> None:
        """Look at a file.

        Raises:
            Invalid: it cannot be read, or lacks a column that was named.
        """
        self._path = path
        self._reader = reader_of(path)
        with duckdb.connect() as connection:
            kinds = columns_of(connection, self._reader, path)
            named = {name: column for name, column in columns._asdict().items() if column is not None}
            require(path, named.values(), kinds)
            self.rows = count_of(connection, self._reader, path)
            self._values = {name: self._value(name, column, kinds[column], task) for name, column in named.items()}

    def batches(self) -> Iterator[list[dict[str, Any]]]:
        """The feedback as `POST /v1/feedback` takes it, so many at a time; a cell that is null is left out.

        Raises:
            Invalid: the file cannot be read to its end.
        """
        with duckdb.connect() as connection:
            connection.execute("SET TimeZone = 'UTC'")
            try:
                cursor = run(connection, f"SELECT {', '.join(self._values.values())} FROM {self._reader}", self._path)
                while fetched := cursor.fetchmany(BATCH):
                    yield [
                        {name: cell for name, cell in zip(self._values, cells, strict=True) if cell is not None}
                        for cells in fetched
                    ]
            except duckdb.Error as error:
                raise unreadable(self._path, error) from None

    def _value(self, name: str, column: str, kind: str, task: Task) -> str:
        """The expression that reads a column as what it holds."""
        of_text = "read_csv" in self._reader
        match name:
            case "time" | "predicted_at":
                return seconds(column, kind, of_text=of_text)
            case "label" if of_text and task == "binary":
                number = f"TRY_CAST({quoted(column)} AS DOUBLE)"
                return f"coalesce({number}, TRY_CAST(TRY_CAST({quoted(column)} AS BOOLEAN) AS DOUBLE))"
            case "label" if of_text and task == "multiclass":
                return quoted(column)
            case "label" | "reward" if of_text:
                return f"TRY_CAST({quoted(column)} AS DOUBLE)"
            case "label" | "reward":
                return plain(quoted(column), kind)
            case "revision":
                return f"CAST({quoted(column)} AS BIGINT)"
            case _:
                return f"CAST({quoted(column)} AS VARCHAR)"

"""Samples out of a file: a batch that a model has scored somewhere else, a row for each request."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import duckdb

from cli.rows import plain, readings_of, rows_of
from cli.tables import columns_of, count_of, quoted, reader_of, require, run, seconds, unreadable
from hyperplan.endpoint import Endpoint
from hyperplan.problems import Invalid, Problem, pointer

BATCH = 5_000
"""Samples that are sent at once."""


class Columns(NamedTuple):
    """The columns that are no features, by what they hold; None for what the file does not have."""

    time: str | None = None
    prediction: str | None = None
    prediction_id: str | None = None
    entity: str | None = None


class SampleFile:
    """A file of samples, which DuckDB reads in batches, so that it may be larger than memory.

    `rows` is how many there are, `left_alone` are the columns that are nothing to the endpoint.
    """

    def __init__(self, path: Path, endpoint: Endpoint, model: str, columns: Columns, inclusion: float) -> None:
        """Look at a file.

        Raises:
            Invalid: it cannot be read, has no rows, lacks a column that was named, or a time in it.
        """
        self._path = path
        self._common = {"endpoint": endpoint.name, "model": model, "inclusion": inclusion}
        self._reader = reader_of(path)
        with duckdb.connect() as connection:
            kinds = columns_of(connection, self._reader, path)
            named = {name: column for name, column in columns._asdict().items() if column is not None}
            require(path, named.values(), kinds)
            self.rows = count_of(connection, self._reader, path)
            self._features = readings_of(endpoint.schema, kinds, self._reader)
            self._extras = {name: _extra(name, column, kinds[column], self._reader) for name, column in named.items()}
            self.left_alone = [name for name in kinds if name not in self._features and name not in named.values()]
            if "time" in named:
                self._require_times(connection, named["time"])

    def batches(self) -> Iterator[list[dict[str, Any]]]:
        """The samples as `POST /v1/samples` takes them, so many at a time. A row without an id of its own gets one that is always the same.

        Raises:
            Invalid: the file cannot be read to its end.
        """
        file = _digest(self._path)
        selected = [*sum(self._features.values(), ()), *self._extras.values()]
        done = 0
        with duckdb.connect() as connection:
            connection.execute("SET TimeZone = 'UTC'")
            try:
                cursor = run(connection, f"SELECT {', '.join(selected) or '1'} FROM {self._reader}", self._path)
                while fetched := cursor.fetchmany(BATCH):
                    yield [
                        self._sample(row, cells[2 * len(self._features) :], f"{file}-{done + index}")
                        for index, (row, cells) in enumerate(
                            zip(rows_of(self._features, fetched), fetched, strict=True)
                        )
                    ]
                    done += len(fetched)
            except duckdb.Error as error:
                raise unreadable(self._path, error) from None

    def _sample(self, row: dict[str, Any], cells: tuple[Any, ...], prediction_id: str) -> dict[str, Any]:
        extras = {name: cell for name, cell in zip(self._extras, cells, strict=False) if cell is not None}
        if "prediction" in extras:
            extras["predictions"] = [self._prediction(extras.pop("prediction"))]
        return {**self._common, "prediction_id": prediction_id, **extras, "rows": [row]}

    def _prediction(self, cell: Any) -> Any:
        """What the model said. All is text in a CSV file; what reads as a number was one."""
        if "read_csv" not in self._reader:
            return cell
        try:
            return float(cell)
        except ValueError:
            return cell

    def _require_times(self, connection: duckdb.DuckDBPyConnection, column: str) -> None:
        query = f"SELECT count(*) FROM {self._reader} WHERE ({self._extras['time']}) IS NULL"
        (without,) = run(connection, query, self._path).fetchone() or (0,)
        if without:
            detail = f"holds no time in {without} rows; dates or seconds since 1970 are read"
            raise Invalid([Problem(pointer(column), detail)])


def _extra(name: str, column: str, kind: str, reader: str) -> str:
    """The expression that reads a column as what it holds."""
    match name:
        case "time":
            return seconds(column, kind, of_text="read_csv" in reader)
        case "prediction" if "read_csv" not in reader:
            return plain(quoted(column), kind)
        case _:
            return f"CAST({quoted(column)} AS VARCHAR)"


def _digest(path: Path) -> str:
    """What tells a file's rows from those of any other file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=8)).hexdigest()

"""A reference out of a file of training data.

DuckDB reads the file in batches, so it may be larger than memory. Every column of a CSV file is read as text and cast
to what the schema says, never to what a reader guesses from the first lines: a category `01` stays `01`. Values that
cannot be cast are counted as of the wrong type, as they would be in a request.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
from numpy.typing import NDArray

from cli.tables import columns_of, count_of, is_null, quoted, reader_of, run, unreadable
from hyperplan.endpoint import Endpoint
from hyperplan.problems import Invalid, Problem, pointer
from hyperplan.profile import Profile, Reference
from hyperplan.schema import AnyFeature, Bool, Float, Int, NumberList, Schema

Progress = Callable[[int, int], None]
"""Is told the rows that are done and the rows that there are."""


def profile_file(
    path: Path,
    endpoint: Endpoint,
    model: str,
    *,
    time_column: str | None = None,
    chunk_rows: int = 50_000,
    on_progress: Progress = lambda done, total: None,  # noqa: ARG005 - a Progress
) -> Reference:
    """Profile the training data of a model, in chunks of `chunk_rows` rows.

    Chunks follow the order of the file, or that of `time_column`. Columns that are no features are left alone.

    Raises:
        Invalid: the file cannot be read, has no rows, or lacks columns; the problems say what it has.
    """
    schema = endpoint.schema
    if model not in endpoint.models:
        known = ", ".join(endpoint.models)
        raise Invalid([Problem("", f"{model!r} is no model of {endpoint.name}; known: {known}")])
    if chunk_rows < 1:
        raise Invalid([Problem("", "a chunk must have at least 1 row")])
    with duckdb.connect() as connection:
        source = reader_of(path)
        columns = columns_of(connection, source, path)
        _require(schema, time_column, columns, path)
        total = count_of(connection, source, path)
        series = list(_profiles(connection, source, path, schema, columns, time_column, chunk_rows, total, on_progress))
    return Reference(
        endpoint=endpoint.name,
        model=model,
        made_at=time.time(),
        rows=sum(profile.rows for profile in series),
        series=series,
    )


def _require(schema: Schema, time_column: str | None, columns: Mapping[str, str], path: Path) -> None:
    has = f"the file has: {', '.join(columns)}"
    missing = [name for name, feature in schema.features.items() if feature.required and name not in columns]
    problems = [Problem(pointer(name), f"{path} has no such column; {has}") for name in missing]
    if time_column is not None and time_column not in columns:
        problems.append(Problem(pointer(time_column), f"{path} has no such column to order by; {has}"))
    if problems:
        raise Invalid(problems)


def _profiles(
    connection: duckdb.DuckDBPyConnection,
    source: str,
    path: Path,
    schema: Schema,
    columns: Mapping[str, str],
    time_column: str | None,
    chunk_rows: int,
    total: int,
    on_progress: Progress,
) -> Iterator[Profile]:
    features = {name: feature for name, feature in schema.features.items() if name in columns}
    selected = [cast(quoted(name), feature, columns[name]) for name, feature in features.items()]
    order = f" ORDER BY {in_time(quoted(time_column), columns[time_column])}" if time_column else ""
    done = 0
    try:
        cursor = run(connection, f"SELECT {', '.join(selected) or '1'} FROM {source}{order}", path)
        while rows := cursor.fetchmany(chunk_rows):
            values = dict(zip(features, zip(*rows, strict=True), strict=False))
            arrays = {name: _array(feature, values[name]) for name, feature in features.items()}
            yield Profile.of_columns(schema, arrays or {"": np.zeros(len(rows))})
            done += len(rows)
            on_progress(done, total)
    except duckdb.Error as error:
        raise unreadable(path, error) from None


def in_time(column: str, kind: str) -> str:
    """What to order by. Times in text are numbers or timestamps, and only as a last resort text."""
    return f"TRY_CAST({column} AS DOUBLE), TRY_CAST({column} AS TIMESTAMP), {column}" if kind == "VARCHAR" else column


def cast(column: str, feature: AnyFeature, kind: str) -> str:
    """The expression that reads a column as the values of a feature."""
    match feature:
        case Float() | Int() if kind == "VARCHAR":
            # What is no number becomes infinite, which is no number either, and so is told apart from null.
            number = f"coalesce(TRY_CAST({column} AS DOUBLE), 'inf'::DOUBLE)"
            return f"CASE WHEN {is_null(column)} THEN NULL ELSE {number} END"
        case Float() | Int():
            return f"CAST({column} AS DOUBLE)"
        case Bool() if kind == "VARCHAR":
            cast = f"coalesce(TRY_CAST({column} AS BOOLEAN)::VARCHAR, {column})"
            return f"CASE WHEN {is_null(column)} THEN NULL ELSE {cast} END"
        case Bool():
            return f"CAST({column} AS BOOLEAN)::VARCHAR"
        case NumberList():
            return f"{'TRY_CAST' if kind == 'VARCHAR' else 'CAST'}({column} AS DOUBLE[])"
        case _:
            return f"CAST({column} AS VARCHAR)"


def _array(feature: AnyFeature, values: Iterable[Any]) -> NDArray[Any]:
    if isinstance(feature, Float | Int):
        return np.array(values, np.float64)  # None becomes NaN, which a profile counts as null
    if isinstance(feature, Bool):
        values = [_TRUTH.get(value, value) for value in values]
    return np.fromiter(values, object)


_TRUTH = {"true": True, "false": False}

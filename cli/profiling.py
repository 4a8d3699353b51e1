"""A reference out of a file of training data.

DuckDB reads the file in batches of Arrow, so it may be larger than memory. Every column of a CSV file is read as text and cast
to what the schema says, never to what a reader guesses from the first lines: a category `01` stays `01`. Values that
cannot be cast are counted as of the wrong type, as they would be in a request.
"""

import os
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from cli.tables import columns_of, count_of, is_null, quoted, reader_of, require, unreadable
from hyperplan.endpoint import Endpoint
from hyperplan.problems import Invalid, Problem
from hyperplan.profile import Reference
from hyperplan.profile.frames import MOST_CELLS, Output, ReferenceBuilder
from hyperplan.profile.outputs import feature_of_outputs
from hyperplan.schema import AnyFeature, Bool, Float, Int, NumberList, Schema
from hyperplan.secret import Secret

Progress = Callable[[int, int], None]
"""Is told the rows that are done and the rows that there are."""

_TIME = "\n"
"""The column of times beside the features: no feature has such a name."""
_OUTPUT = "\noutput "
"""Before the names of outputs, for the same reason."""


def profile_file(
    path: Path,
    endpoint: Endpoint,
    model: str,
    *,
    time_column: str | None = None,
    chunk_rows: int | None = None,
    secret: Secret | None = None,
    outputs: Mapping[str, str] = {},
    on_progress: Progress = lambda done, total: None,  # noqa: ARG005 - a Progress
) -> Reference:
    """Profile the training data of a model, in chunks of `chunk_rows` rows, or of as many as make a useful series.

    Chunks follow the order of the file, or that of `time_column`. Columns that are no features are left alone.
    Personal features are hashed with the `secret`; without one they are left out. `outputs` names the columns of what the model said of each row (`prediction`) and of
    what turned out (`label`).

    Raises:
        Invalid: the file cannot be read, has no rows, or lacks columns; the problems say what it has.
    """
    if model not in endpoint.models:
        known = ", ".join(endpoint.models)
        raise Invalid([Problem("", f"{model!r} is no model of {endpoint.name}; known: {known}")])
    if chunk_rows is not None and chunk_rows < 1:
        raise Invalid([Problem("", "a chunk must have at least 1 row")])
    with duckdb.connect() as connection, ThreadPoolExecutor(min(os.cpu_count() or 1, 4)) as pool:
        source = reader_of(path)
        columns = columns_of(connection, source, path)
        required = [name for name, feature in endpoint.schema.features.items() if feature.required]
        require(path, [*required, *([time_column] if time_column else []), *outputs.values()], columns)
        kind = feature_of_outputs(endpoint.task)
        extra = {_OUTPUT + name: (column, kind) for name, column in outputs.items()}
        total = count_of(connection, source, path)
        builder = ReferenceBuilder(
            endpoint.schema,
            time_column=_TIME if time_column else None,
            chunk_rows=chunk_rows,
            rows_expected=total,
            each=pool.map,
            secret=secret,
            outputs={name: Output(_OUTPUT + name, kind) for name in outputs},
        )
        for batch in _batches(connection, source, path, endpoint.schema, columns, time_column, extra):
            builder.add(batch)
            on_progress(builder.rows, total)
    return builder.reference(endpoint.name, model, time.time())


def _batches(
    connection: duckdb.DuckDBPyConnection,
    source: str,
    path: Path,
    schema: Schema,
    columns: Mapping[str, str],
    time_column: str | None,
    extra: Mapping[str, tuple[str, AnyFeature]],
) -> Iterator[dict[str, Any]]:
    """The features in the file, its times if they are asked for, and `extra` columns by their new names, batch by batch, in the order of time."""
    features = {name: feature for name, feature in schema.features.items() if name in columns}
    selected = {name: cast(quoted(name), feature, columns[name]) for name, feature in features.items()}
    selected |= {name: cast(quoted(column), feature, columns[column]) for name, (column, feature) in extra.items()}
    order = ""
    if time_column:
        selected[_TIME] = (
            f"TRY_CAST({quoted(time_column)} AS TIMESTAMP)" if _tells_time(columns[time_column]) else "NULL"
        )
        order = f" ORDER BY {in_time(quoted(time_column), columns[time_column])}"
    named = ", ".join(f"{expression} AS {quoted(name)}" for name, expression in selected.items()) or "1 AS c"
    try:
        found = connection.cursor().sql(f"SELECT {named} FROM {source}{order}", params=[str(path)])
        for batch in found.to_arrow_reader(max(1, MOST_CELLS // (len(selected) + 1))):
            arrays = dict(zip(batch.schema.names, batch.columns, strict=True))
            yield {name: _readable(features.get(name), array) for name, array in arrays.items()}
    except (duckdb.Error, pa.ArrowException) as error:
        raise unreadable(path, error) from None


def _readable(feature: AnyFeature | None, array: Any) -> Any:
    """A column as a row would hold it: truth values in text become such, and what is none stays text."""
    if not isinstance(feature, Bool) or pa.types.is_boolean(array.type):
        return array
    return np.array([_TRUTH.get(value, value) for value in array.to_pylist()], object)


_TRUTH = {"true": True, "false": False}


def _tells_time(kind: str) -> bool:
    """Whether a column of DuckDB's may hold times, not just numbers that are in order."""
    return kind == "VARCHAR" or kind.startswith(("TIMESTAMP", "DATE"))


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
            return f"CAST({column} AS BOOLEAN)"
        case NumberList():
            return f"{'TRY_CAST' if kind == 'VARCHAR' else 'CAST'}({column} AS DOUBLE[])"
        case _:
            return f"CAST({column} AS VARCHAR)"

"""Skew between two files, with no server at all: what was trained on, and what was served.

Both are read piece by piece and may be larger than memory. The reference becomes a series of profiles in its order, the served rows become
looks, and the detectors that judge traffic are asked throughout: what broke in the middle of a file and was mended before its end is
found too. The looks of a long file are longer: fifty of them tell when something began, and more would only take longer.

Columns are no features because the schema does not have them. Those of the served file that the reference's file has as well, labels and
times, are left alone; those that it has not are unknown fields, and profiled as such, by hashes, or nobody could tell a rename.
"""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import duckdb
import msgspec
import numpy as np
from numpy.typing import NDArray

from cli.profiling import Progress, cast, in_time
from cli.tables import columns_of, count_of, quoted, reader_of, require, unreadable
from hyperplan.problems import Invalid, Problem, pointer
from hyperplan.profile import CategoryCounts, Profile
from hyperplan.profile.hashed import profile_of_column
from hyperplan.schema import AnyFeature, Bool, Float, Int, Schema
from hyperplan.skew.case import Case, Look
from hyperplan.skew.detect import detect_throughout
from hyperplan.skew.finding import Finding

T = TypeVar("T")
R = TypeVar("R")
Columns = Mapping[str, NDArray[Any]]

CHUNKS, FEWEST_IN_CHUNK = 50, 500
"""Profiles of a reference, as far as each has so many rows: with fewer, chance moves them more than time does."""
LOOKS, FEWEST_IN_LOOK = 50, 100
"""Looks at what was served, as far as each has so many rows."""
MOST_CELLS = 4_000_000
"""Values of a piece: what is in memory at a time is a few of them."""
HASHED = 200
"""Rows of a piece in which unknown columns are hashed, spread evenly: a rename shows in few, and a hash takes a microsecond."""


class Piece(NamedTuple):
    """Rows of a file that follow one another: from which to which, their times if they have any, features and strangers."""

    start: int
    end: int
    times: tuple[int, int] | None
    features: Columns
    strangers: Columns


def skew_of(schema: Schema, reference: Sequence[Profile], looks: Sequence[Look]) -> list[Finding]:
    """What was wrong at some time with what was served, strongest evidence first."""
    found = detect_throughout(Case(schema, reference, looks))
    return sorted(found, key=lambda finding: -finding.evidence)


# Columns in memory.


WORKERS = min(os.cpu_count() or 1, 4)
"""Threads that profile pieces: numpy lets others run while it sorts."""


def series_of_columns(schema: Schema, columns: Columns, workers: int = WORKERS) -> list[Profile]:
    """A reference out of columns in memory, in the order of their rows."""
    pieces = list(_pieces_of_columns(columns, part_length(_height(columns), CHUNKS, FEWEST_IN_CHUNK)))
    return list(_spread(lambda piece: _profile(schema, piece), pieces, workers))


def looks_of_columns(schema: Schema, columns: Columns) -> list[Look]:
    """Looks at columns in memory, in the order of their rows."""
    pieces = list(_pieces_of_columns(columns, part_length(_height(columns), LOOKS, FEWEST_IN_LOOK)))
    return list(_spread(lambda piece: _look(schema, piece), pieces))


def _height(columns: Columns) -> int:
    return len(next(iter(columns.values())))


def _pieces_of_columns(columns: Columns, rows: int) -> Iterator[Piece]:
    height = _height(columns)
    for start in range(0, height, rows):
        end = min(start + rows, height)
        yield Piece(start, end, None, {name: values[start:end] for name, values in columns.items()}, {})


# Files.


def series_of_file(
    path: Path,
    schema: Schema,
    time_column: str | None = None,
    on_progress: Progress = lambda done, total: None,  # noqa: ARG005 - a Progress
) -> list[Profile]:
    """A reference out of a file, in its order or that of a column.

    Raises:
        Invalid: it cannot be read, has no rows, or lacks columns.
    """
    with connect() as connection:
        file = _File(connection, path, schema, time_column)
        file.require()
        rows = part_length(file.rows, CHUNKS, FEWEST_IN_CHUNK)
        profiles = _spread(lambda piece: (piece.end, _profile(schema, piece)), file.pieces(rows, {}))
        return [Profile.merged(group) for group in _groups(profiles, rows, lambda done: on_progress(done, file.rows))]


def looks_of_file(
    path: Path,
    schema: Schema,
    known: Iterable[str],
    time_column: str | None = None,
    on_progress: Progress = lambda done, total: None,  # noqa: ARG005 - a Progress
) -> list[Look]:
    """Looks at the rows of a file, in its order or that of a column. Columns that are neither features nor known are strangers.

    A feature without a column is missing from every row. Rows that have no times count from 0, one to the nanosecond.

    Raises:
        Invalid: it cannot be read, has no rows, or not the column of times.
    """
    with connect() as connection:
        file = _File(connection, path, schema, time_column)
        rows = part_length(file.rows, LOOKS, FEWEST_IN_LOOK)
        strangers = {name: kind for name, kind in file.columns.items() if name not in {*known, *file.names.values()}}
        looks = []
        for piece, look in _spread(lambda piece: (piece, _look(schema, piece)), file.pieces(rows, strangers)):
            looks.append(look)
            on_progress(piece.end, file.rows)
        return looks


def columns_of_file(path: Path) -> list[str]:
    """The columns of a file.

    Raises:
        Invalid: it cannot be read.
    """
    with connect() as connection:
        return list(columns_of(connection, reader_of(path), path))


def connect() -> duckdb.DuckDBPyConnection:
    """A connection for reading files, which does not draw bars over what is printed."""
    connection = duckdb.connect()
    connection.execute("SET enable_progress_bar = false")
    return connection


class _File:
    """A file that is read piece by piece; `names` are the features that it has, each with the column that holds it."""

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, path: Path, schema: Schema, time_column: str | None
    ) -> None:
        self._connection, self._path, self._schema, self._time = connection, path, schema, time_column
        self._reader = reader_of(path)
        self.columns = columns_of(connection, self._reader, path)
        self.rows = count_of(connection, self._reader, path)
        if time_column is not None and time_column not in self.columns:
            has = f"the file has: {', '.join(self.columns)}"
            raise Invalid([Problem(pointer(time_column), f"{path} has no such column to order by; {has}")])
        self.names: dict[str, str] = {}
        for name, feature in schema.features.items():
            found = next((column for column in (name, *feature.aliases) if column in self.columns), None)
            if found is not None:
                self.names[name] = found

    def require(self) -> None:
        """Make sure that the file has what a row must have.

        Raises:
            Invalid: it lacks columns; the problems name each.
        """
        missing = [
            name for name, feature in self._schema.features.items() if feature.required and name not in self.names
        ]
        require(self._path, missing, self.columns)

    def pieces(self, rows: int, strangers: Mapping[str, str]) -> Iterator[Piece]:
        """The rows in pieces of so many, or fewer if the file is wide."""
        features = {name: self._schema.features[name] for name in self.names}
        selected = [
            cast(quoted(self.names[name]), feature, self.columns[self.names[name]])
            for name, feature in features.items()
        ]
        selected += [_read_stranger(quoted(name), kind) for name, kind in strangers.items()]
        timed = self._time is not None and self.columns[self._time] not in _NO_TIMES
        if self._time is not None:
            selected.append(f"epoch_ns(TRY_CAST({quoted(self._time)} AS TIMESTAMP))" if timed else "NULL::BIGINT")
        ordered = f" ORDER BY {in_time(quoted(self._time), self.columns[self._time])}" if self._time is not None else ""
        named = ", ".join(f"{expression} AS c{number}" for number, expression in enumerate(selected)) or "1 AS c0"
        start = 0
        try:
            query = f"SELECT {named} FROM {self._reader}{ordered}"
            found = self._connection.cursor().sql(query, params=[str(self._path)])
            size = max(1, min(rows, MOST_CELLS // max(len(selected), 1)))
            for batch in found.to_arrow_reader(size) or ():
                read = iter(batch.columns)
                piece_features = {name: _array(next(read), feature) for name, feature in features.items()}
                piece_strangers = {name: _array(next(read), None) for name in strangers}
                times = _ends(next(read)) if timed else None
                yield Piece(start, start + batch.num_rows, times, piece_features, piece_strangers)
                start += batch.num_rows
        except duckdb.Error as error:
            raise unreadable(self._path, error) from None


_NO_TIMES = frozenset({"DOUBLE", "FLOAT", "BIGINT", "INTEGER", "SMALLINT", "TINYINT", "HUGEINT", "UBIGINT", "UINTEGER"})
"""Types of columns by which one can order, and which are no times."""


def _read_stranger(column: str, kind: str) -> str:
    """The expression that reads a column that no schema declares, as a request would hold its values."""
    if kind == "VARCHAR":
        return column
    number = kind in _NO_TIMES or kind.startswith(("DECIMAL", "U"))
    return f"CAST({column} AS DOUBLE)" if number else column if kind == "BOOLEAN" else f"CAST({column} AS VARCHAR)"


def _array(column: Any, feature: AnyFeature | None) -> NDArray[Any]:
    """A column of Arrow as an array, null masked."""
    values = column.to_numpy(zero_copy_only=False)
    if isinstance(feature, Float | Int):
        if not column.null_count:
            return np.ma.masked_array(values)
        return np.ma.masked_array(values, column.is_null().to_numpy(zero_copy_only=False))
    if isinstance(feature, Bool):
        return np.array([_TRUTH.get(value, value) for value in values], object)
    return np.asarray(column.to_pylist() if feature is None else values, object)


_TRUTH = {"true": True, "false": False}


def _ends(column: Any) -> tuple[int, int] | None:
    """When the rows of a piece begin and end; None if none of them has a time."""
    known = [value for value in (column[0].as_py(), column[len(column) - 1].as_py()) if value is not None]
    return (known[0], known[-1] + 1) if known else None


# Pieces.


def part_length(rows: int, parts: int, fewest: int) -> int:
    """How many rows a part has, of so many parts; of fewer if they would have too few."""
    return max(-(-rows // parts), fewest)


def _profile(schema: Schema, piece: Piece) -> Profile:
    height = piece.end - piece.start
    profile = Profile.of_columns(schema, piece.features or {"": np.zeros(height)})
    if not piece.strangers:
        return profile
    picked = np.unique(np.linspace(0, height - 1, min(HASHED, height)).astype(np.int64))
    return msgspec.structs.replace(
        profile,
        unknown=CategoryCounts.of(dict.fromkeys(piece.strangers, height), profile.unknown.limit),
        unknown_profiles={name: profile_of_column(values[picked].tolist()) for name, values in piece.strangers.items()},
    )


def _look(schema: Schema, piece: Piece) -> Look:
    start, end = piece.times or (piece.start, piece.end)
    return Look(start, end, _profile(schema, piece))


def _groups(
    profiles: Iterable[tuple[int, Profile]], rows: int, on_done: Callable[[int], None]
) -> Iterator[list[Profile]]:
    """Profiles in groups of so many rows; each comes with the row at which it ends."""
    group: list[Profile] = []
    for end, profile in profiles:
        group.append(profile)
        on_done(end)
        if sum(one.rows for one in group) >= rows:
            yield group
            group = []
    if group:
        yield group


def _spread(function: Callable[[T], R], items: Iterable[T], workers: int = WORKERS) -> Iterator[R]:
    """What a function says of each item, in order, on a few threads. Only a few items are taken ahead, since they are large."""
    with ThreadPoolExecutor(workers) as pool:
        waiting: deque[Future[R]] = deque()
        for item in items:
            waiting.append(pool.submit(function, item))
            if len(waiting) > workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()

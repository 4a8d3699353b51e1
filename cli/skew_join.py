"""Served rows beside the training log's rows of the same keys: the exact form of feature skew.

DuckDB joins the two. A key that stands more than once on a side tells nothing for sure of which row belongs to which, so such rows are
counted and left out. Keys may be anybody's name: what is printed of them is a hash.

Numbers are compared as numbers where both sides hold numbers, and all else as text; of a CSV file a column is numbers if all that is in it are.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from cli.addresses import asking, path_of
from cli.api import ControlApi
from cli.profiling import in_time
from cli.tables import NULLS, NUMBERS, columns_of, quoted, reader_of, run
from hyperplan.problems import Invalid, Problem, pointer
from hyperplan.schema import Schema
from hyperplan.skew.pairs import Comparison, Relation, compare_numbers, compare_texts, examples
from hyperplan.skew.words import percent

MOST_SAMPLES = 100_000
"""Samples that are fetched from control."""
PAGE = 1000
"""Samples of one request."""
EXAMPLES = 3
"""Pairs that differ which are shown of each feature."""


class Side(NamedTuple):
    """One side of the join: a file, or rows that are in memory already."""

    path: Path | None
    rows: Sequence[Mapping[str, Any]] = ()


class Example(NamedTuple):
    """A pair that differs. The key is hashed; values of a feature that is personal are left out."""

    key: str
    served: Any
    logged: Any


class FeaturePairs(NamedTuple):
    """A feature over all pairs."""

    feature: str
    comparison: Comparison
    examples: list[Example]


class Joined(NamedTuple):
    """What a join says: how many rows found their partner, how many did not, and each feature that both sides have."""

    pairs: int
    only_served: int
    only_logged: int
    repeated: int
    features: list[FeaturePairs]
    left_out: list[str]


def join(served: Side, log: Path, key: str, schema: Schema | None = None, time_column: str | None = None) -> Joined:
    """Join served rows with those of the training log by a key, and compare each feature that both have.

    `schema` says which columns are features, their units and which are personal; without one they are all columns that both sides
    have. `time_column`, of the log, gives the order in which rows may be late; without one it is the order of the log.

    Raises:
        Invalid: a side cannot be read, lacks the key or the column of times, or no key is on both.
    """
    with duckdb.connect() as connection:
        ours, theirs = _taken(connection, "served", served), _taken(connection, "logged", Side(log))
        _require(key, time_column, ours, theirs)
        features = [
            name
            for name in ours
            if name in theirs and name not in (key, time_column) and (schema is None or name in schema.features)
        ]
        repeated = _pair(connection, key, features, ours, theirs, time_column)
        (pairs,) = _one(connection, "SELECT count(*) FROM pairs")
        only_served, only_logged = (
            _one(connection, f"SELECT count(*) FROM {one} ANTI JOIN {other} USING (key) WHERE key IS NOT NULL")[0]
            for one, other in (("served_once", "logged"), ("logged_once", "served"))
        )
        if not pairs:
            raise Invalid([Problem(pointer(key), "no key of the served rows is in the log; do both write it alike?")])
        compared = [_compared(connection, index, name, schema) for index, name in enumerate(features)]
        left_out = sorted({*ours, *theirs} - {key, time_column or key, *features})
    return Joined(pairs, only_served, only_logged, repeated, compared, left_out)


def _taken(connection: duckdb.DuckDBPyConnection, name: str, side: Side) -> dict[str, str]:
    """Copy a side into a table of the connection; its columns with their types."""
    if side.path is None:
        _load(connection, name, side.rows)
        return {column: kind for column, kind, *_ in connection.execute(f"DESCRIBE {name}_rows").fetchall()}
    reader = reader_of(side.path)
    columns = columns_of(connection, reader, side.path)
    run(connection, f"CREATE TEMP TABLE {name}_rows AS SELECT * FROM {reader}", side.path)
    return columns


def _load(connection: duckdb.DuckDBPyConnection, name: str, rows: Sequence[Mapping[str, Any]]) -> None:
    columns = list(dict.fromkeys(column for row in rows for column in row))
    kinds = [_kind([row.get(column) for row in rows]) for column in columns]
    declared = ", ".join(f"{quoted(column)} {kind}" for column, kind in zip(columns, kinds, strict=True))
    connection.execute(f"CREATE TEMP TABLE {name}_rows ({declared})")
    slots = ", ".join("?" * len(columns))
    connection.executemany(
        f"INSERT INTO {name}_rows VALUES ({slots})",
        [[_stored(row.get(column), kind) for column, kind in zip(columns, kinds, strict=True)] for row in rows],
    )


def _kind(values: Sequence[Any]) -> str:
    known = [value for value in values if value is not None]
    numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in known)
    return "DOUBLE" if known and numbers else "VARCHAR"


def _stored(value: Any, kind: str) -> Any:
    if value is None or kind == "DOUBLE" or isinstance(value, str):
        return value
    return str(value).lower() if isinstance(value, bool) else str(value)


def _require(key: str, time_column: str | None, ours: Mapping[str, str], theirs: Mapping[str, str]) -> None:
    problems = [
        Problem(pointer(name), f"{side} no such column; there is: {', '.join(columns)}")
        for name, side, columns in (
            (key, "the served rows have", ours),
            (key, "the log has", theirs),
            (time_column, "the log has", theirs),
        )
        if name is not None and name not in columns
    ]
    if problems:
        raise Invalid(problems)


def _pair(
    connection: duckdb.DuckDBPyConnection,
    key: str,
    features: Sequence[str],
    ours: Mapping[str, str],
    theirs: Mapping[str, str],
    time_column: str | None,
) -> int:
    """Make the table of pairs, in order; how many rows were left out since their key stands more than once on a side."""
    repeated = 0
    kinds = {"served": ours[key], "logged": theirs[key]}
    order = in_time(quoted(time_column), theirs[time_column]) if time_column else "rowid"
    for side in ("served", "logged"):
        columns = ", ".join(f"{quoted(name)} AS {side}_{index}" for index, name in enumerate(features))
        place = f", row_number() OVER (ORDER BY {order}) AS place" if side == "logged" else ""
        connection.execute(
            f"CREATE TEMP TABLE {side} AS SELECT {_key(quoted(key), kinds[side])} AS key{place}"
            f"{', ' + columns if columns else ''} FROM {side}_rows"
        )
        connection.execute(
            f"CREATE TEMP TABLE {side}_once AS SELECT * FROM {side} WHERE key IS NOT NULL "
            "QUALIFY count(*) OVER (PARTITION BY key) = 1"
        )
        (rows,), (once,) = (_one(connection, f"SELECT count(key) FROM {table}") for table in (side, f"{side}_once"))
        repeated += rows - once
    connection.execute(
        "CREATE TEMP TABLE pairs AS SELECT * FROM served_once JOIN logged_once USING (key) ORDER BY place"
    )
    return repeated


def _key(column: str, kind: str) -> str:
    """A key as text: 7 and 7.0 are one key."""
    text = f"CAST({column} AS VARCHAR)"
    if kind not in ("FLOAT", "DOUBLE"):
        return text
    return f"CASE WHEN {column} = trunc({column}) AND abs({column}) < 1e15 THEN CAST(CAST({column} AS BIGINT) AS VARCHAR) ELSE {text} END"


def _one(connection: duckdb.DuckDBPyConnection, query: str) -> tuple[Any, ...]:
    return connection.execute(query).fetchone() or (0,)


def _compared(connection: duckdb.DuckDBPyConnection, index: int, name: str, schema: Schema | None) -> FeaturePairs:
    feature = schema.features.get(name) if schema else None
    kinds = {column: kind for column, kind, *_ in connection.execute("DESCRIBE pairs").fetchall()}
    sides = [f"{side}_{index}" for side in ("served", "logged")]
    served: Any
    logged: Any
    if all(_holds_numbers(connection, column, kinds[column]) for column in sides):
        served, logged = (_numbers(connection, column, kinds[column]) for column in sides)
        comparison = compare_numbers(served, logged, feature.unit if feature else None)
    else:
        served, logged = (_texts(connection, column) for column in sides)
        comparison = compare_texts(served, logged)
    shown = list(
        _examples(connection, comparison, served, logged, hidden=feature is not None and feature.masking is not None)
    )
    return FeaturePairs(name, comparison, shown)


def _holds_numbers(connection: duckdb.DuckDBPyConnection, column: str, kind: str) -> bool:
    if kind in NUMBERS or kind.startswith("DECIMAL"):
        return True
    if kind != "VARCHAR":
        return False
    known = f"{column} IS NOT NULL AND lower(trim({column})) NOT IN {NULLS}"
    wrong, right, padded = _one(
        connection,
        f"SELECT count(*) FILTER ({known} AND TRY_CAST({column} AS DOUBLE) IS NULL), count(*) FILTER ({known}), "
        f"count(*) FILTER ({known} AND regexp_matches({column}, '^0[0-9]')) FROM pairs",
    )
    return right > 0 and not wrong and not padded  # 01 is a code, and not the same as 1


def _numbers(connection: duckdb.DuckDBPyConnection, column: str, kind: str) -> NDArray[np.float64]:
    cast = "TRY_CAST" if kind == "VARCHAR" else "CAST"
    found = connection.execute(f"SELECT {cast}({column} AS DOUBLE) AS it FROM pairs ORDER BY place").fetchnumpy()
    return np.ma.filled(np.ma.asarray(found["it"], np.float64), np.nan)


def _texts(connection: duckdb.DuckDBPyConnection, column: str) -> NDArray[np.object_]:
    rows = connection.execute(f"SELECT CAST({column} AS VARCHAR) FROM pairs ORDER BY place").fetchall()
    return np.fromiter((value for (value,) in rows), object, len(rows))


def _examples(
    connection: duckdb.DuckDBPyConnection, comparison: Comparison, served: Any, logged: Any, *, hidden: bool
) -> Iterator[Example]:
    for at in examples(comparison.differ, EXAMPLES):
        (key,) = _one(connection, f"SELECT key FROM pairs ORDER BY place LIMIT 1 OFFSET {at}")
        values = ("(personal)", "(personal)") if hidden else (_plain(served[at]), _plain(logged[at]))
        yield Example(hashlib.blake2b(str(key).encode(), digest_size=8).hexdigest(), *values)


def _plain(value: Any) -> Any:
    if isinstance(value, np.floating):
        return None if np.isnan(value) else float(value)
    return value


# Samples that control holds.


def rows_of_samples(api: ControlApi, endpoint: str, since: str) -> list[dict[str, Any]]:
    """The rows of the samples of an endpoint, newest first, at most `MOST_SAMPLES`; each with its prediction's id and entity."""
    rows: list[dict[str, Any]] = []
    seen: set[str] = set()
    until: str | None = None
    while len(seen) < MOST_SAMPLES:
        asked = {"limit": PAGE, "since": since, "until": until}
        page = api.call("GET", asking(f"{path_of(endpoint)}/samples", asked))
        fresh = [sample for sample in page if sample["prediction_id"] not in seen]
        for sample in fresh:
            seen.add(sample["prediction_id"])
            keys = {"prediction_id": sample["prediction_id"], "entity": sample["entity"]}
            rows += [keys | row["values"] for row in sample["rows"]]
        if len(page) < PAGE or not fresh:
            break
        until = page[-1]["time"]
    return rows


# What is printed.


def as_data(joined: Joined) -> dict[str, Any]:
    """A join as JSON has it."""
    return {
        "pairs": joined.pairs,
        "only_served": joined.only_served,
        "only_logged": joined.only_logged,
        "repeated": joined.repeated,
        "left_out": joined.left_out,
        "features": [
            {
                "feature": one.feature,
                "differ": int(one.comparison.differ.sum()),
                "share": one.comparison.share,
                "relation": _relation(one.comparison.relation),
                "sentence": sentence(one),
                "examples": [example._asdict() for example in one.examples],
            }
            for one in joined.features
        ],
    }


def _relation(relation: Relation | None) -> dict[str, Any] | None:
    return None if relation is None else {"name": relation.name, **relation.details}


def sentence(one: FeaturePairs) -> str:
    """What is said of a feature."""
    comparison = one.comparison
    if not comparison.differ.any():
        return f"{one.feature} is equal in every row"
    where = "every row" if comparison.differ.all() else f"{percent(comparison.share)} of the rows"
    if comparison.relation is None:
        return f"{one.feature} differs in {where}, and no relation holds"
    return f"{one.feature} differs in {where}: {comparison.relation.sentence}"


def show(joined: Joined) -> None:
    """Print a join: what was joined, a sentence for each feature, and a few rows that differ."""
    console = Console(soft_wrap=True)
    console.print(
        f"{joined.pairs:,} rows on both sides; {joined.only_served:,} only served, {joined.only_logged:,} only in the log, "
        f"{joined.repeated:,} left out since their key stands more than once",
        highlight=False,
    )
    for one in sorted(joined.features, key=lambda one: -one.comparison.share):
        console.print(f"  {sentence(one)}", highlight=False, markup=False)
        if one.examples:
            table = Table("key", "served", "log", box=None, pad_edge=False, padding=(0, 2, 0, 4))
            for example in one.examples:
                table.add_row(*(escape(str(value)) for value in example))
            console.print(table)

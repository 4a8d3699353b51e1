"""What the columns of a file of training data hold, gathered by DuckDB, and the schema that shows in it.

One pass over the file says the most about all columns; texts of which the first rows show few values are looked at once more, to list
all of them. Nothing is held in memory but what is counted.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import duckdb

from cli.tables import NUMBERS, columns_of, count_of, is_null, quoted, reader_of, run
from hyperplan.problems import Invalid, Problem
from hyperplan.schema import AnyFeature, Schema
from hyperplan.schema.inference import MOST_VALUES, Seen, inferred, unlike

HEAD = 10_000
"""Rows from the start of the file in which distinct values are counted."""

Kind = Literal["number", "bool", "text", "list"]


class Inference(NamedTuple):
    """A schema, and for each column that is no feature the reason."""

    schema: Schema
    left_out: dict[str, str]


def infer_file(path: Path, without: Sequence[str] = ()) -> Inference:
    """Infer the schema of a file's columns, but for those that the caller takes out: labels, keys, times.

    Raises:
        Invalid: the file cannot be read, has no rows, lacks a column that was to be taken out, or has none that is a feature.
    """
    with duckdb.connect() as connection:
        file = _File(connection, path)
        if unknown := [name for name in without if name not in file.columns]:
            has = f"the file has: {', '.join(file.columns)}"
            raise Invalid([Problem("", f"{path} has no column {name!r} to leave out; {has}") for name in unknown])
        return inference(file.inferred(name) for name in file.columns if name not in without)


def inference(found: Iterable[tuple[str, AnyFeature | str]]) -> Inference:
    """The schema of the features that were found, each with its name, or with the reason why it is none.

    Raises:
        Invalid: there is no feature among them.
    """
    features: dict[str, AnyFeature] = {}
    left_out: dict[str, str] = {}
    for name, feature in found:
        if isinstance(feature, str):
            left_out[name] = feature
        elif problem := next(Schema(features={name: feature}).problems(), None):
            left_out[name] = problem.detail
        else:
            features[name] = feature
    if not features:
        raise Invalid(
            [Problem("", f"{name} {why}") for name, why in left_out.items()] or [Problem("", "has no column")]
        )
    return Inference(Schema(features=features), left_out)


class _File:
    """Asks DuckDB three things at most: what can texts be read as, what do the columns hold, which texts are there."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, path: Path) -> None:
        self._connection, self._path, self._reader = connection, path, reader_of(path)
        self.columns = columns_of(connection, self._reader, path)
        self._rows = count_of(connection, self._reader, path)
        self._kinds = {name: _kind_of(column) for name, column in self.columns.items()}
        if "read_csv" in self._reader:
            found = self._ask({name: _readings(quoted(name)) for name in self.columns})
            self._kinds |= {name: _first(reading) for name, reading in found.items()}
        self._values = {name: _value(quoted(name), self._kinds[name], self.columns[name]) for name in self.columns}
        self._facts = self._ask({name: _facts(value, self._kinds[name]) for name, value in self._values.items()})
        self._heads = self._ask({name: _distinct(value) for name, value in self._values.items()}, HEAD)

    def inferred(self, name: str) -> tuple[str, AnyFeature | str]:
        """A column's name, and the feature that it shows."""
        kind, facts, head = self._kinds[name], self._facts[name], self._heads[name]
        seen = Seen(
            kind,
            self.columns[name],
            self._rows,
            nulls=self._rows - facts["present"],
            smallest=facts.get("smallest"),
            largest=facts.get("largest"),
            whole=bool(facts.get("whole")),
            unlike=bool(facts.get("whole")) and unlike(head["distinct"], head["present"]),
            length=facts.get("length"),
            values=self._texts(name) if kind == "text" and head["distinct"] <= MOST_VALUES else None,
        )
        return name, inferred(name, seen)

    def _texts(self, name: str) -> tuple[str, ...]:
        """The distinct texts of a column; one more than a category may have, if there are more."""
        value = self._values[name]
        query = f"SELECT DISTINCT {value} FROM {self._reader} WHERE {value} IS NOT NULL LIMIT {MOST_VALUES + 1}"
        return tuple(text for (text,) in run(self._connection, query, self._path).fetchall())

    def _ask(self, asked: Mapping[str, Mapping[str, str]], rows: int | None = None) -> dict[str, dict[str, Any]]:
        """The values of aggregates of each column, by their names; of the first rows, if only those are meant."""
        table = f"(SELECT * FROM {self._reader} LIMIT {rows})" if rows else self._reader
        expressions = ", ".join(expression for one in asked.values() for expression in one.values())
        found = iter(run(self._connection, f"SELECT {expressions} FROM {table}", self._path).fetchone() or ())
        return {name: {key: next(found) for key in one} for name, one in asked.items()}


def _kind_of(column: str) -> Kind | None:
    """What a column of one of DuckDB's types holds."""
    if column in NUMBERS or column.startswith("DECIMAL"):
        return "number"
    if column.endswith("]"):
        return "list" if _kind_of(column[: column.rindex("[")]) == "number" else None
    if column == "BOOLEAN":
        return "bool"
    return "text" if column in ("VARCHAR", "UUID") or column.startswith("ENUM") else None


def _readings(column: str) -> dict[str, str]:
    """By kind, whether all texts of a column that do not stand for null can be read as it. A code like 007 is no number."""
    number = f"coalesce(isfinite(TRY_CAST({column} AS DOUBLE)), false) AND NOT regexp_matches({column}, '^[+-]?0[0-9]')"
    truth = f"lower(trim({column})) IN ('true', 'false')"
    numbers = f"TRY_CAST({column} AS DOUBLE[]) IS NOT NULL"
    tests = {"number": number, "bool": truth, "list": numbers}
    return {kind: f"bool_and({test}) FILTER (NOT {is_null(column)})" for kind, test in tests.items()}


def _first(readings: Mapping[str, Any]) -> Any:
    return next((kind for kind, passed in readings.items() if passed), "text")


def _value(column: str, kind: Kind | None, declared: str) -> str:
    """A column as values of a kind; null and NaN are null."""
    text = declared == "VARCHAR"
    match kind:
        case "number" if text:
            return f"CASE WHEN NOT {is_null(column)} THEN TRY_CAST({column} AS DOUBLE) END"
        case "number":
            return f"CASE WHEN NOT isnan(CAST({column} AS DOUBLE)) THEN CAST({column} AS DOUBLE) END"
        case "bool" if text:
            return f"CASE WHEN NOT {is_null(column)} THEN {column} END"
        case "list":
            return f"{'TRY_CAST' if text else 'CAST'}({column} AS DOUBLE[])"
        case "text":
            return f"CAST({column} AS VARCHAR)"
        case _:
            return column


def _facts(value: str, kind: Kind | None) -> dict[str, str]:
    """What is asked of all values of a column."""
    facts = {"present": f"count({value})"}
    if kind == "number":
        among = f"FILTER (isfinite({value}))"
        facts |= {"smallest": f"min({value}) {among}", "largest": f"max({value}) {among}"}
        facts["whole"] = f"bool_and({value} = floor({value})) {among}"
    if kind == "list":
        facts |= {"smallest": f"min(list_min({value}))", "largest": f"max(list_max({value}))"}
        # A null in it is not counted, and NaN or an infinity stays in the sum.
        sound = f"bool_and(list_count({value}) = len({value}) AND isfinite(list_sum({value})))"
        facts["length"] = f"CASE WHEN {sound} AND min(len({value})) = max(len({value})) THEN max(len({value})) END"
    return facts


def _distinct(value: str) -> dict[str, str]:
    return {"distinct": f"count(DISTINCT {value})", "present": f"count({value})"}

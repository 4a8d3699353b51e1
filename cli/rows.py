"""The columns of a file as the features of a schema, and its rows as plain JSON values: as a client would have sent them.

What a data frame cannot say is read as a client would say it: NaN is null, and a time is text. Columns of a CSV file are read as the schema
says; a text that cannot be stays a text, and is wrong where a request with it would be.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from cli.tables import NUMBERS, is_null, quoted
from hyperplan.schema import AnyFeature, Bool, Float, Int, NumberList, Schema

Reading = tuple[str, str]
"""Two expressions: the value of a column, and the text that it has instead where it cannot be read as one of the feature's."""


def readings_of(schema: Schema, columns: Mapping[str, str], reader: str) -> dict[str, Reading]:
    """How each column of a file is read that a schema knows, by its name or an alias. `columns` has DuckDB's types."""
    aliases = {alias: name for name, feature in schema.features.items() for alias in feature.aliases}
    owners = aliases | {name: name for name in schema.features}
    return {
        name: _reading(quoted(name), schema.features[owners[name]], columns[name], reader)
        for name in columns
        if name in owners
    }


def rows_of(readings: Mapping[str, Reading], fetched: Sequence[tuple[Any, ...]]) -> Iterator[dict[str, Any]]:
    """Rows as plain JSON values, out of tuples with two cells for each column, and whatever stands behind them."""
    for cells in fetched:
        values = iter(cells)
        yield {
            name: value if text is None else text for name, value, text in zip(readings, values, values, strict=False)
        }


def plain(column: str, declared: str) -> str:
    """A typed column as JSON has it."""
    if declared in ("FLOAT", "DOUBLE"):
        return f"CASE WHEN NOT isnan({column}) THEN {column} END"
    if declared.startswith("DECIMAL"):
        return f"CAST({column} AS {'DOUBLE[]' if declared.endswith(']') else 'DOUBLE'})"
    if declared in NUMBERS or declared == "BOOLEAN" or declared.endswith("]") or declared.startswith(("STRUCT", "MAP")):
        return column
    return f"CAST({column} AS VARCHAR)"


def _reading(column: str, feature: AnyFeature, declared: str, reader: str) -> Reading:
    if "read_csv" not in reader:
        return plain(column, declared), "NULL"
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

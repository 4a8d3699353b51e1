"""The tables of the store: one description of each, for queries and for rows that go in.

Queries are ibis expressions over `StoredTable.query`, and rows go in as Arrow tables of `StoredTable.rows`; so neither knows which
database is behind. Importing ibis takes a good part of a second, so it is imported at the first query.
"""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, NamedTuple

import pyarrow as pa

_ARROW = {
    "int64": pa.int64(),
    "float64": pa.float64(),
    "string": pa.string(),
    "binary": pa.binary(),
    "boolean": pa.bool_(),
}


class Column(NamedTuple):
    """A column: its ibis type, and whether it may be null."""

    type: str
    nullable: bool = False


class StoredTable:
    """A table: its name, its columns, and those of them that tell its rows apart.

    `looked_up` is the column by whose values single rows are looked for among all there are (`Reader.having`).
    """

    def __init__(
        self, name: str, key: tuple[str, ...], columns: Mapping[str, Column], looked_up: str | None = None
    ) -> None:
        self.name = name
        self.key = key
        self.columns = columns
        self.looked_up = looked_up

    @cached_property
    def query(self) -> Any:
        """The table as an ibis expression."""
        import ibis

        types = {name: column.type if column.nullable else f"!{column.type}" for name, column in self.columns.items()}
        return ibis.table(types, name=self.name)

    @cached_property
    def _schema(self) -> pa.Schema:
        return pa.schema([pa.field(name, _ARROW[column.type]) for name, column in self.columns.items()])

    def rows(self, columns: Mapping[str, Sequence[Any]]) -> pa.Table:
        """Rows to put in, from the values of each column."""
        arrays = [pa.array(columns[field.name], field.type) for field in self._schema]
        return pa.Table.from_arrays(arrays, schema=self._schema)


_INT, _FLOAT, _TEXT, _BYTES = Column("int64"), Column("float64"), Column("string"), Column("binary")
_INT_OR_NULL, _FLOAT_OR_NULL, _TEXT_OR_NULL = Column("int64", True), Column("float64", True), Column("string", True)

SAMPLES = StoredTable(
    "samples",
    ("endpoint", "time", "prediction_id"),
    {
        "time": _INT,
        "endpoint": _TEXT,
        "prediction_id": _TEXT,
        "plan": _INT,
        "revision": _INT,
        "schema_version": _TEXT,
        "entity": _TEXT_OR_NULL,
        "chosen": _TEXT_OR_NULL,
        "answered": _TEXT_OR_NULL,
        "attempts": _INT_OR_NULL,
        "propensity": _FLOAT_OR_NULL,
        "inclusion": _FLOAT,
        "status": _INT_OR_NULL,
        "latency": _FLOAT_OR_NULL,
        "rejected": Column("boolean"),
        "flaw": _TEXT_OR_NULL,
        "rows_seen": _INT,
        "n_violations": _INT,
        "body": _BYTES,
        "forced": Column("boolean"),
    },
    looked_up="prediction_id",
)
SHADOWS = StoredTable(
    "shadows",
    ("endpoint", "time", "prediction_id", "model"),
    {
        "time": _INT,
        "endpoint": _TEXT,
        "prediction_id": _TEXT,
        "model": _TEXT,
        "revision": _INT,
        "inclusion": _FLOAT,
        "status": _INT_OR_NULL,
        "latency": _FLOAT_OR_NULL,
        "failure": _TEXT_OR_NULL,
        "body": _BYTES,
    },
    looked_up="prediction_id",
)
FEEDBACK = StoredTable(
    "feedback",
    ("endpoint", "time", "subject", "place"),
    {
        "time": _INT,
        "endpoint": _TEXT,
        "subject": _TEXT,
        "place": _TEXT,
        "lost": Column("boolean"),
        "row_index": _INT,
        "entity": _TEXT_OR_NULL,
        "predicted_at": _INT_OR_NULL,
        "tolerance": _INT,
        "label": _FLOAT_OR_NULL,
        "class": _TEXT_OR_NULL,
        "reward": _FLOAT_OR_NULL,
        "labelled_at": _INT,
        "revision": _INT,
        "source": _TEXT,
    },
    looked_up="subject",
)
"""`time` is when it was received. `subject` is the prediction id or, where that is `lost`, the entity; `place` tells what is about the same subject apart."""
FORGOTTEN = StoredTable(
    "forgotten",
    ("endpoint", "time", "subject"),
    {"time": _INT, "endpoint": _TEXT, "subject": _TEXT},
    looked_up="subject",
)
"""Tombstones: `subject` is a hash of an entity or of the id of a prediction, `time` when it was forgotten."""
WINDOWS = StoredTable(
    "windows",
    ("endpoint", "start", "id", "model"),
    {
        "endpoint": _TEXT,
        "model": _TEXT,
        "arm": _TEXT,
        "slice": _TEXT,
        "start": _INT,
        "inclusion": _FLOAT,
        "width": _INT,
        "profile": _BYTES,
        "id": _TEXT,
        "parts": _INT,
    },
)
"""`id` tells rows apart that have all else in common, and `parts` says from how many rows one was merged."""
COUNTER_STATES = StoredTable(
    "counter_states",
    ("series", "instance", "start"),
    {"series": _TEXT, "instance": _TEXT, "start": _INT, "value": _INT},
)
COUNTER_INCREMENTS = StoredTable(
    "counter_increments",
    ("endpoint", "bucket", "id"),
    {
        "metric": _TEXT,
        "endpoint": _TEXT,
        "label": _TEXT,
        "kind": _TEXT,
        "bucket": _INT,
        "increment": _INT,
        "id": _TEXT,
        "parts": _INT,
    },
)
REFERENCES = StoredTable("model_references", ("endpoint", "model"), {"endpoint": _TEXT, "model": _TEXT, "body": _BYTES})

TABLES = (SAMPLES, SHADOWS, FEEDBACK, FORGOTTEN, WINDOWS, COUNTER_STATES, COUNTER_INCREMENTS, REFERENCES)

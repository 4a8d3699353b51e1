"""Training data out of the store: the rows of samples as they were served, in columns typed by the endpoint's schema.

A row of a request is a row here, in the order of time and prediction id, and read in pages by that same order; so the same question
over the same samples gives the same batches, and a stream of them takes no more memory than a page.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import msgspec
import pyarrow as pa

from control.stores.databases import Database
from control.stores.tables import SAMPLES
from control.stores.texts import storable_text
from hyperplan.sample import ObservedRow, Sample
from hyperplan.schema import Bool, Feature, Float, Int, NumberList, Schema

PAGE = 10_000
"""Samples that are read at once."""
PREFIX = "hyperplan_"
"""What columns are called that are no features begin with this."""


class Wanted(NamedTuple):
    """Which samples. Times in nanoseconds since 1970, `until` exclusive."""

    endpoint: str
    since: int
    until: int


def columns_of(schema: Schema) -> pa.Schema:
    """The columns of an export: what is known of the request, then the features under their names."""
    about = [pa.field(PREFIX + name, kind) for name, kind, _ in _ABOUT]
    features = [pa.field(name, _reading(feature).type) for name, feature in schema.features.items()]
    return pa.schema([*about, *features])


def export(database: Database, schema: Schema, wanted: Wanted) -> Iterator[pa.RecordBatch]:
    """The rows of the samples, a batch for each page.

    A value that is none of its feature's type is null, as is one that is missing: `hyperplan_violations` counts what was wrong with
    the request.

    Raises:
        Unavailable: the database failed.
    """
    columns = columns_of(schema)
    readings = {name: _reading(feature).read for name, feature in schema.features.items()}
    for samples in _pages(database, wanted):
        rows = [_Row(sample, index, row) for sample in samples for index, row in enumerate(sample.rows)]
        about = [pa.array([read(row) for row in rows], kind) for _, kind, read in _ABOUT]
        features = [
            pa.array([read(row.observed.values.get(name)) for row in rows], columns.field(name).type)
            for name, read in readings.items()
        ]
        yield pa.RecordBatch.from_arrays([*about, *features], schema=columns)


def _pages(database: Database, wanted: Wanted) -> Iterator[Sequence[Sample]]:
    table = SAMPLES.query
    asked = table.filter(
        table.endpoint == storable_text(wanted.endpoint), table.time >= wanted.since, table.time < wanted.until
    )
    page = asked
    while True:
        query = page.order_by("time", "prediction_id").limit(PAGE).select("time", "prediction_id", "body")
        with database.reading() as reader:
            found = reader.rows(query)
        if found:
            yield [Sample.decode(body) for _, _, body in found]
        if len(found) < PAGE:
            return
        time, last, _ = found[-1]
        page = asked.filter(table.time >= time, (table.time > time) | (table.prediction_id > last))


class _Row(NamedTuple):
    sample: Sample
    number: int
    observed: ObservedRow

    @property
    def prediction(self) -> str | None:
        """What was answered for this row, as JSON; None if nothing was, or not for each row something."""
        predictions = self.sample.predictions
        if len(predictions) != self.sample.rows_seen or self.number >= len(predictions):
            return None
        try:
            return msgspec.json.encode(predictions[self.number]).decode()
        except (UnicodeEncodeError, TypeError):
            return json.dumps(predictions[self.number], default=repr)


_ABOUT: tuple[tuple[str, pa.DataType, Callable[[_Row], Any]], ...] = (
    ("time", pa.timestamp("ns", "UTC"), lambda row: row.sample.time),
    ("prediction_id", pa.string(), lambda row: storable_text(row.sample.prediction_id)),
    ("row", pa.int64(), lambda row: row.number),
    ("revision", pa.int64(), lambda row: row.sample.revision),
    ("schema_version", pa.string(), lambda row: storable_text(row.sample.schema_version)),
    ("entity", pa.string(), lambda row: _text(row.sample.entity)),
    ("chosen", pa.string(), lambda row: _text(row.sample.chosen)),
    ("answered", pa.string(), lambda row: _text(row.sample.answered)),
    ("propensity", pa.float64(), lambda row: row.sample.propensity),
    ("forced", pa.bool_(), lambda row: row.sample.forced),
    ("inclusion", pa.float64(), lambda row: row.sample.inclusion),
    ("status", pa.int64(), lambda row: row.sample.status),
    ("rejected", pa.bool_(), lambda row: row.sample.rejected),
    ("violations", pa.int64(), lambda row: len(row.sample.violations)),
    ("prediction", pa.string(), lambda row: row.prediction),
)
"""What is said of each row besides its features."""


class _Reading(NamedTuple):
    """How the values of a feature become those of a column."""

    type: pa.DataType
    read: Callable[[Any], Any]


def _reading(feature: Feature) -> _Reading:
    match feature:
        case Float():
            return _Reading(pa.float64(), _float)
        case Int():
            return _Reading(pa.int64(), _int)
        case Bool():
            return _Reading(pa.bool_(), lambda value: value if isinstance(value, bool) else None)
        case NumberList():
            return _Reading(pa.list_(pa.float64()), _floats)
        case _:
            return _Reading(pa.string(), _text)


def _float(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _int(value: Any) -> int | None:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    whole = isinstance(value, int) and not isinstance(value, bool)
    return value if whole and -(1 << 63) <= value < 1 << 63 else None


def _floats(value: Any) -> list[float | None] | None:
    return [_float(item) for item in value] if isinstance(value, list) else None


def _text(value: Any) -> str | None:
    return storable_text(value) if isinstance(value, str) else None

"""Training data out of the store: the rows of samples as they were served, in columns typed by the endpoint's schema, with the truth about each.

A row of a request is a row here, in the order of time and prediction id, and read in pages by that same order; so the same question
over the same samples gives the same batches, and a stream of them takes no more memory than a page with its feedback.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import msgspec
import pyarrow as pa

from control.stores.databases import Database
from control.stores.feedback import Feedbacks
from control.stores.tables import SAMPLES
from control.stores.texts import storable_text
from hyperplan.comparison.readings import THRESHOLD, reader
from hyperplan.endpoint import Endpoint, Task
from hyperplan.feedback import Feedback
from hyperplan.privacy import shown_schema
from hyperplan.sample import ObservedRow, Sample
from hyperplan.schema import Bool, Feature, Float, Int, NumberList, Schema

PAGE = 10_000
"""Samples that are read at once, at most."""
FIRST_PAGE = 1_000
"""Samples that are read at once before it is known how large they are."""
PAGE_BYTES = 32 << 20
"""Bytes of encoded samples that a page should have, by the size of those of the page before."""
EVER = 1 << 62
"""Later than any feedback."""
PREFIX = "hyperplan_"
"""What columns are called that are no features begin with this."""


class Wanted(NamedTuple):
    """Which samples, and with which feedback. Times in nanoseconds since 1970, `until` exclusive.

    Feedback that was known, or told to Hyperplan, after `as_of` is as if it were not there. `labelled` leaves out rows that have none.
    """

    endpoint: str
    since: int
    until: int
    labelled: bool = False
    as_of: int = EVER


def columns_of(endpoint: Endpoint) -> pa.Schema:
    """The columns of an export: what is known of the request, the truth, then the features under their names.

    Each column of a feature says in its metadata what the schema says of it (type, unit, source, all of it as JSON) and which version of the schema that
    is; the whole says the endpoint, its task and its schema.
    """
    schema = endpoint.schema
    about = [pa.field(PREFIX + name, kind) for name, kind, _ in _columns(endpoint.task)]
    features = [
        pa.field(name, _reading(feature).type, metadata=_metadata(schema, schema.features[name]))
        for name, feature in shown_schema(schema).features.items()
    ]
    whole = {
        "hyperplan.endpoint": endpoint.name,
        "hyperplan.task": endpoint.task,
        "hyperplan.schema_version": schema.version(),
        "hyperplan.schema": _json(schema),
    }
    return pa.schema([*about, *features], whole)


def _metadata(schema: Schema, feature: Feature) -> dict[str, str]:
    said = {"type": str(feature.__struct_config__.tag), "unit": feature.unit, "source": feature.source}
    known = {name: value for name, value in said.items() if value is not None}
    known |= {"feature": _json(feature), "schema_version": schema.version()}
    return {f"hyperplan.{name}": value for name, value in known.items()}


def _json(value: Any) -> str:
    return msgspec.json.encode(value, order="deterministic").decode()


def export(database: Database, endpoint: Endpoint, wanted: Wanted) -> Iterator[pa.RecordBatch]:
    """The rows of the samples, a batch for each page.

    A value that is none of its feature's type is null, as is one that is missing: `hyperplan_violations` counts what was wrong with
    the request.

    Raises:
        Unavailable: the database failed.
    """
    columns = columns_of(endpoint)
    readings = {name: _reading(feature).read for name, feature in shown_schema(endpoint.schema).features.items()}
    feedbacks = Feedbacks(database)
    for samples in _pages(database, wanted):
        told = feedbacks.newest_of(wanted.endpoint, samples, wanted.as_of)
        rows = [
            row for sample in samples for row in _rows_of(sample, told) if row.truth is not None or not wanted.labelled
        ]
        about = [pa.array([read(row) for row in rows], kind) for _, kind, read in _columns(endpoint.task)]
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
    page, size = asked, min(FIRST_PAGE, PAGE)
    while True:
        with database.reading() as asking:
            # Without an end the database would sort all that follows, bodies and all, for each page anew.
            end = asking.rows(page.order_by("time").select("time").limit(1, offset=size - 1))
            bounded = page.filter(page.time <= end[0][0]) if end else page
            query = bounded.order_by("time", "prediction_id").limit(size).select("time", "prediction_id", "body")
            found = asking.rows(query)
        if found:
            yield [Sample.decode(body) for _, _, body in found]
        if len(found) < size:
            return
        time, last, _ = found[-1]
        page = asked.filter(table.time >= time, (table.time > time) | (table.prediction_id > last))
        size = max(1, min(PAGE, PAGE_BYTES * len(found) // sum(len(body) for _, _, body in found)))


def _rows_of(sample: Sample, told: dict[tuple[str, int], Feedback]) -> Iterator["_Row"]:
    name = storable_text(sample.prediction_id)
    for number, observed in enumerate(sample.rows):
        yield _Row(sample, number, observed, told.get((name, number)))


class _Row(NamedTuple):
    sample: Sample
    number: int
    observed: ObservedRow
    truth: Feedback | None

    @property
    def predicted(self) -> Any:
        """What was answered for this row; None if nothing was, or not for each row something."""
        predictions = self.sample.predictions
        there = len(predictions) == self.sample.rows_seen and self.number < len(predictions)
        return predictions[self.number] if there else None

    @property
    def prediction(self) -> str | None:
        """What was answered for this row, as JSON."""
        if self.predicted is None:
            return None
        try:
            return msgspec.json.encode(self.predicted).decode()
        except (UnicodeEncodeError, TypeError):
            return json.dumps(self.predicted, default=repr)


_TIME = pa.timestamp("ns", "UTC")
_ABOUT: tuple[tuple[str, pa.DataType, Callable[[_Row], Any]], ...] = (
    ("time", _TIME, lambda row: row.sample.time),
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
"""What is said of each row besides its features and the truth."""


def _columns(task: Task) -> tuple[tuple[str, pa.DataType, Callable[[_Row], Any]], ...]:
    """What is said of each row besides its features: a label has the type of the task."""
    read = reader(task, THRESHOLD)

    def score(row: _Row) -> float | None:
        reading = read(row.predicted)
        return (
            max(reading.numbers)
            if reading and reading.numbers and (task == "multiclass" or len(reading.numbers) == 1)
            else None
        )

    def label(row: _Row) -> Any:
        value = row.truth.label if row.truth else None
        return int(value) if task == "binary" and isinstance(value, float) else value

    kinds = {"binary": pa.int64(), "regression": pa.float64(), "multiclass": pa.string()}
    return (
        *_ABOUT,
        ("score", pa.float64(), score),
        ("label", kinds[task], label),
        ("reward", pa.float64(), lambda row: row.truth.reward if row.truth else None),
        ("labelled_at", _TIME, lambda row: row.truth.time if row.truth else None),
        ("told_at", _TIME, lambda row: row.truth.received if row.truth else None),
        ("label_revision", pa.int64(), lambda row: row.truth.revision if row.truth else None),
    )


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

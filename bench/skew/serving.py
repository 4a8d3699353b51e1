"""From rows to looks, and what detectors say of them: the way that data takes in control, without control.

A look is a hundred rows. Detectors are shown the looks of the last rows, as control shows them those of the last hours, and are asked
anew after each.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.skew.data import Columns, DataSet
from cli.skewing import series_of_columns
from hyperplan.alerts import Alert, Event, Found, Observation, Policy, State, lasting, rows_since, step
from hyperplan.profile import Profile
from hyperplan.sample import Sample, observe_rows
from hyperplan.schema import Schema
from hyperplan.skew.case import Case, Look
from hyperplan.skew.detect import detect
from hyperplan.skew.finding import Finding

LOOK = 100
"""Rows of a look."""
SHOWN = 50
"""Looks that detectors are shown: the last 5,000 rows."""


def taken(columns: Columns, rows: slice | NDArray[np.int64]) -> Columns:
    """Some of the rows."""
    return {name: values[rows] for name, values in columns.items()}


def joined(parts: Sequence[Columns]) -> Columns:
    """Columns one after the other; they must have the same names."""
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def height(columns: Columns) -> int:
    """How many rows columns have."""
    return len(next(iter(columns.values())))


def reference_of(schema: Schema, columns: Columns) -> list[Profile]:
    """The profiles of training data, in its order, as `hyperplan skew` makes them."""
    return series_of_columns(schema, columns, workers=1)


def training_of(data: DataSet) -> list[Profile]:
    """The reference of a data set: its older part."""
    return reference_of(data.schema, taken(data.columns, slice(0, data.split)))


def look_of(schema: Schema, columns: Columns, number: int, times: NDArray[np.int64] | None = None) -> Look:
    """Rows as the look of that number. Without times a row takes a second."""
    start, end = number * LOOK * 10**9, (number + 1) * LOOK * 10**9
    if times is not None and len(times):
        start, end = int(times[0]), int(times[-1]) + 1
    return Look(start, end, Profile.of_columns(schema, columns))


def looks_of(schema: Schema, columns: Columns, times: NDArray[np.int64] | None = None, first: int = 0) -> list[Look]:
    """Rows as looks, a hundred each; what is left over at the end is left out."""
    found = []
    for number in range(height(columns) // LOOK):
        rows = slice(number * LOOK, (number + 1) * LOOK)
        found.append(look_of(schema, taken(columns, rows), first + number, None if times is None else times[rows]))
    return found


def requested(schema: Schema, rows: Sequence[Mapping[str, Any]], number: int) -> Look:
    """Rows as they stand in requests, as a look: fields that the schema does not know come as hashes."""
    start, end = number * LOOK * 10**9, (number + 1) * LOOK * 10**9
    sample = Sample(
        prediction_id=str(number),
        time=start,
        endpoint="bench",
        plan=1,
        revision=1,
        schema_version=schema.version(),
        inclusion=1.0,
        rows=observe_rows(schema, rows),
        rows_seen=len(rows),
    )
    return Look(start, end, Profile.of_samples(schema, [sample]))


def as_requests(columns: Columns) -> list[dict[str, Any]]:
    """Rows as requests hold them: numbers, texts and null."""
    lists = [values.tolist() for values in columns.values()]
    return [
        {name: None if value != value else value for name, value in zip(columns, row, strict=True)}
        for row in zip(*lists, strict=True)
    ]


class Answer(NamedTuple):
    """What a look says: everything that is found, and what there is to tell of it."""

    found: tuple[Finding, ...]
    events: tuple[Event, ...]


class Watch:
    """Detectors and alerts of one endpoint with one model, as control runs them, shown look after look.

    Control keeps six hours of looks, which here is `shown` of them; what was found is taken to be over when the newest rows no longer
    show it, and alerts open and end with its hysteresis.
    """

    MODEL = "model@1"

    def __init__(self, schema: Schema, reference: Sequence[Profile], shown: int = SHOWN) -> None:
        self._case = Case(schema, reference, ())
        self._shown = shown
        self._held: list[Look] = []
        self._policy = Policy.of_looks(LOOK * 10**9)
        self._known: dict[str, Alert] = {}

    def remember(self, looks: Iterable[Look]) -> None:
        """Show looks without asking."""
        self._held = [*self._held, *looks][-self._shown :]

    def ask(self, look: Look) -> Answer:
        """Show a look, and ask what is wrong now and what there is to tell."""
        self.remember([look])
        case = self._case = self._case.showing(self._held)
        found = detect(case)
        return Answer(tuple(found), self._told(case, found))

    def stands(self) -> set[tuple[str, str]]:
        """The features and findings that open alerts hold: told, or to be told with the next news of an alert that was told just before."""
        return {
            (each.finding.feature, each.finding.finding)
            for alert in self._known.values()
            for each in alert.sightings
            if alert.state is State.OPEN and alert.told and each.held >= self._policy.hold
        }

    def _told(self, case: Case, found: Sequence[Finding]) -> tuple[Event, ...]:
        now = case.looks[-1].end
        still = lasting(case, found, self._enough(), detect)
        seen = Observation(
            endpoint="bench",
            schema=case.schema,
            models=frozenset({self.MODEL}),
            looked={self.MODEL: now},
            found=[Found(self.MODEL, one, rows_since(case, one)) for one in still],
        )
        taken = step(self._known.values(), seen, now, self._policy)
        self._known |= {alert.id: alert for alert in taken.alerts}
        self._known = {name: alert for name, alert in self._known.items() if alert.state is not State.FORGOTTEN}
        return taken.events

    def _enough(self) -> dict[str, int]:
        """In how many rows something was first seen that is not over, by feature."""
        fewest: dict[str, int] = {}
        for alert in self._known.values():
            for feature, rows in alert.enough.get(self.MODEL, {}).items():
                fewest[feature] = min(rows, fewest.get(feature, rows))
        return fewest


def opens(event: Event) -> bool:
    """Whether an event is an alert that was not there before."""
    return event.kind in ("opened", "reopened")

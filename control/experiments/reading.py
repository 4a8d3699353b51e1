"""What a look at an experiment needs: the revisions of its endpoint, and its labelled predictions as rows of units.

Predictions are read in parts of time, the newest first, and made into rows part by part: a row is 60 bytes, a prediction as it comes from the store is thousands. Parts get longer or shorter so that each
brings some ten thousand rows, however many come in an hour.
"""

import math
from collections.abc import Callable, Iterator
from typing import NamedTuple

from control.registry import NoSuchEndpoint, Registry
from control.stores import Store
from hyperplan.experiments.design import Experiment
from hyperplan.experiments.judge import rows_in
from hyperplan.experiments.running import Revised, Running, running
from hyperplan.experiments.units import Rows, joined

SECOND = 10**9
PAGE = 50
"""Revisions that are read at a time."""
FIRST_PART = 600 * SECOND
SHORTEST_PART = SECOND
FEW, MANY = 5_000, 20_000
"""Rows of a part below which the next is twice as long, and above which it is half as long."""


class Asked(NamedTuple):
    """Predictions of a range of time, in nanoseconds since 1970; of more than `most` about so many, the newest."""

    since: int
    until: int
    most: float = math.inf


class Stopped(Exception):
    """Reading was told to stop between two parts."""


def running_in(registry: Registry, name: str) -> Running | None:
    """The experiment of an endpoint that runs now; None if there is none, or no such endpoint."""
    return running(_history(registry, name))


def _history(registry: Registry, name: str) -> Iterator[Revised]:
    before: int | None = None
    while True:
        try:
            page = registry.history(name, limit=PAGE, before=before)
        except NoSuchEndpoint:
            return
        for entry in page:
            yield Revised(entry.number, round(entry.created_at.timestamp() * 1e6) * 1000, entry.endpoint)
        if len(page) < PAGE:
            return
        before = page[-1].number


def read_rows(
    store: Store, name: str, design: Experiment, asked: Asked, going_on: Callable[[], bool] = lambda: True
) -> tuple[Rows, int]:
    """The labelled predictions of an endpoint, as rows of units, and since when these are all: later than asked for if there are more than wanted.

    Raises:
        LookupError: there is no such endpoint.
        Stopped: `going_on` said so.
    """
    parts: list[Rows] = []
    read = 0
    end, length = asked.until, FIRST_PART
    while not parts or (end > asked.since and read < asked.most):
        if not going_on():
            raise Stopped
        start = max(end - length, asked.since)
        rows = rows_in(store.labelled(name, start, end), design)
        parts.append(rows)
        read += len(rows.time)
        end = start
        if len(rows.time) < FEW:
            length *= 2
        elif len(rows.time) > MANY:
            length = max(length // 2, SHORTEST_PART)
    return joined(parts), end

"""What shadows answered, and the samples that it is joined to.

A shadow's answer may come before the sample of its request or after it, so the two are joined when they are asked for, by the
prediction id.
"""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import duckdb

from control.stores.database import Database
from control.stores.resent import RETRY_SPAN, unseen
from control.stores.samples import LATEST
from control.stores.texts import optional_text, storable_text
from hyperplan.comparison import Half, Pair
from hyperplan.sample import Sample
from hyperplan.shadow import ShadowSample

SMALLEST_INCLUSION = 1e-9
"""An answer that stands for more requests than 1 / this is none that a sidecar sent."""
JOIN_SPAN = RETRY_SPAN
"""Nanoseconds between the times of a request and of its copy; partners are looked for no farther away."""


class Shadowed(NamedTuple):
    """Which answers are asked about. Times in nanoseconds since 1970, `until` exclusive."""

    endpoint: str
    model: str
    since: int
    until: int


class Answered(NamedTuple):
    """A pair, and who answered the client; None for nobody."""

    by: str | None
    pair: Pair


class Failure(NamedTuple):
    """A way in which a shadow failed, and how many of its answers did so."""

    status: int | None
    failure: str | None
    answers: int


class Shadows:
    """The table of what shadows answered."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @staticmethod
    def new(cursor: duckdb.DuckDBPyConnection, answers: Sequence[ShadowSample]) -> list[ShadowSample]:
        """Those that are not in the table yet, each once."""
        return unseen(cursor, "shadows", ("endpoint", "prediction_id", "model"), answers)

    @staticmethod
    def append(cursor: duckdb.DuckDBPyConnection, answers: Sequence[ShadowSample]) -> None:
        """Add answers within a transaction."""
        appender = cursor.appender("shadows")
        appender.append_rows([_columns(answer) for answer in answers])
        appender.flush()

    def get(self, endpoint: str, prediction_id: str) -> list[ShadowSample]:
        """What each shadow answered to one request, by model."""
        with self._database.reading() as cursor:
            rows = cursor.execute(
                "SELECT body FROM shadows WHERE endpoint = ? AND prediction_id = ? ORDER BY model",
                [endpoint, prediction_id],
            ).fetchall()
        return [ShadowSample.decode(body) for (body,) in rows]

    def answers(self, endpoint: str, since: int, until: int) -> dict[str, int]:
        """How many answers there are by model."""
        return dict(self._rows(_ANSWERS, [endpoint, since, until]))

    def failures(self, asked: Shadowed, most: int) -> list[Failure]:
        """The commonest failures."""
        return [Failure(*row) for row in self._rows(_FAILURES, [*asked, most])]

    def newest(self, asked: Shadowed, most: int) -> Shadowed:
        """The same question of the newest answers only: as many as that, and those of the very time of the oldest of them."""
        beginning = self._rows(_BEGINNING, [*asked, most - 1])
        return asked._replace(since=beginning[0][0]) if beginning else asked

    def pairs(self, asked: Shadowed) -> list[Answered]:
        """The answers whose request has a sample, with those samples."""
        near = (asked.since - JOIN_SPAN, asked.until + JOIN_SPAN)
        return [_answered(*row) for row in self._rows(_PAIRS, [*asked, asked.endpoint, *near])]

    def unanswered(self, asked: Shadowed) -> dict[int, int]:
        """Sampled requests that an arm was chosen for and no answer of the shadow is known of, by the revision of the endpoint."""
        near = (asked.since - JOIN_SPAN, asked.until + JOIN_SPAN)
        within = [asked.endpoint, asked.since, asked.until]
        return dict(self._rows(_UNANSWERED, [*within, asked.endpoint, asked.model, *near]))

    def _rows(self, query: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
        with self._database.reading() as cursor:
            return cursor.execute(query, parameters).fetchall()


_ANSWERS = """
    SELECT model, count(*) FROM shadows WHERE endpoint = ? AND time >= ? AND time < ? GROUP BY model ORDER BY model
"""
_FAILURES = """
    SELECT status, failure, count(*) AS answers FROM shadows
    WHERE endpoint = ? AND model = ? AND time >= ? AND time < ?
    AND (failure IS NOT NULL OR status IS NULL OR status >= 400)
    GROUP BY status, failure ORDER BY answers DESC, status, failure LIMIT ?
"""
_PAIRS = """
    SELECT samples.answered, shadows.inclusion,
    samples.status, samples.latency, samples.body, shadows.status, shadows.latency, shadows.failure, shadows.body
    FROM shadows JOIN samples ON samples.prediction_id = shadows.prediction_id
    WHERE shadows.endpoint = ? AND shadows.model = ? AND shadows.time >= ? AND shadows.time < ?
    AND samples.endpoint = ? AND samples.time BETWEEN ? AND ?
    ORDER BY shadows.time
"""
_BEGINNING = """
    SELECT time FROM shadows WHERE endpoint = ? AND model = ? AND time >= ? AND time < ? ORDER BY time DESC LIMIT 1 OFFSET ?
"""
_UNANSWERED = """
    SELECT revision, count(*) FROM samples
    WHERE endpoint = ? AND time >= ? AND time < ? AND chosen IS NOT NULL AND prediction_id NOT IN (
        SELECT prediction_id FROM shadows WHERE endpoint = ? AND model = ? AND time BETWEEN ? AND ?
    ) GROUP BY revision
"""


def _answered(
    by: str | None,
    inclusion: float,
    status: int | None,
    latency: float | None,
    sample: bytes,
    shadow_status: int | None,
    shadow_latency: float | None,
    failure: str | None,
    answer: bytes,
) -> Answered:
    primary = Half(Sample.predictions_in(sample), _failed(status), latency)
    shadow = Half(
        ShadowSample.decode(answer).predictions, failure is not None or _failed(shadow_status), shadow_latency
    )
    return Answered(by, Pair(inclusion, primary, shadow))


def _failed(status: int | None) -> bool:
    return status is None or status >= 400


def storable_answer(answer: ShadowSample) -> bool:
    """Whether the numbers of an answer fit the table, and can be reckoned with."""
    numbers = (answer.revision, answer.status or 0)
    return (
        0 <= answer.time <= LATEST
        and all(-(1 << 63) <= number < 1 << 63 for number in numbers)
        and math.isfinite(answer.latency or 0)
        and SMALLEST_INCLUSION <= answer.inclusion <= 1
    )


def _columns(answer: ShadowSample) -> tuple[Any, ...]:
    return (
        answer.time,
        storable_text(answer.endpoint),
        storable_text(answer.prediction_id),
        storable_text(answer.model),
        answer.revision,
        answer.inclusion,
        answer.status,
        answer.latency,
        optional_text(answer.failure),
        answer.encode(),
    )

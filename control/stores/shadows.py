"""What shadows answered, and the samples that it is joined to.

A shadow's answer may come before the sample of its request or after it, so the two are joined when they are asked for, by the
prediction id.
"""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple, cast

from control.stores.arrivals import Arrival
from control.stores.databases import Database, Writer
from control.stores.resent import unseen
from control.stores.samples import JOIN_SPAN, LATEST
from control.stores.tables import SAMPLES, SHADOWS, StoredTable
from control.stores.texts import optional_text, storable_text
from hyperplan.comparison import Half, Pair
from hyperplan.sample import Sample
from hyperplan.shadow import ShadowSample

SMALLEST_INCLUSION = 1e-9
"""An answer that stands for more requests than 1 / this is none that a sidecar sent."""


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
    def add(writer: Writer, arrivals: Sequence[Arrival]) -> int:
        """Keep those that are not in the table yet, within a transaction; how many these are."""
        new = unseen(writer, SHADOWS, arrivals)
        answers = [cast(ShadowSample, arrival.observation) for arrival in new]
        if new:
            writer.append(SHADOWS, SHADOWS.rows(_columns(answers, [arrival.body for arrival in new])))
        return len(new)

    def get(self, endpoint: str, prediction_id: str) -> list[ShadowSample]:
        """What each shadow answered to one request, by model."""
        return [one for one in self.named(prediction_id) if storable_text(one.endpoint) == storable_text(endpoint)]

    def named(self, prediction_id: str) -> list[ShadowSample]:
        """What each shadow of whichever endpoint answered to the request that has a prediction id, by model."""
        with self._database.reading() as reader:
            found = reader.having(SHADOWS, ("model", "endpoint", "body"), storable_text(prediction_id))
        unique = {(model, endpoint): body for model, endpoint, body in found}
        return [ShadowSample.decode(unique[key]) for key in sorted(unique)]

    def answers(self, endpoint: str, since: int, until: int) -> dict[str, int]:
        """How many answers there are by model."""
        table = SHADOWS.query
        asked = table.filter(table.endpoint == storable_text(endpoint), table.time >= since, table.time < until)
        return dict(self._rows(asked.group_by("model").agg(answers=asked.count()).order_by("model")))

    def failures(self, asked: Shadowed, most: int) -> list[Failure]:
        """The commonest failures."""
        table = _asked(asked)
        failed = table.filter(table.failure.notnull() | table.status.isnull() | (table.status >= 400))
        counted = failed.group_by("status", "failure").agg(answers=failed.count())
        found = self._rows(counted.order_by(counted.answers.desc(), counted.status, counted.failure).limit(most))
        return [Failure(*row) for row in found]

    def newest(self, asked: Shadowed, most: int) -> Shadowed:
        """The same question of the newest answers only: as many as that, and those of the very time of the oldest of them."""
        table = _asked(asked)
        beginning = self._rows(table.order_by(table.time.desc()).select("time").limit(1, offset=most - 1))
        return asked._replace(since=beginning[0][0]) if beginning else asked

    def pairs(self, asked: Shadowed) -> list[Answered]:
        """The answers whose request has a sample, with those samples."""
        shadows = _asked(asked).select("prediction_id", **{f"shadow_{name}": name for name in _OF_SHADOW})
        samples = _near(SAMPLES, asked).select("prediction_id", *_OF_SAMPLE)
        joined = shadows.join(samples, "prediction_id").order_by("shadow_time", "prediction_id")
        query = joined.select(*_OF_SAMPLE, *[f"shadow_{name}" for name in _OF_SHADOW if name != "time"])
        return [_answered(*row) for row in self._rows(query)]

    def good_answers(self, asked: Shadowed) -> dict[str, bytes]:
        """The answers that a client could have been given, as they were encoded, by prediction id."""
        table = _asked(asked)
        good = table.filter(table.failure.isnull(), table.status < 400)
        return dict(self._rows(good.select("prediction_id", "body")))

    def unanswered(self, asked: Shadowed) -> dict[int, int]:
        """Sampled requests that an arm was chosen for and no answer of the shadow is known of, by the revision of the endpoint."""
        samples, shadows = SAMPLES.query, _near(SHADOWS, asked)
        sampled = samples.filter(
            samples.endpoint == storable_text(asked.endpoint),
            samples.time >= asked.since,
            samples.time < asked.until,
            samples.chosen.notnull(),
        )
        answered = shadows.filter(shadows.model == storable_text(asked.model)).prediction_id
        without = sampled.filter(sampled.prediction_id.notin(answered))
        return dict(self._rows(without.group_by("revision").agg(requests=without.count())))

    def _rows(self, query: Any) -> list[tuple[Any, ...]]:
        with self._database.reading() as reader:
            return reader.rows(query)


_OF_SAMPLE = ("answered", "status", "latency", "body")
_OF_SHADOW = ("time", "inclusion", "status", "latency", "failure", "body")
"""What is read of the two halves of a pair."""


def _asked(asked: Shadowed) -> Any:
    table = SHADOWS.query
    return table.filter(
        table.endpoint == storable_text(asked.endpoint),
        table.model == storable_text(asked.model),
        table.time >= asked.since,
        table.time < asked.until,
    )


def _near(kept: StoredTable, asked: Shadowed) -> Any:
    """The rows of the endpoint whose partners may be among those that are asked about."""
    table = kept.query
    return table.filter(
        table.endpoint == storable_text(asked.endpoint),
        table.time.between(asked.since - JOIN_SPAN, asked.until + JOIN_SPAN),
    )


def _answered(
    by: str | None,
    status: int | None,
    latency: float | None,
    sample: bytes,
    inclusion: float,
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


def _columns(answers: Sequence[ShadowSample], bodies: Sequence[bytes]) -> dict[str, Sequence[Any]]:
    return {
        "time": [answer.time for answer in answers],
        "endpoint": [storable_text(answer.endpoint) for answer in answers],
        "prediction_id": [storable_text(answer.prediction_id) for answer in answers],
        "model": [storable_text(answer.model) for answer in answers],
        "revision": [answer.revision for answer in answers],
        "inclusion": [answer.inclusion for answer in answers],
        "status": [answer.status for answer in answers],
        "latency": [answer.latency for answer in answers],
        "failure": [optional_text(answer.failure) for answer in answers],
        "body": bodies,
    }

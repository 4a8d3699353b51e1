"""The samples themselves: columns for what is asked about, the whole sample as it was encoded."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple, cast

from control.stores.arrivals import Arrival
from control.stores.databases import Database, Writer
from control.stores.resent import unseen
from control.stores.tables import SAMPLES
from control.stores.texts import optional_text, storable_text
from hyperplan.sample import Sample

JOIN_SPAN = 600 * 10**9
"""Nanoseconds between the times of a request and of its copy; partners are looked for no farther away."""
_PARTED_BY = {"model": "answered", "arm": "chosen"}
LATEST = (1 << 63) - JOIN_SPAN - 1
"""The last time that a table holds, in nanoseconds since 1970."""


class Question(NamedTuple):
    """Which samples are wanted; None wants any. Times in nanoseconds since 1970, `until` exclusive."""

    endpoint: str
    since: int | None = None
    until: int | None = None
    chosen: str | None = None
    answered: str | None = None
    entity: str | None = None
    with_violations: bool = False
    forced: bool | None = None
    limit: int = 100


class Answers(NamedTuple):
    """What one model answered: how many requests, and the latencies (seconds) that half, 95 % and 99 % stayed below."""

    model: str | None
    requests: int
    p50: float | None
    p95: float | None
    p99: float | None


class Predicted(NamedTuple):
    """The predictions of one sampled request, and with which probabilities it was sampled and its arm chosen."""

    inclusion: float
    propensity: float
    predictions: list[Any]


class Samples:
    """The table of samples."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @staticmethod
    def add(writer: Writer, arrivals: Sequence[Arrival]) -> list[Sample]:
        """Keep those that are not in the table yet, within a transaction; these."""
        new = unseen(writer, SAMPLES, arrivals)
        samples = [cast(Sample, arrival.observation) for arrival in new]
        if new:
            writer.append(SAMPLES, SAMPLES.rows(_columns(samples, [arrival.body for arrival in new])))
        return samples

    def find(self, question: Question) -> list[Sample]:
        """The samples wanted, newest first."""
        table = SAMPLES.query
        conditions = [table.endpoint == storable_text(question.endpoint), *_conditions(table, question)]
        query = table.filter(*conditions).order_by(table.time.desc(), table.prediction_id).limit(question.limit)
        return [Sample.decode(body) for (body,) in self._rows(query.select("body"))]

    def get(self, endpoint: str, prediction_id: str) -> Sample | None:
        """The sample of one prediction; the newest, should an id have been used twice."""
        found = [one for one in self.named(prediction_id) if storable_text(one.endpoint) == storable_text(endpoint)]
        return found[-1] if found else None

    def named(self, prediction_id: str) -> list[Sample]:
        """The samples that have a prediction id, of whichever endpoint, the newest last."""
        with self._database.reading() as reader:
            found = reader.having(SAMPLES, ("time", "endpoint", "body"), storable_text(prediction_id))
        unique = {(time, endpoint): body for time, endpoint, body in found}
        return [Sample.decode(unique[key]) for key in sorted(unique)]

    def answers(self, endpoint: str, since: int, until: int) -> list[Answers]:
        """Who answered how many sampled requests, and how fast; the model None stands for nobody."""
        table = _within(endpoint, since, until)
        query = table.group_by("answered").agg(
            requests=table.count(),
            p50=table.latency.quantile(0.5),
            p95=table.latency.quantile(0.95),
            p99=table.latency.quantile(0.99),
        )
        found = [Answers(model, count, *map(_number, latencies)) for model, count, *latencies in self._rows(query)]
        return sorted(found, key=lambda answers: (answers.model is None, answers.model))

    def statuses(self, endpoint: str, since: int, until: int) -> dict[int | None, int]:
        """Sampled requests by the HTTP status that the client got."""
        table = _within(endpoint, since, until)
        found = self._rows(table.group_by("status").agg(requests=table.count()))
        return dict(sorted(found, key=lambda row: (row[0] is None, row[0])))

    def failovers(self, endpoint: str, since: int, until: int) -> int:
        """Sampled requests that another model answered than the chosen one."""
        table = _within(endpoint, since, until)
        ((count,),) = self._rows(table.filter(table.chosen != table.answered).count().as_table())
        return int(count)

    def scored(self, endpoint: str, since: int, until: int, by: str) -> dict[str, int]:
        """Sampled requests that a model answered, by that model (`model`) or by the arm that was chosen (`arm`)."""
        table = _within(endpoint, since, until)
        answered = table.filter(table.answered.notnull(), table.chosen.notnull())
        return dict(self._rows(answered.group_by(_PARTED_BY[by]).agg(requests=answered.count())))

    def predictions(self, endpoint: str, model: str, since: int, until: int, most: int) -> list[Predicted]:
        """What a model predicted for requests for which it was chosen and not forced; of more than `most`, the newest."""
        table = _within(endpoint, since, until)
        name = storable_text(model)
        own = table.filter(table.chosen == name, table.answered == name, ~table.forced)
        newest = own.order_by(own.time.desc()).limit(most).select("inclusion", "propensity", "body")
        return [
            Predicted(inclusion, propensity, Sample.predictions_in(body))
            for inclusion, propensity, body in self._rows(newest)
            if inclusion and propensity
        ]

    def _rows(self, query: Any) -> list[tuple[Any, ...]]:
        with self._database.reading() as reader:
            return reader.rows(query)


def _within(endpoint: str, since: int, until: int) -> Any:
    table = SAMPLES.query
    return table.filter(table.endpoint == storable_text(endpoint), table.time >= since, table.time < until)


def _conditions(table: Any, question: Question) -> list[Any]:
    """What a question asks besides the endpoint."""
    conditions = [
        table[column] == storable_text(value)
        for column, value in (("chosen", question.chosen), ("answered", question.answered), ("entity", question.entity))
        if value is not None
    ]
    if question.since is not None:
        conditions.append(table.time >= question.since)
    if question.until is not None:
        conditions.append(table.time < question.until)
    if question.forced is not None:
        conditions.append(table.forced == question.forced)
    if question.with_violations:
        conditions.append(table.n_violations >= 1)
    return conditions


def _number(value: float | None) -> float | None:
    """A quantile; of nothing there is none, which some databases call NaN."""
    return None if value is None or math.isnan(value) else value


def storable(sample: Sample) -> bool:
    """Whether the integers of a sample fit the table, and its time is one."""
    numbers = (sample.plan, sample.revision, sample.attempts, sample.status, sample.rows_seen)
    return 0 <= sample.time <= LATEST and all(
        -(1 << 63) <= number < 1 << 63 for number in numbers if number is not None
    )


def _columns(samples: Sequence[Sample], bodies: Sequence[bytes]) -> dict[str, Sequence[Any]]:
    return {
        "time": [sample.time for sample in samples],
        "endpoint": [storable_text(sample.endpoint) for sample in samples],
        "prediction_id": [storable_text(sample.prediction_id) for sample in samples],
        "plan": [sample.plan for sample in samples],
        "revision": [sample.revision for sample in samples],
        "schema_version": [storable_text(sample.schema_version) for sample in samples],
        "entity": [optional_text(sample.entity) for sample in samples],
        "chosen": [optional_text(sample.chosen) for sample in samples],
        "answered": [optional_text(sample.answered) for sample in samples],
        "attempts": [sample.attempts for sample in samples],
        "propensity": [sample.propensity for sample in samples],
        "inclusion": [sample.inclusion for sample in samples],
        "status": [sample.status for sample in samples],
        "latency": [sample.latency for sample in samples],
        "rejected": [sample.rejected for sample in samples],
        "flaw": [optional_text(sample.flaw) for sample in samples],
        "rows_seen": [sample.rows_seen for sample in samples],
        "n_violations": [len(sample.violations) for sample in samples],
        "body": bodies,
        "forced": [sample.forced for sample in samples],
    }

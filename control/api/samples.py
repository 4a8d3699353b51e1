"""Samples, as they were observed: one by its prediction id, or the newest of those that match."""

import time
from datetime import datetime
from typing import Annotated, Any

import msgspec
from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, QueryParameter

from control.api.periods import as_date, read_time
from control.api.writable import writable
from control.problems import not_found
from control.registry import Registry
from control.stores import Store
from control.stores.samples import Question
from hyperplan.feedback import Feedback
from hyperplan.privacy import Veil
from hyperplan.sample import ObservedRow, Sample
from hyperplan.schema import Violation
from hyperplan.shadow import ShadowSample


class SampleAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A sample as the API shows it: `hyperplan.sample.Sample`, with its time as a date."""

    prediction_id: str
    time: datetime
    endpoint: str
    plan: int
    revision: int
    schema_version: str
    entity: str | None
    chosen: str | None
    answered: str | None
    attempts: int | None
    propensity: float | None
    forced: bool
    inclusion: float
    status: int | None
    latency: float | None
    slices: dict[str, str]
    rows: list[ObservedRow]
    rows_seen: int
    violations: list[Violation]
    flaw: str | None
    rejected: bool
    predictions: list[Any]
    trace_id: str | None
    trace_recorded: bool


class ShadowAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What a shadow answered to the copy of a request: `hyperplan.shadow.ShadowSample`, with its time as a date."""

    model: str
    time: datetime
    revision: int
    status: int | None
    latency: float | None
    predictions: list[Any]
    failure: str | None


class FeedbackAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The newest feedback for a row of a prediction: `hyperplan.feedback.Feedback`, with its times as dates."""

    row: int
    label: float | str | None
    reward: float | None
    time: datetime
    received: datetime
    revision: int
    source: str


class ShadowedSample(SampleAnswer, frozen=True, kw_only=True):
    """A sample with what shadows answered to copies of its request, and the truth that came for it."""

    shadows: list[ShadowAnswer]
    feedback: list[FeedbackAnswer]


@get("/v1/endpoints/{name:str}/samples", sync_to_thread=True)
def list_samples(
    store: NamedDependency[Store],
    registry: NamedDependency[Registry],
    name: FromPath[str],
    limit: Annotated[int, QueryParameter(ge=1, le=1000)] = 100,
    since: FromQuery[str | None] = None,
    until: FromQuery[str | None] = None,
    chosen: FromQuery[str | None] = None,
    answered: FromQuery[str | None] = None,
    entity: FromQuery[str | None] = None,
    violations: FromQuery[bool] = False,
    forced: FromQuery[bool | None] = None,
) -> list[SampleAnswer]:
    """The newest samples of an endpoint that match; `violations=true` asks for those that broke the schema, `forced=false` leaves out those that named their arm."""
    _, endpoint = registry.get(name)
    now = time.time_ns()
    question = Question(
        endpoint=name,
        since=read_time("since", since, now) if since is not None else None,
        until=read_time("until", until, now) if until is not None else None,
        chosen=chosen,
        answered=answered,
        entity=None if entity is None else Veil(endpoint, store.secret).named_entity(entity) or entity,
        with_violations=violations,
        forced=forced,
        limit=limit,
    )
    return [msgspec.convert(fields_of(sample), SampleAnswer) for sample in store.samples.find(question)]


@get("/v1/endpoints/{name:str}/samples/{prediction_id:str}", sync_to_thread=True)
def get_sample(
    store: NamedDependency[Store],
    registry: NamedDependency[Registry],
    name: FromPath[str],
    prediction_id: FromPath[str],
) -> ShadowedSample:
    """The sample of one prediction, with what shadows answered and the newest feedback. Only part of the traffic is sampled, so a prediction may have none."""
    registry.get(name)
    sample = store.samples.get(name, prediction_id)
    if sample is None:
        raise not_found(f"the endpoint {name!r} has no sample of the prediction {prediction_id!r}")
    answers = store.shadows.get(name, prediction_id)
    more = {
        "shadows": [fields_of(answer) for answer in answers],
        "feedback": [feedback_answer(one) for one in store.feedback.about(sample)],
    }
    return msgspec.convert(fields_of(sample) | more, ShadowedSample)


def feedback_answer(feedback: Feedback) -> FeedbackAnswer:
    """Feedback as the API shows it."""
    return FeedbackAnswer(
        row=feedback.row,
        label=feedback.label,
        reward=feedback.reward,
        time=as_date(feedback.time),
        received=as_date(feedback.received),
        revision=feedback.revision,
        source=feedback.source,
    )


def fields_of(observation: Sample | ShadowSample) -> dict[str, Any]:
    """An observation as plain data, with its time as a date."""
    fields: dict[str, Any] = writable(msgspec.to_builtins(observation))
    return fields | {"time": as_date(observation.time)}


handlers: list[Any] = [list_samples, get_sample]

"""Samples that are sent by whoever served: of a model on a device, or of a batch.

Nothing stood in the way of those requests, so what a sidecar would have noted is noted now: violations by the endpoint's schema, hashes of
unknown fields, slices and the entity. What comes out is a sample like any other. It has no propensity, since nobody drew who answers; so
what is learnt from choices leaves it out.
"""

import math
from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import Annotated, Any

import msgspec

from hyperplan.decision import as_key
from hyperplan.documents import Document, read
from hyperplan.endpoint import Endpoint
from hyperplan.inspection import LISTED
from hyperplan.privacy import Veil
from hyperplan.problems import Invalid, Problem, pointer
from hyperplan.sample import MOST_ROWS, Sample, bounded
from hyperplan.schema import violations_of
from hyperplan.secret import Secret

LAST = 1 << 62
"""The last time that a sample may have, in nanoseconds since 1970."""


ANSWERED = 200
"""The status of a request that a model elsewhere has answered, by whatever protocol."""


class SentSample(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is sent of one request: who answered it, when, the rows that the model was shown and what it said to each of them.

    `time` is RFC 3339 with a time zone, or seconds since 1970; left out, it is now. `prediction_id` makes a sample that is sent twice
    count once, if it also has its time. `inclusion` is the probability with which this request was picked out of all there were.
    `slices` are values of those of the endpoint's slices that are no features; the others are read from the first row, as `entity` is
    unless it is given.
    """

    endpoint: str
    model: str
    rows: list[Any]
    predictions: list[Any] = []
    time: str | float | None = None
    prediction_id: Annotated[str, msgspec.Meta(min_length=1, max_length=256)] | None = None
    entity: str | None = None
    inclusion: Annotated[float, msgspec.Meta(gt=0, le=1)] = 1.0
    latency: Annotated[float, msgspec.Meta(ge=0)] | None = None
    slices: dict[str, str] = {}


def read_sent(data: Any) -> SentSample:
    """Read one from plain data.

    Raises:
        Invalid: with everything that is wrong with its fields.
    """
    try:
        return msgspec.convert(data, SentSample)
    except msgspec.ValidationError:
        return read(SentSample, Document(data))


def sample_of(
    sent: SentSample,
    endpoint: Endpoint,
    *,
    plan: int,
    revision: int,
    now: int,
    prediction_id: str,
    secret: Secret | None = None,
) -> Sample:
    """The sample that a sidecar would have made, had it seen the request.

    `now` (nanoseconds since 1970) and `prediction_id` stand for what was not sent. What is personal is hashed with the `secret`.

    Raises:
        Invalid: with everything in it that does not go with the endpoint.
    """
    problems = list(_problems(sent, endpoint))
    at = now if sent.time is None else _time(sent.time)
    if isinstance(at, Problem):
        problems.append(at)
    if problems or isinstance(at, Problem):
        raise Invalid(problems)
    veil = Veil(endpoint, secret)
    said = sent.entity if sent.entity is not None else _entity(sent, endpoint)
    return Sample(
        prediction_id=sent.prediction_id or prediction_id,
        time=at,
        endpoint=endpoint.name,
        plan=plan,
        revision=revision,
        schema_version=endpoint.schema.version(),
        entity=None if said is None else veil.named_entity(said),
        chosen=sent.model,
        answered=sent.model,
        inclusion=sent.inclusion,
        status=ANSWERED,
        latency=sent.latency,
        slices=veil.slices(_slices(sent, endpoint)),
        rows=veil.rows(sent.rows),
        rows_seen=len(sent.rows),
        violations=list(islice(violations_of(endpoint.schema, sent.rows), LISTED)),
        predictions=[bounded(prediction) for prediction in sent.predictions],
    )


def _problems(sent: SentSample, endpoint: Endpoint) -> Iterator[Problem]:
    if sent.model not in endpoint.models:
        yield Problem("/model", f"{sent.model!r} is no model of {endpoint.name!r}; known: {', '.join(endpoint.models)}")
    if not 1 <= len(sent.rows) <= MOST_ROWS:
        yield Problem("/rows", f"holds {len(sent.rows)} rows; a sample has from 1 to {MOST_ROWS}")
    if sent.predictions and len(sent.predictions) != len(sent.rows):
        yield Problem("/predictions", f"holds {len(sent.predictions)} of them for {len(sent.rows)} rows")
    for part in sent.slices:
        if part not in endpoint.slices:
            known = ", ".join(endpoint.slices) or "it has none"
            yield Problem(pointer("slices", part), f"is no slice of {endpoint.name!r}; known: {known}")


def _time(said: str | float) -> int | Problem:
    """A time in nanoseconds since 1970, or what is wrong with it."""
    if isinstance(said, str):
        try:
            date = msgspec.convert(said, Annotated[datetime, msgspec.Meta(tz=True)])
        except msgspec.ValidationError:
            return Problem("/time", f"must be like 2026-01-31T12:00:00Z, or seconds since 1970; not {said[:40]!r}")
        seconds, fraction = math.floor(date.timestamp()), date.microsecond * 1000
    elif 0 <= said < LAST:
        seconds, fraction = math.floor(said), round(said % 1 * 1e9)
    else:
        seconds, fraction = LAST, 0
    found = seconds * 10**9 + fraction
    return found if 0 <= found < LAST else Problem("/time", f"is out of range: {said}; seconds since 1970 are meant")


def _entity(sent: SentSample, endpoint: Endpoint) -> str | None:
    feature = endpoint.entity.feature if endpoint.entity else None
    return as_key(_first(sent.rows, feature, endpoint)) if feature else None


def _slices(sent: SentSample, endpoint: Endpoint) -> dict[str, str]:
    found = {part: sent.slices.get(part) or as_key(_first(sent.rows, part, endpoint)) for part in endpoint.slices}
    return {part: value for part, value in found.items() if value}


def _first(rows: Sequence[Any], feature: str, endpoint: Endpoint) -> Any:
    """The value of a feature in the first row, under its name or an alias; None when there is none."""
    declared = endpoint.schema.features.get(feature)
    if declared is None or not isinstance(rows[0], dict):
        return None
    return next((rows[0][key] for key in (feature, *declared.aliases) if key in rows[0]), None)

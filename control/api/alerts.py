"""Alerts: what is wrong with what endpoints are served, who has seen it, and what nobody wants to hear for a while."""

import asyncio
import re
import time
from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any, Literal

import msgspec
from litestar import Response, delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, QueryParameter

from control.alerts import pictures
from control.alerts.alerting import Alerting
from control.alerts.book import Question
from control.alerts.message import alert_fields, finding_fields
from control.api.bodies import BODY, AnyRequest, body_of
from control.api.periods import as_date, read_period, read_time
from control.problems import HttpProblem, bad_parameter, not_found
from control.registry import Registry
from control.stores import Store
from hyperplan.alerts import Acknowledgement, Alert, Silence, State, silenced
from hyperplan.alerts.sentence import by_weight
from hyperplan.problems import Invalid, Problem

STATES = [State.PENDING.value, State.OPEN.value, State.RESOLVED.value]
"""The states that alerts can be asked for by. The framework keeps the name `state` to itself, so the parameter is read by hand."""

SVG = "image/svg+xml"
SVG_HEADERS = {
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox",
    "cache-control": "no-cache",
    "x-content-type-options": "nosniff",
}
"""What holds for a picture that somebody opens by itself: it is a document, and may do nothing."""


class FindingAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """One finding of an alert: `hyperplan.skew.finding.Finding`, and the model that is served so."""

    model: str
    feature: str
    kind: str
    finding: str
    against: str
    effect: float
    evidence: float
    since: datetime
    sentence: str
    details: dict[str, Any]


class AcknowledgementAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Who has seen an alert, and when."""

    author: str
    note: str
    time: datetime


class DeliveryAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a message. `webhook` is a fingerprint of its URL; `next` is when it is tried again."""

    message: str
    webhook: str
    state: str
    attempts: int
    created: datetime
    next: datetime | None
    error: str


class AlertAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """An alert. `findings` is what is wrong now, what explains most first; of one that is over, what was.

    `since` is when it began, `opened` when it was said, `resolved` when it ended.
    """

    id: str
    version: int
    endpoint: str
    state: str
    sentence: str
    source: str | None
    change: str | None
    since: datetime
    opened: datetime | None
    resolved: datetime | None
    acknowledged: AcknowledgementAnswer | None
    silenced: bool
    findings: list[FindingAnswer]
    links: dict[str, str]


class WholeAlert(AlertAnswer, frozen=True, kw_only=True):
    """An alert with what was sent of it."""

    deliveries: list[DeliveryAnswer]


class Acknowledging(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who has seen an alert, and what they have to say."""

    author: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    note: Annotated[str, msgspec.Meta(max_length=2000)] = ""


class Silencing(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is not to be told until a time: of an alert, or of all that has what is named. `until` may be relative, as `+2h`."""

    until: str
    author: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    note: Annotated[str, msgspec.Meta(max_length=2000)] = ""
    alert: str | None = None
    endpoint: str | None = None
    source: str | None = None
    feature: str | None = None
    kind: Literal["schema", "feature", "distribution", "scoring"] | None = None
    finding: str | None = None


class SilenceAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A silence: what is null matches everything."""

    id: str
    until: datetime
    created: datetime
    author: str
    note: str
    alert: str | None
    endpoint: str | None
    source: str | None
    feature: str | None
    kind: str | None
    finding: str | None


@get("/v1/alerts", sync_to_thread=True)
def list_alerts(
    alerting: NamedDependency[Alerting],
    in_state: Annotated[str | None, QueryParameter(name="state", schema_extra={"enum": STATES})] = None,
    endpoint: FromQuery[str | None] = None,
    limit: Annotated[int, QueryParameter(ge=1, le=1000)] = 100,
) -> list[AlertAnswer]:
    """The alerts, open ones first, then those that ended; `state=pending` asks for what was seen, but not often enough to say so."""
    now = time.time_ns()
    if in_state is not None and in_state not in STATES:
        raise bad_parameter("state", f"must be one of {', '.join(STATES)}; not {in_state!r}")
    states = (State(in_state),) if in_state else (State.OPEN, State.RESOLVED)
    silences = alerting.book.silences(now)
    found = alerting.book.find(Question(states, endpoint, limit))
    return [AlertAnswer(**_fields(alert, silences, now)) for alert in found]


@get("/v1/alerts/{alert_id:str}", sync_to_thread=True)
def get_alert(alerting: NamedDependency[Alerting], alert_id: FromPath[str]) -> WholeAlert:
    """One alert, with what was sent of it to webhooks."""
    alert = alerting.book.get(alert_id)
    now = time.time_ns()
    deliveries = [
        DeliveryAnswer(
            message=delivery.message,
            webhook=delivery.webhook,
            state=delivery.state.value,
            attempts=delivery.attempts,
            created=as_date(delivery.created),
            next=as_date(delivery.next_at) if delivery.state == "waiting" else None,
            error=delivery.error,
        )
        for delivery in alerting.outbox.of(alert_id)
    ]
    return WholeAlert(**_fields(alert, alerting.book.silences(now), now), deliveries=deliveries)


@post("/v1/alerts/{alert_id:str}/acknowledge", status_code=HTTPStatus.OK, opt={BODY: Acknowledging})
async def acknowledge_alert(
    request: AnyRequest, alerting: NamedDependency[Alerting], alert_id: FromPath[str]
) -> AlertAnswer:
    """Say that somebody has seen an alert, in place of who did before. When what had ended is back, it is to be seen anew."""
    said = await body_of(request, Acknowledging)
    now = time.time_ns()
    acknowledgement = Acknowledgement(author=said.author, note=said.note, time=now)
    alert = await asyncio.to_thread(alerting.book.acknowledge, alert_id, acknowledgement)
    return AlertAnswer(**_fields(alert, await asyncio.to_thread(alerting.book.silences, now), now))


@get("/v1/silences", sync_to_thread=True)
def list_silences(alerting: NamedDependency[Alerting]) -> list[SilenceAnswer]:
    """The silences that are not over."""
    return [_silence(silence) for silence in alerting.book.silences(time.time_ns())]


@post("/v1/silences", status_code=HTTPStatus.CREATED, opt={BODY: Silencing})
async def make_silence(request: AnyRequest, alerting: NamedDependency[Alerting]) -> SilenceAnswer:
    """Tell nobody of what matches until a time. Alerts open and end all the same; what is still open then is told then."""
    asked = await body_of(request, Silencing)
    now = time.time_ns()
    until = _until(asked.until, now)
    named = {name: getattr(asked, name) for name in _MATCHERS if getattr(asked, name) is not None}
    if not named:
        detail = f"names nothing, and would silence everything; name at least one of {', '.join(_MATCHERS)}"
        raise Invalid([Problem("", detail)])
    if asked.alert is not None:
        await asyncio.to_thread(alerting.book.get, asked.alert)
    made = await asyncio.to_thread(
        lambda: alerting.book.silence(until=until, created=now, author=asked.author, note=asked.note, **named)
    )
    return _silence(made)


@get("/v1/silences/{silence_id:str}", sync_to_thread=True)
def get_silence(alerting: NamedDependency[Alerting], silence_id: FromPath[str]) -> SilenceAnswer:
    """One silence."""
    return _silence(alerting.book.get_silence(silence_id))


@delete("/v1/silences/{silence_id:str}", status_code=HTTPStatus.OK, sync_to_thread=True)
def delete_silence(alerting: NamedDependency[Alerting], silence_id: FromPath[str]) -> SilenceAnswer:
    """End a silence now; what it was."""
    return _silence(alerting.book.end_silence(silence_id))


@get("/v1/endpoints/{name:str}/alerts/{alert_id:str}/picture.svg", sync_to_thread=True, media_type=SVG)
def get_alert_picture(
    alerting: NamedDependency[Alerting],
    store: NamedDependency[Store],
    registry: NamedDependency[Registry],
    name: FromPath[str],
    alert_id: FromPath[str],
    feature: FromQuery[str | None] = None,
) -> Response[str]:
    """The picture of an alert: training and what was served since it began, of the feature that explains most, or of another of its features."""
    alert = alerting.book.get(alert_id)
    if alert.endpoint != name:
        raise not_found(f"the alert {alert_id!r} is of the endpoint {alert.endpoint!r}, not of {name!r}")
    shown = next((each for each in by_weight(alert.sightings) if feature in (None, each.finding.feature)), None)
    if shown is None:
        raise not_found(f"the alert {alert_id!r} has no finding about {feature!r}")
    _, endpoint = registry.get(name)
    # After the last look that showed it, all may be well again.
    until = shown.finding.until or alert.resolved or time.time_ns()
    asked = pictures.Asked(endpoint, shown.model, shown.finding.feature, alert.since, until, onset=alert.since)
    return _picture(pictures.picture(store, asked))


@get("/v1/endpoints/{name:str}/skew/{feature_svg:str}", sync_to_thread=True, media_type=SVG)
def get_feature_picture(
    store: NamedDependency[Store],
    registry: NamedDependency[Registry],
    name: FromPath[str],
    feature_svg: FromPath[str],
    since: FromQuery[str | None] = None,
    until: FromQuery[str | None] = None,
    model: FromQuery[str | None] = None,
) -> Response[str]:
    """The picture of a feature, `{feature}.svg`: the training data of a model (the default one if none is named) and what was served."""
    feature = feature_svg.removesuffix(".svg")
    if feature == feature_svg:
        raise not_found(f"there is only the picture {feature}.svg here")
    _, endpoint = registry.get(name)
    period = read_period(since, until, None, store.bucket_seconds)
    named = model or endpoint.routing.default_model()
    return _picture(pictures.picture(store, pictures.Asked(endpoint, named, feature, period.since, period.until)))


def _picture(drawn: str | pictures.Nothing) -> Response[str]:
    if isinstance(drawn, pictures.Nothing):
        raise not_found(drawn.why)
    return Response(drawn, media_type=SVG, headers=SVG_HEADERS)


_MATCHERS = ("alert", "endpoint", "source", "feature", "kind", "finding")
_AHEAD = re.compile(r"\+(\d{1,6})([smhdw])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


def _until(text: str, now: int) -> int:
    """The end of a silence: a time, or how far ahead it is."""
    ahead = _AHEAD.fullmatch(text)
    try:
        until = now + int(ahead[1]) * _SECONDS[ahead[2]] * 10**9 if ahead else read_time("until", text, now)
    except HttpProblem as error:
        detail = error.errors[0].detail.replace("relative like -1h", "ahead like +2h")
        raise Invalid([Problem("/until", detail)]) from None
    if until <= now:
        raise Invalid([Problem("/until", f"is over: {text!r}")])
    return until


def _fields(alert: Alert, silences: list[Silence], now: int) -> dict[str, Any]:
    seen = alert.acknowledged
    return {
        **alert_fields(alert),
        "acknowledged": AcknowledgementAnswer(author=seen.author, note=seen.note, time=as_date(seen.time))
        if seen
        else None,
        "silenced": silenced(alert, silences, now),
        "findings": [
            FindingAnswer(**finding_fields(sighting), details=sighting.finding.details)
            for sighting in by_weight(alert.sightings)
        ],
    }


def _silence(silence: Silence) -> SilenceAnswer:
    fields = msgspec.structs.asdict(silence)
    return SilenceAnswer(**fields | {"until": as_date(silence.until), "created": as_date(silence.created)})


handlers: list[Any] = [
    list_alerts,
    get_alert,
    acknowledge_alert,
    list_silences,
    make_silence,
    get_silence,
    delete_silence,
    get_alert_picture,
    get_feature_picture,
]

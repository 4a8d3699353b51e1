"""What a webhook is told: an event of an alert, as JSON.

It holds sentences and the numbers of summaries, never a row and never what a detector keeps in its details.
"""

from datetime import datetime
from typing import Any, Literal
from urllib.parse import quote

import msgspec

from control.api.periods import as_date
from hyperplan.alerts import Alert, Event, Sighting


class FoundMessage(msgspec.Struct, frozen=True, kw_only=True):
    """One finding; see `hyperplan.skew.finding.Finding`."""

    model: str
    feature: str
    kind: str
    finding: str
    against: str
    effect: float
    evidence: float
    since: datetime
    sentence: str


class AlertMessage(msgspec.Struct, frozen=True, kw_only=True):
    """The alert of an event. `version` grows with each event of an alert: one that comes late is known by it."""

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
    acknowledged: str | None
    findings: list[FoundMessage]
    links: dict[str, str]


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """A payload as Standard Webhooks recommends it: what happened, when, and to what."""

    type: Literal["alert.opened", "alert.updated", "alert.resolved", "alert.reopened"]
    timestamp: datetime
    data: AlertMessage


def message_of(event: Event) -> bytes:
    """The body that tells of an event."""
    alert = event.alert
    data = AlertMessage(
        **alert_fields(alert),
        acknowledged=alert.acknowledged.author if alert.acknowledged else None,
        findings=[FoundMessage(**finding_fields(sighting)) for sighting in alert.sightings],
    )
    whole: Any = {"type": f"alert.{event.kind}", "timestamp": as_date(event.time), "data": data}
    return msgspec.json.encode(Message(**whole))


def links_of(alert: Alert) -> dict[str, str]:
    """Where to read more, as paths of control's API."""
    endpoint = quote(alert.endpoint)
    return {
        "alert": f"/v1/alerts/{alert.id}",
        "picture": f"/v1/endpoints/{endpoint}/alerts/{alert.id}/picture.svg",
    }


def alert_fields(alert: Alert) -> dict[str, Any]:
    """What every account of an alert holds, whoever it is for."""
    return {
        "id": alert.id,
        "version": alert.version,
        "endpoint": alert.endpoint,
        "state": alert.state.value,
        "sentence": alert.sentence,
        "source": alert.source,
        "change": alert.change.words if alert.change else None,
        "since": as_date(alert.since),
        "opened": _date(alert.opened),
        "resolved": _date(alert.resolved),
        "links": links_of(alert),
    }


def finding_fields(sighting: Sighting) -> dict[str, Any]:
    """What every account of a finding holds."""
    found = sighting.finding
    return {
        "model": sighting.model,
        "feature": found.feature,
        "kind": found.kind,
        "finding": found.finding,
        "against": found.against,
        "effect": found.effect,
        "evidence": found.evidence,
        "since": as_date(sighting.since),
        "sentence": found.sentence,
    }


def _date(time: int | None) -> datetime | None:
    return None if time is None else as_date(time)

"""One step: the alerts of an endpoint after a look at its models, and what there is to tell.

Pure, and the same for the same look however often it is taken: counters count looks, not steps, and a model without a new
look keeps what it had, since no traffic is no news. A look that ends before the last one is a new one: the clock was put back. Findings may
come in any order.
"""

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

import msgspec

from hyperplan.alerts.alert import LARGEST, Alert, Change, Event, EventKind, Sighting, State
from hyperplan.alerts.causes import Cause, Suspects, clusters, is_consequence, leads_nothing
from hyperplan.alerts.machine import MOVES, Signal
from hyperplan.alerts.sentence import VAGUE, sentence_of
from hyperplan.alerts.silence import Silence, silenced
from hyperplan.schema import Schema
from hyperplan.skew.finding import Finding

MINUTE = 60 * 10**9


class Policy(NamedTuple):
    """When to speak up. Times are in nanoseconds.

    A finding convinces when `hold` looks in a row have it, or at once with evidence of `overwhelming` nats: chance alone would do that
    once in e^25. An alert ends when all its findings were missing from `gone` looks in a row, and is the same one if it is back within
    `reopen`. Findings began `together` when no more than that lies between. News of an open alert wait for `pause` after what was last told.
    `look` is how long one look is.
    """

    hold: int = 2
    overwhelming: float = 25.0
    gone: int = 5
    together: int = 15 * MINUTE
    reopen: int = 60 * MINUTE
    pause: int = 10 * MINUTE
    look: int = MINUTE

    @staticmethod
    def of_looks(look: int) -> "Policy":
        """The policy for looks that are so long: all its times follow."""
        return Policy(together=15 * look, reopen=60 * look, pause=10 * look, look=look)


class Found(NamedTuple):
    """What a detector found about a model, and how many rows there are since it began."""

    model: str
    finding: Finding
    rows: int = 0


class Observation(NamedTuple):
    """What was just seen of an endpoint.

    `looked` holds, for each model that was looked at, the end of its newest look; `found` what the detectors found.
    `models` are all that the endpoint has now: what was found about any other is over.
    """

    endpoint: str
    schema: Schema
    models: Collection[str]
    looked: Mapping[str, int]
    found: Sequence[Found]
    changes: Sequence[Change] = ()
    silences: Sequence[Silence] = ()


class Step(NamedTuple):
    """The alerts that changed or stay open, and what to tell of them. A `FORGOTTEN` one is to be removed from what is known."""

    alerts: tuple[Alert, ...]
    events: tuple[Event, ...]


def step(known: Iterable[Alert], seen: Observation, now: int, policy: Policy) -> Step:
    """Take a step with all alerts of one endpoint that are pending, open, or resolved; `now` is in nanoseconds since 1970."""
    current = [alert for alert in known if not _is_over(alert, now, policy)]
    assigned, fresh = _assigned(sorted(current, key=_rank), _sightings(seen, now), seen, policy)
    moved = [_moved(alert, assigned.get(alert.id, ()), seen, now, policy) for alert in (*current, *fresh)]
    told = [_told(alert, event, seen, now, policy) for alert, event in moved]
    alerts = tuple(sorted((alert for alert, _ in told), key=lambda alert: alert.id))
    events = tuple(sorted((event for _, event in told if event), key=lambda event: event.id))
    return Step(alerts, events)


def _is_over(alert: Alert, now: int, policy: Policy) -> bool:
    return alert.state is State.RESOLVED and now - (alert.resolved or 0) > policy.reopen


# What was found, and which alert it belongs to.


def _sightings(seen: Observation, now: int) -> list[Sighting]:
    """What was found as sightings, each once, in an order that does not depend on that of the findings.

    What several models show began when the first of them showed it.
    """
    found = [
        Sighting(
            model=model,
            finding=_bounded(finding),
            since=now if finding.since is None else finding.since,
            look=seen.looked[model],
            rows=rows,
        )
        for model, finding, rows in seen.found
        if model in seen.looked and model in seen.models
    ]
    found.sort(
        key=lambda each: (each.finding.evidence, each.finding.effect, each.since, each.rows, each.finding.sentence)
    )
    strongest = {sighting.identity: sighting for sighting in found}
    began: dict[tuple[str, str, str, str], int] = {}
    for sighting in strongest.values():
        began[sighting.subject] = min(sighting.since, began.get(sighting.subject, sighting.since))
    return [
        msgspec.structs.replace(strongest[identity], since=began[strongest[identity].subject])
        for identity in sorted(strongest)
    ]


def _bounded(finding: Finding) -> Finding:
    return msgspec.structs.replace(finding, effect=_finite(finding.effect), evidence=_finite(finding.evidence))


def _finite(value: float) -> float:
    return min(max(float(value), -LARGEST), LARGEST) if value == value else 0.0


def _rank(alert: Alert) -> tuple[int, int, str]:
    """Open alerts first, then pending ones, then the newest of those that ended."""
    order = (State.OPEN, State.PENDING, State.RESOLVED)
    return order.index(alert.state), -(alert.resolved or 0), alert.id


def _assigned(
    known: Sequence[Alert], sightings: Sequence[Sighting], seen: Observation, policy: Policy
) -> tuple[dict[str, list[Sighting]], list[Alert]]:
    """The sightings of each alert by its id, and the new alerts for those that belong to none that is known."""
    suspects = Suspects(seen.schema, seen.changes, policy.look)
    assigned: dict[str, list[Sighting]] = {}
    strangers = []
    for sighting in sightings:
        alert = _recognised(known, sighting)
        if alert:
            assigned.setdefault(alert.id, []).append(sighting)
        else:
            strangers.append((sighting, suspects.cause(sighting, sightings)))
    fresh: list[Alert] = []
    for follows in (False, True):  # what follows goes with what is there by then
        unplaced: dict[Cause, list[Sighting]] = {}
        for sighting, cause in strangers:
            if cause.follows is follows:
                standing = [
                    alert for alert in (*known, *fresh) if _recent(alert, assigned.get(alert.id, ()), seen, policy)
                ]
                alert = _joined((*known, *fresh), standing, sighting, cause, policy)
                if alert:
                    assigned.setdefault(alert.id, []).append(sighting)
                else:
                    unplaced.setdefault(cause, []).append(sighting)
        for cause, group in unplaced.items():
            for cluster in clusters(group, policy.together):
                alert = _made(seen.endpoint, cause, cluster)
                assigned[alert.id] = cluster
                fresh.append(alert)
    return assigned, fresh


def _recognised(known: Sequence[Alert], sighting: Sighting) -> Alert | None:
    """The alert that has this finding already, about this model or another."""
    for alert in known:
        if any(each.identity == sighting.identity for each in alert.sightings):
            return alert
    for alert in known:
        if any(each.subject == sighting.subject for each in alert.sightings):
            return alert
    return None


def _joined(
    alerts: Sequence[Alert], standing: Sequence[Alert], sighting: Sighting, cause: Cause, policy: Policy
) -> Alert | None:
    """The alert of the same cause that a new finding began together with; for what follows, one that stands after this look."""
    same = [alert for alert in alerts if alert.cause == cause.name and _is_near(alert, sighting, policy)]
    if same:
        return min(same, key=lambda alert: (abs(alert.since - sighting.since), alert.id))
    leading = [
        alert
        for alert in standing
        if cause.follows
        and alert.cause != "labels"
        and alert.state is not State.RESOLVED
        and _is_near(alert, sighting, policy)
    ]
    return max(leading, key=lambda alert: (_strength(alert), alert.id), default=None)


def _is_near(alert: Alert, sighting: Sighting, policy: Policy) -> bool:
    latest = max(alert.since, alert.opened or alert.seen)
    return alert.since - policy.together <= sighting.since <= latest + policy.together


def _strength(alert: Alert) -> float:
    return max(sighting.finding.evidence for sighting in alert.sightings)


def _made(endpoint: str, cause: Cause, sightings: Sequence[Sighting]) -> Alert:
    since, look = min(each.since for each in sightings), max(each.look for each in sightings)
    name = f"{endpoint}\n{cause.name}\n{since}\n{look}"
    return Alert(
        id=hashlib.blake2b(name.encode(), digest_size=10).hexdigest(),
        endpoint=endpoint,
        cause=cause.name,
        source=cause.source,
        change=cause.change,
        since=since,
        seen=look,
        sightings=tuple(sightings),
    )


# Where each alert goes from here.


def _moved(
    alert: Alert, sightings: Collection[Sighting], seen: Observation, now: int, policy: Policy
) -> tuple[Alert, EventKind | None]:
    """The alert after this look, and what its move is called."""
    recent = _recent(alert, sightings, seen, policy)
    leading = [each for each in recent if _leads(each, alert, seen.schema)]
    move = MOVES[alert.state, _signal(recent if alert.state is State.PENDING else leading, policy)]
    reopened = move.event == "reopened"
    after = msgspec.structs.replace(
        alert,
        state=move.state,
        sightings=tuple(recent) or alert.sightings,
        enough=_fewest(alert.enough, recent),
        opened=now if move.event in ("opened", "reopened") else alert.opened,
        resolved=now if move.event == "resolved" else None if reopened else alert.resolved,
        acknowledged=None if reopened else alert.acknowledged,
    )
    return after, move.event


def _recent(alert: Alert, sightings: Collection[Sighting], seen: Observation, policy: Policy) -> list[Sighting]:
    """The findings of an alert after this look, without those that are over. None are left when all are."""
    before = {each.identity: each for each in alert.sightings}
    found = {each.identity: each for each in sightings}
    after = [_counted(before.get(identity), sighting) for identity, sighting in found.items()]
    after += [
        _missed(each, seen.looked.get(each.model, each.look))
        for identity, each in before.items()
        if identity not in found and each.model in seen.models
    ]
    recent = sorted((each for each in after if each.missed < policy.gone), key=lambda each: each.identity)
    stands = alert.state is State.PENDING or any(_leads(each, alert, seen.schema) for each in recent)
    return recent if stands else []


def _leads(sighting: Sighting, alert: Alert, schema: Schema) -> bool:
    """Whether an alert that was told is about this, and ends with it: answers that moved because a feed broke take longer to be as they were."""
    return alert.change is not None or leads_nothing(alert.cause) or not is_consequence(sighting.finding, schema)


def _fewest(known: Mapping[str, Mapping[str, int]], sightings: Iterable[Sighting]) -> dict[str, dict[str, int]]:
    """By model and feature, in how many rows something was first found of it, whatever is said of it now."""
    fewest = {model: dict(features) for model, features in known.items()}
    for each in sightings:
        features = fewest.setdefault(each.model, {})
        features[each.finding.feature] = min(each.rows, features.get(each.finding.feature, each.rows))
    return fewest


def _counted(before: Sighting | None, now: Sighting) -> Sighting:
    """A finding that is seen; what began when is as it was first said."""
    if before is None:
        return now
    held = before.held + 1 if now.look != before.look else max(before.held, 1)
    return msgspec.structs.replace(now, since=before.since, held=held, missed=0)


def _missed(before: Sighting, look: int) -> Sighting:
    if look == before.look:
        return before
    return msgspec.structs.replace(before, look=look, held=0, missed=before.missed + 1)


def _signal(sightings: Sequence[Sighting], policy: Policy) -> Signal:
    present = [each for each in sightings if each.present]
    if any(_convinces(each, policy) for each in present):
        return Signal.CONVINCING
    if present:
        return Signal.SEEN
    return Signal.FADING if sightings else Signal.GONE


def _convinces(sighting: Sighting, policy: Policy) -> bool:
    return sighting.held >= policy.hold or sighting.finding.evidence >= policy.overwhelming


# What is told.


def _told(
    alert: Alert, event: EventKind | None, seen: Observation, now: int, policy: Policy
) -> tuple[Alert, Event | None]:
    """The alert with what is now known to people, and the event that tells them. What was said stands until something else is said."""
    kind = _worth_telling(alert, event, seen.silences, now, policy)
    unsaid = not alert.told and alert.state is not State.RESOLVED
    if kind in ("opened", "reopened", "updated") or unsaid:
        alert = msgspec.structs.replace(alert, sentence=sentence_of(alert, seen.schema))
    if kind is None:
        return (msgspec.structs.replace(alert, told=()) if alert.state is State.RESOLVED else alert), None
    said = {(each.finding.feature, each.finding.finding) for each in alert.sightings}
    known = () if kind == "resolved" else tuple(sorted(said | (set(alert.told) if kind == "updated" else set())))
    alert = msgspec.structs.replace(alert, told=known, told_at=now, version=alert.version + 1)
    return alert, Event(kind, alert, now)


def _worth_telling(
    alert: Alert, event: EventKind | None, silences: Sequence[Silence], now: int, policy: Policy
) -> EventKind | None:
    if silenced(alert, silences, now):
        return None
    if event == "resolved":
        return "resolved" if alert.told else None
    if alert.state is not State.OPEN:
        return None
    if not alert.told:
        return event or ("opened" if alert.version == 0 else "reopened")
    news = any(each.present and _convinces(each, policy) and _is_news(each.finding, alert) for each in alert.sightings)
    return "updated" if news and now - alert.told_at >= policy.pause else None


def _is_news(finding: Finding, alert: Alert) -> bool:
    """Whether a finding says what was not told yet: that a feature moved is none, where it was told what happened to it."""
    if finding.finding in VAGUE:
        return all(feature != finding.feature for feature, _ in alert.told)
    return (finding.feature, finding.finding) not in alert.told

"""The book of alerts: what is kept of them and of silences, and the one transaction in which a step is taken.

A step reads the alerts of an endpoint, asks the domain what becomes of them, and writes that together with what is to be sent. Killed at
any moment, control has done all of it or nothing; a step that is taken again for the same look changes nothing.
"""

import uuid
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Engine, delete, select
from sqlalchemy.orm import Session

from control.alerts.outbox import enqueue
from control.alerts.tables import AlertRow, SilenceRow
from control.jobs.lease import Lease
from control.registry.database import for_writing
from hyperplan.alerts import Acknowledgement, Alert, Event, Observation, Policy, Silence, State, Step, step

LIVE = (State.PENDING, State.OPEN)


class NoSuchAlert(LookupError):
    """There is no alert of this id; it may have been removed after its time."""


class NoSuchSilence(LookupError):
    """There is no silence of this id; it may be over."""


class Question(NamedTuple):
    """Which alerts are asked for."""

    states: Sequence[State] = (State.OPEN, State.RESOLVED)
    endpoint: str | None = None
    limit: int = 100


class AlertBook:
    """The alerts of one control, or of several that share a database. Every method may be called from any thread."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._writing = for_writing(engine)

    # Alerts.

    def find(self, question: Question) -> list[Alert]:
        """The alerts that match; those that are not over first, then those that began last."""
        query = select(AlertRow.document).where(AlertRow.state.in_([state.value for state in question.states]))
        if question.endpoint is not None:
            query = query.where(AlertRow.endpoint == question.endpoint)
        query = query.order_by(AlertRow.ended.is_not(None), AlertRow.since.desc(), AlertRow.id).limit(question.limit)
        with Session(self._engine) as session:
            return [_alert(document) for document in session.scalars(query)]

    def get(self, identity: str) -> Alert:
        """One alert.

        Raises:
            NoSuchAlert: there is none.
        """
        with Session(self._engine) as session:
            row = session.get(AlertRow, identity)
        if row is None:
            raise NoSuchAlert(f"there is no alert {identity!r}; GET /v1/alerts lists them")
        return _alert(row.document)

    def acknowledge(self, identity: str, acknowledgement: Acknowledgement) -> Alert:
        """Write down that somebody has seen an alert, in place of who did before.

        Raises:
            NoSuchAlert: there is none.
        """
        with Session(self._writing) as session, session.begin():
            row = session.get(AlertRow, identity, with_for_update=True)
            if row is None:
                raise NoSuchAlert(f"there is no alert {identity!r}; GET /v1/alerts lists them")
            alert = msgspec.structs.replace(_alert(row.document), acknowledged=acknowledgement)
            row.document = _document(alert)
        return alert

    def endpoints(self) -> list[str]:
        """The endpoints with alerts that are not over."""
        query = select(AlertRow.endpoint).where(AlertRow.state.in_([state.value for state in LIVE])).distinct()
        with Session(self._engine) as session:
            return sorted(session.scalars(query))

    def enough(self, endpoint: str, ended_after: int) -> dict[str, dict[str, int]]:
        """By model and feature, in how many rows something was first seen that is not over, or was not at a time."""
        live = AlertRow.state.in_([state.value for state in LIVE])
        query = select(AlertRow.document).where(AlertRow.endpoint == endpoint, live | (AlertRow.ended >= ended_after))
        found: dict[str, dict[str, int]] = {}
        with Session(self._engine) as session:
            alerts = [_alert(document) for document in session.scalars(query)]
        for alert in alerts:
            for model, features in alert.enough.items():
                fewest = found.setdefault(model, {})
                for feature, rows in features.items():
                    fewest[feature] = min(rows, fewest.get(feature, rows))
        return found

    def take_step(
        self,
        seen: Observation,
        now: int,
        policy: Policy,
        *,
        lease: Lease,
        webhooks: Sequence[str],
        body: Callable[[Event], bytes],
    ) -> Step:
        """Take a step with the alerts of an endpoint, write it down, and put what it tells into the outbox for each webhook.

        Raises:
            NotHeld: the lease is another replica's; nothing was written.
        """
        with Session(self._writing) as session, session.begin():
            lease.confirm(session)
            known = {row.id: row for row in session.scalars(_near(seen.endpoint, now - policy.reopen))}
            taken = step([_alert(row.document) for row in known.values()], seen, now, policy)
            for alert in taken.alerts:
                _write(session, known.get(alert.id), alert)
            for event in taken.events:
                enqueue(session, event, webhooks, body(event), now)
        return taken

    def forget(self, before: int) -> int:
        """Remove alerts that ended before a time, and silences that were over by then; how many alerts."""
        with Session(self._writing) as session, session.begin():
            session.execute(delete(SilenceRow).where(SilenceRow.until < before))
            old = delete(AlertRow).where(AlertRow.ended < before)
            return int(session.execute(old).rowcount)  # type: ignore[attr-defined]

    # Silences.

    def silences(self, after: int) -> list[Silence]:
        """The silences that last beyond a time, the one that is over first at the front."""
        query = select(SilenceRow.document).where(SilenceRow.until > after).order_by(SilenceRow.until, SilenceRow.id)
        with Session(self._engine) as session:
            return [msgspec.json.decode(document, type=Silence) for document in session.scalars(query)]

    def silence(self, **fields: Any) -> Silence:
        """Make a silence of these fields, and give it an id."""
        made = Silence(id=uuid.uuid4().hex, **fields)
        document = msgspec.json.encode(made).decode()
        with Session(self._writing) as session, session.begin():
            session.add(SilenceRow(id=made.id, until=made.until, document=document))
        return made

    def get_silence(self, identity: str) -> Silence:
        """One silence, over or not.

        Raises:
            NoSuchSilence: there is none.
        """
        with Session(self._engine) as session:
            row = session.get(SilenceRow, identity)
        if row is None:
            raise NoSuchSilence(f"there is no silence {identity!r}; GET /v1/silences lists them")
        return msgspec.json.decode(row.document, type=Silence)

    def end_silence(self, identity: str) -> Silence:
        """Remove a silence; what it was.

        Raises:
            NoSuchSilence: there is none.
        """
        with Session(self._writing) as session, session.begin():
            row = session.get(SilenceRow, identity)
            if row is None:
                raise NoSuchSilence(f"there is no silence {identity!r}; GET /v1/silences lists them")
            session.delete(row)
        return msgspec.json.decode(row.document, type=Silence)


def _near(endpoint: str, ended_after: int) -> Any:
    """The rows that a step needs, locked: those that are not over, and those that could be back."""
    live = AlertRow.state.in_([state.value for state in LIVE])
    return (
        select(AlertRow)
        .where(AlertRow.endpoint == endpoint, live | (AlertRow.ended >= ended_after))
        .order_by(AlertRow.id)
        .with_for_update()
    )


def _write(session: Session, row: AlertRow | None, alert: Alert) -> None:
    if alert.state is State.FORGOTTEN:
        if row is not None:
            session.delete(row)
        return
    columns = {"state": alert.state.value, "since": alert.since, "ended": alert.resolved, "document": _document(alert)}
    if row is None:
        session.add(AlertRow(id=alert.id, endpoint=alert.endpoint, **columns))
        return
    for name, value in columns.items():
        setattr(row, name, value)


def _alert(document: str) -> Alert:
    return msgspec.json.decode(document, type=Alert)


def _document(alert: Alert) -> str:
    return msgspec.json.encode(alert, enc_hook=_plain).decode()


def _plain(value: Any) -> Any:
    """What detectors put into details may be numpy's."""
    return value.tolist() if hasattr(value, "tolist") else str(value)

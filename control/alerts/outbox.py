"""The outbox: what webhooks are still to be told.

Rows are written with the alert that they tell of, and only then sent; a row is settled after the receiver has answered. So a message may be
sent twice, when control is killed in between, but under the same id, and none is lost ("at least once").
"""

import hashlib
from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple

from sqlalchemy import Engine, delete, func, select, update
from sqlalchemy.orm import Session

from control.alerts.tables import DeliveryRow
from control.registry.database import for_writing
from hyperplan.alerts import Event

LONGEST_ERROR = 500


class DeliveryState(StrEnum):
    """What has become of a delivery."""

    WAITING = "waiting"
    DELIVERED = "delivered"
    GIVEN_UP = "given_up"


class Delivery(NamedTuple):
    """One message for one webhook: a fingerprint of its URL. `message` is the same for all webhooks and all attempts."""

    id: str
    message: str
    alert: str
    webhook: str
    body: bytes
    state: DeliveryState
    attempts: int
    created: int
    next_at: int
    error: str


def fingerprint(url: str) -> str:
    """What a webhook is called where its URL must not stand."""
    return hashlib.blake2b(url.encode(), digest_size=6).hexdigest()


def enqueue(session: Session, event: Event, webhooks: Sequence[str], body: bytes, now: int) -> None:
    """Put an event in for each webhook, within a transaction. What is in already stays as it is."""
    for webhook in webhooks:
        identity = f"{event.id}-{webhook}"
        if session.get(DeliveryRow, identity) is None:
            row = DeliveryRow(
                id=identity,
                event=event.id,
                alert=event.alert.id,
                webhook=webhook,
                body=body.decode(),
                state=DeliveryState.WAITING.value,
                attempts=0,
                created=now,
                next_at=now,
                error="",
            )
            session.add(row)


class Outbox:
    """The deliveries. Every method may be called from any thread."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._writing = for_writing(engine)

    def due(self, now: int, limit: int = 50) -> list[Delivery]:
        """Deliveries whose time has come, the oldest first."""
        waiting = DeliveryRow.state == DeliveryState.WAITING.value
        query = (
            select(DeliveryRow).where(waiting, DeliveryRow.next_at <= now).order_by(DeliveryRow.created, DeliveryRow.id)
        )
        with Session(self._engine) as session:
            return [_delivery(row) for row in session.scalars(query.limit(limit))]

    def settle(self, delivery: Delivery, state: DeliveryState, *, next_at: int | None = None, error: str = "") -> None:
        """Write down what came of an attempt."""
        values = {"state": state.value, "attempts": delivery.attempts + 1, "error": error[:LONGEST_ERROR]}
        if next_at is not None:
            values["next_at"] = next_at
        with Session(self._writing) as session, session.begin():
            session.execute(update(DeliveryRow).where(DeliveryRow.id == delivery.id).values(values))

    def of(self, alert: str) -> list[Delivery]:
        """What was sent of an alert, and what is to be, in the order of its events."""
        query = select(DeliveryRow).where(DeliveryRow.alert == alert).order_by(DeliveryRow.created, DeliveryRow.id)
        with Session(self._engine) as session:
            return [_delivery(row) for row in session.scalars(query)]

    def waiting(self) -> int:
        """How many are still to be sent."""
        query = select(func.count()).select_from(DeliveryRow).where(DeliveryRow.state == DeliveryState.WAITING.value)
        with Session(self._engine) as session:
            return session.scalar(query) or 0

    def forget(self, before: int) -> None:
        """Remove what is settled and was made before a time."""
        settled = DeliveryRow.state != DeliveryState.WAITING.value
        with Session(self._writing) as session, session.begin():
            session.execute(delete(DeliveryRow).where(settled, DeliveryRow.created < before))


def _delivery(row: DeliveryRow) -> Delivery:
    return Delivery(
        row.id,
        f"msg_{row.event}",
        row.alert,
        row.webhook,
        row.body.encode(),
        DeliveryState(row.state),
        row.attempts,
        row.created,
        row.next_at,
        row.error,
    )

"""The tables of alerts, in the registry's database: it is what replicas of control share. Times are nanoseconds since 1970."""

from sqlalchemy import BigInteger, Index, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from control.registry.tables import Base


class AlertRow(Base):
    """An alert: `document` is `hyperplan.alerts.Alert` as JSON; the other columns are what is asked for."""

    __tablename__ = "alerts"
    __table_args__ = (Index("alerts_by_state", "state", "endpoint"),)

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    endpoint: Mapped[str] = mapped_column(String(63))
    state: Mapped[str] = mapped_column(String(16))
    since: Mapped[int] = mapped_column(BigInteger)
    ended: Mapped[int | None] = mapped_column(BigInteger)
    document: Mapped[str] = mapped_column(Text)


class SilenceRow(Base):
    """A silence: `document` is `hyperplan.alerts.Silence` as JSON."""

    __tablename__ = "silences"

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    until: Mapped[int] = mapped_column(BigInteger)
    document: Mapped[str] = mapped_column(Text)


class DeliveryRow(Base):
    """One event for one webhook. `webhook` is a fingerprint of its URL, which may hold secrets and stays out of the database."""

    __tablename__ = "deliveries"
    __table_args__ = (Index("deliveries_by_state", "state", "next_at"),)

    id: Mapped[str] = mapped_column(String(80), primary_key=True)
    event: Mapped[str] = mapped_column(String(60))
    alert: Mapped[str] = mapped_column(String(40), index=True)
    webhook: Mapped[str] = mapped_column(String(16))
    body: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(String(16))
    attempts: Mapped[int] = mapped_column(Integer)
    created: Mapped[int] = mapped_column(BigInteger)
    next_at: Mapped[int] = mapped_column(BigInteger)
    error: Mapped[str] = mapped_column(String(500))

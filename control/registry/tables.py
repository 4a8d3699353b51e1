"""The one table of the registry; those of alerts, in `control.alerts.tables`, are in the same database.

It only ever grows. A change of any kind is one row with the whole endpoint after it, so history, rollback and the plan
are all the same query, and nothing has to be kept consistent with anything else.
"""

from datetime import UTC, datetime
from enum import StrEnum

from sqlalchemy import DateTime, Integer, String, Text, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    """The tables of the registry."""


class Change(StrEnum):
    """What kind of edit made a revision."""

    APPLY = "apply"
    ROUTING = "routing"
    SCHEMA = "schema"
    MODEL = "model"
    THRESHOLD = "threshold"
    EXPLORATION = "exploration"
    ROLLBACK = "rollback"
    DELETE = "delete"


class Revision(Base):
    """An endpoint as it was after one change.

    `id` orders all changes of all endpoints: the newest one is the number of the plan. `number` counts the changes of one endpoint from
    1; that it is unique is what keeps two writers from both winning. `document` is JSON, None when the endpoint was deleted.
    """

    __tablename__ = "revisions"
    __table_args__ = (UniqueConstraint("endpoint", "number"), {"sqlite_autoincrement": True})

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    endpoint: Mapped[str] = mapped_column(String(63))
    number: Mapped[int] = mapped_column(Integer)
    document: Mapped[str | None] = mapped_column(Text)
    change: Mapped[str] = mapped_column(String(16))
    author: Mapped[str] = mapped_column(String(200))
    reason: Mapped[str] = mapped_column(String(2000))
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), default=lambda: datetime.now(UTC))

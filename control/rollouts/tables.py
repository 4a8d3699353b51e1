"""The table of rollouts, in the registry's database: it is what replicas of control share."""

from sqlalchemy import BigInteger, Boolean, Index, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from control.registry.tables import Base


class RolloutRow(Base):
    """A rollout: `document` is `hyperplan.rollouts.Rollout` as JSON. `version` counts its changes, `started` is in nanoseconds since 1970."""

    __tablename__ = "rollouts"
    __table_args__ = (Index("rollouts_by_endpoint", "endpoint", "started"),)

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    endpoint: Mapped[str] = mapped_column(String(63))
    started: Mapped[int] = mapped_column(BigInteger)
    live: Mapped[bool] = mapped_column(Boolean)
    version: Mapped[int] = mapped_column(Integer)
    document: Mapped[str] = mapped_column(Text)

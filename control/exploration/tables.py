"""The table of exploration, in the registry's database."""

from sqlalchemy import Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from control.registry.tables import Base


class ResumedRow(Base):
    """The revision of an endpoint at which somebody let exploration go on: whoever set weights up to it holds them no more."""

    __tablename__ = "explorations_resumed"

    endpoint: Mapped[str] = mapped_column(String(63), primary_key=True)
    revision: Mapped[int] = mapped_column(Integer)

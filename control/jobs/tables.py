"""The table of leases, in the registry's database: it is what replicas of control share. Times are nanoseconds since 1970."""

from sqlalchemy import BigInteger, String
from sqlalchemy.orm import Mapped, mapped_column

from control.registry.tables import Base


class LeaseRow(Base):
    """Who does what only one may do at a time, and until when it has said that it lives."""

    __tablename__ = "leases"

    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    holder: Mapped[str] = mapped_column(String(40))
    until: Mapped[int] = mapped_column(BigInteger)

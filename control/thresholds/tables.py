"""The table of looks at thresholds, in the registry's database: it is what replicas of control share."""

from sqlalchemy import String, Text
from sqlalchemy.orm import Mapped, mapped_column

from control.registry.tables import Base


class ThresholdLookRow(Base):
    """The last look at the threshold of a model version. `document` is a `control.thresholds.book.Look` as JSON."""

    __tablename__ = "threshold_looks"

    endpoint: Mapped[str] = mapped_column(String(63), primary_key=True)
    model: Mapped[str] = mapped_column(String(130), primary_key=True)
    document: Mapped[str] = mapped_column(Text)

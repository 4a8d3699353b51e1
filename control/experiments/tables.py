"""The table of experiments, in the registry's database: it is what replicas of control share."""

from sqlalchemy import Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from control.registry.tables import Base


class ExperimentRow(Base):
    """An experiment, by its endpoint and the revision that it started with. `document` is the newest `hyperplan.experiments.look.Look` as JSON."""

    __tablename__ = "experiments"

    endpoint: Mapped[str] = mapped_column(String(63), primary_key=True)
    first: Mapped[int] = mapped_column(Integer, primary_key=True)
    document: Mapped[str] = mapped_column(Text)

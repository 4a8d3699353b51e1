"""The book of thresholds: the last look at each model version, whatever came of it."""

import msgspec
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from control.jobs.lease import Lease
from control.registry.database import for_writing
from control.thresholds.tables import ThresholdLookRow
from hyperplan.thresholds.block import Objective, Origin, Setting


class Range(msgspec.Struct, frozen=True):
    """What is attained of an objective, with a 95 % interval."""

    value: float
    low: float
    high: float


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """A look at the threshold of a model version.

    `at` is when, in nanoseconds since 1970; `told` how much feedback the endpoint had then and `shown` how many answers of the version there were to learn from. `current` was in force. `value` is the best that
    is known, None where nothing could be learnt, from `labels` (which say as much as `effective` equally weighted ones). `attained` is what it attains of
    the objective, `before` what `current` does. `why` says in words what came of it, `changed` whether the document was changed.
    """

    at: int
    told: int
    shown: int = 0
    objective: Objective
    current: Setting
    value: Setting | None = None
    origin: Origin | None = None
    interval: tuple[float, float] | None = None
    labels: int = 0
    effective: float = 0.0
    attained: Range | None = None
    before: Range | None = None
    better: float | None = None
    gain: float | None = None
    changed: bool = False
    why: str
    notes: tuple[str, ...] = ()


class ThresholdBook:
    """The looks of one control, or of several that share a database. Every method may be called from any thread."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._writing = for_writing(engine)

    def of(self, endpoint: str) -> dict[str, Look]:
        """The last look at each model version of an endpoint that was looked at."""
        query = select(ThresholdLookRow).where(ThresholdLookRow.endpoint == endpoint)
        with Session(self._engine) as session:
            return {row.model: msgspec.json.decode(row.document, type=Look) for row in session.scalars(query)}

    def keep(self, endpoint: str, model: str, look: Look, lease: Lease | None) -> None:
        """Keep a look in place of the one before; `lease` is that of the job, None for a person who asked for it.

        Raises:
            NotHeld: the lease is another replica's; nothing was written.
        """
        document = msgspec.json.encode(look).decode()
        with Session(self._writing) as session, session.begin():
            if lease is not None:
                lease.confirm(session)
            row = session.get(ThresholdLookRow, (endpoint, model), with_for_update=True)
            if row is None:
                session.add(ThresholdLookRow(endpoint=endpoint, model=model, document=document))
            else:
                row.document = document

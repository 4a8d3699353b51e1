"""The book of experiments: the newest look at each, with every verdict that was ever reached.

A verdict is what was true at some look, and later looks do not take it back; so the look that is kept is always put together with the one that was there, in one
transaction, by the replica that holds the lease. Looks at experiments that are over stay: they are what was learnt.
"""

import msgspec
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from control.experiments.tables import ExperimentRow
from control.jobs.lease import Lease
from control.registry.database import for_writing
from hyperplan.experiments.look import Look, Standing


class ExperimentBook:
    """The experiments of one control, or of several that share a database. Every method may be called from any thread."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._writing = for_writing(engine)

    def get(self, endpoint: str, first: int) -> Look | None:
        """The newest look at the experiment that started with a revision; None if there was no look yet."""
        with Session(self._engine) as session:
            row = session.get(ExperimentRow, (endpoint, first))
        return None if row is None else _look(row.document)

    def firsts(self, endpoint: str) -> list[int]:
        """The revisions with which the experiments of an endpoint started that were looked at, newest first."""
        query = select(ExperimentRow.first).where(ExperimentRow.endpoint == endpoint)
        with Session(self._engine) as session:
            return list(session.scalars(query.order_by(ExperimentRow.first.desc())))

    def newest(self) -> dict[str, Look]:
        """The newest look at the newest experiment of each endpoint."""
        query = select(ExperimentRow).order_by(ExperimentRow.endpoint, ExperimentRow.first)
        with Session(self._engine) as session:
            newest = {row.endpoint: row.document for row in session.scalars(query)}
        return {endpoint: _look(document) for endpoint, document in newest.items()}

    def keep(self, look: Look, lease: Lease) -> list[Standing]:
        """Keep a look; the standings whose verdict it has settled, or changed.

        Raises:
            NotHeld: the lease is another replica's; nothing was written.
        """
        with Session(self._writing) as session, session.begin():
            lease.confirm(session)
            row = session.get(ExperimentRow, (look.endpoint, look.running.first), with_for_update=True)
            before = None if row is None else _look(row.document)
            kept = look.after(before)
            document = msgspec.json.encode(kept).decode()
            if row is None:
                session.add(ExperimentRow(endpoint=look.endpoint, first=look.running.first, document=document))
            else:
                row.document = document
        stood = {} if before is None else {arm: standing.decided for arm, standing in before.standings.items()}
        return [
            standing
            for arm, standing in kept.standings.items()
            if standing.decided is not None and standing.decided != stood.get(arm)
        ]


def _look(document: str) -> Look:
    return msgspec.json.decode(document, type=Look)

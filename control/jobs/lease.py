"""A lease: of several replicas that share a database, one does what must not be done twice at a time.

The holder says again and again that it lives; when it falls silent another takes over. Clocks need only agree roughly: what is written under a
lease checks in its own transaction, with the row locked, that the lease is still held (`confirm`), so that a holder that was asleep
writes nothing over its successor.
"""

import asyncio
import logging
import time
import uuid

from sqlalchemy import Engine, select
from sqlalchemy.exc import IntegrityError, SQLAlchemyError
from sqlalchemy.orm import Session

from control.jobs.tables import LeaseRow
from control.registry.database import for_writing

log = logging.getLogger("hyperplan.control")

SECOND = 10**9


class NotHeld(Exception):
    """Somebody else holds the lease."""


class Lease:
    """One replica's claim to a lease. Every method may be called from any thread."""

    def __init__(self, engine: Engine, name: str, seconds: float = 30.0) -> None:
        """A claim to be renewed at least every `seconds`; it is not held yet."""
        self._writing = for_writing(engine)
        self.name = name
        self._seconds = seconds
        self.holder = uuid.uuid4().hex
        self.held = False

    def claim(self) -> bool:
        """Take the lease if nobody lives who has it, or keep it; whether it is held now."""
        now = time.time_ns()
        try:
            with Session(self._writing) as session, session.begin():
                row = self._locked(session)
                if row is None:
                    row = LeaseRow(name=self.name, holder=self.holder, until=0)
                    session.add(row)
                self.held = row.holder == self.holder or row.until < now
                if self.held:
                    row.holder, row.until = self.holder, now + round(self._seconds * SECOND)
        except IntegrityError:  # another replica made the row at the same moment
            self.held = False
        return self.held

    def confirm(self, session: Session) -> None:
        """Make sure that the lease stays held until this transaction is over.

        Raises:
            NotHeld: it is not held any more.
        """
        row = self._locked(session)
        if row is None or row.holder != self.holder:
            self.held = False
            raise NotHeld

    def release(self) -> None:
        """Let another replica take over at once."""
        with Session(self._writing) as session, session.begin():
            row = self._locked(session)
            if row is not None and row.holder == self.holder:
                row.until = 0
        self.held = False

    async def keep(self) -> None:
        """Claim the lease again and again until cancelled; the claim of that moment comes to its end first."""
        while True:
            claiming = asyncio.ensure_future(asyncio.to_thread(self._try_to_claim))
            try:
                await asyncio.shield(claiming)
            except asyncio.CancelledError:
                await claiming
                raise
            await asyncio.sleep(self._seconds / 3)

    def _try_to_claim(self) -> None:
        try:
            self.claim()
        except SQLAlchemyError as error:
            log.warning("the lease %r cannot be renewed: %s", self.name, error)

    def _locked(self, session: Session) -> LeaseRow | None:
        return session.scalar(select(LeaseRow).where(LeaseRow.name == self.name).with_for_update())

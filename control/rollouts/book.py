"""The book of rollouts, and the one transaction in which a step is taken.

A change is made from a version of a rollout that was read, and is `Overtaken` if somebody has changed it since: a person may pause one in the moment in which the job looks at it.
"""

from collections.abc import Callable
from typing import NamedTuple

import msgspec
from sqlalchemy import select
from sqlalchemy.orm import Session

from control.registry import Change, Registry, Write
from control.registry.database import for_writing
from control.rollouts.tables import RolloutRow
from hyperplan.endpoint import Endpoint
from hyperplan.rollouts import Rollout, Taken
from hyperplan.rollouts.rollout import LIVE


class Overtaken(Exception):
    """Somebody else has changed the rollout meanwhile, or has started one."""


class Kept(NamedTuple):
    """A rollout as it was read, and which version of it that is; 0: it is not in the book yet."""

    rollout: Rollout
    version: int


class RolloutBook:
    """The rollouts of one control, or of several that share a database. Every method may be called from any thread."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._writing = for_writing(registry.engine)

    def newest(self, endpoint: str) -> Kept | None:
        """The newest rollout of an endpoint; None if there never was one."""
        query = select(RolloutRow).where(RolloutRow.endpoint == endpoint).order_by(RolloutRow.started.desc()).limit(1)
        with Session(self._registry.engine) as session:
            row = session.scalar(query)
        return None if row is None else _kept(row)

    def live(self) -> list[Kept]:
        """The rollouts that are not over, by endpoint."""
        query = select(RolloutRow).where(RolloutRow.live).order_by(RolloutRow.endpoint)
        with Session(self._registry.engine) as session:
            return list(map(_kept, session.scalars(query)))

    def all_newest(self) -> list[Rollout]:
        """The newest rollout of each endpoint that ever had one."""
        with Session(self._registry.engine) as session:
            rows = session.scalars(select(RolloutRow).order_by(RolloutRow.endpoint, RolloutRow.started))
            return list({row.endpoint: _kept(row).rollout for row in rows}.values())

    def write(
        self,
        kept: Kept,
        taken: Taken,
        revision: int,
        author: str,
        confirm: Callable[[Session], None] = lambda _: None,
    ) -> Rollout:
        """Write a step down and, in the same transaction, the routing that it makes of the one at a revision; the rollout as it is then.

        Raises:
            Overtaken: the rollout is at another version than it was read at.
            Stale: the endpoint is at another revision.
            Whatever `confirm` raises.
        """
        if taken.routing is None:
            with Session(self._writing) as session, session.begin():
                confirm(session)
                _write(session, kept, taken.rollout)
            return taken.rollout
        routing = taken.routing
        after = msgspec.structs.replace(taken.rollout, first=taken.rollout.first or revision + 1, revision=revision + 1)

        def with_it(session: Session) -> None:
            confirm(session)
            _write(session, kept, after)

        def edited(endpoint: Endpoint) -> Endpoint:
            return msgspec.structs.replace(endpoint, routing=routing)

        reason = f"rollout of {after.terms.canary}: {taken.why}"
        self._registry.edit(after.endpoint, Change.ROUTING, Write(author, reason, revision, with_it), edited)
        return after


def _write(session: Session, kept: Kept, rollout: Rollout) -> None:
    row = session.get(RolloutRow, rollout.id, with_for_update=True)
    if (row.version if row else 0) != kept.version:
        raise Overtaken("somebody else has changed the rollout meanwhile; look at it and say it again")
    if row is None:
        others = select(RolloutRow.id).where(RolloutRow.endpoint == rollout.endpoint, RolloutRow.live)
        if session.scalar(others) is not None:
            raise Overtaken(f"{rollout.endpoint!r} has a rollout already; abort it, or let it end")
        row = RolloutRow(id=rollout.id, endpoint=rollout.endpoint, started=rollout.started, version=0)
        session.add(row)
    row.live = rollout.state in LIVE
    row.version = kept.version + 1
    row.document = msgspec.json.encode(rollout).decode()


def _kept(row: RolloutRow) -> Kept:
    return Kept(msgspec.json.decode(row.document, type=Rollout), row.version)

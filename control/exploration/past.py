"""What was done with the weights of an endpoint before: read from its revisions, and from who let exploration go on.

A person's edit wins: weights that a person set by hand, or went back to, are held. A document that is applied declares its exploration, so that lets it go on
from the weights that the document has.
"""

from collections.abc import Sequence
from itertools import pairwise

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from control.exploration.tables import ResumedRow
from control.jobs import AUTHOR
from control.registry import Change, Entry, Registry
from control.registry.database import for_writing
from hyperplan.exploration.thought import Past

LOOKED_BACK = 200
"""Revisions that are looked through for the last change of weights."""
BY_HAND = (Change.ROUTING, Change.ROLLBACK)


def past_of(registry: Registry, entry: Entry) -> Past:
    """What was done before a revision."""
    entries = registry.history(entry.name, limit=LOOKED_BACK, before=entry.number + 1)
    published = next((one for one in entries if one.change is Change.EXPLORATION), None)
    at = round(published.created_at.timestamp() * 1e9) if published else None
    return Past(published=at, held=_held(registry, entry.name, _last_change(entries)))


def _held(registry: Registry, name: str, last: Entry | None) -> str | None:
    """Who holds the weights, in words, given the last revision that changed them."""
    if last is None or last.change not in BY_HAND or last.author == AUTHOR:
        return None
    if last.number <= resumed(registry.engine, name):
        return None
    return (
        f"{last.author} set the weights by hand (revision {last.number}), and they are held; "
        f"`hyperplan exploration resume {name}` lets them follow again"
    )


def _last_change(newest_first: Sequence[Entry]) -> Entry | None:
    """The last revision that changed the weights while there was an exploration before it."""
    for after, before in pairwise(newest_first):
        if after.endpoint is None or before.endpoint is None or before.endpoint.exploration is None:
            return None
        if after.endpoint.routing.split != before.endpoint.routing.split:
            return after
    return None


def resumed(engine: Engine, endpoint: str) -> int:
    """The revision at which somebody let exploration go on; 0 if nobody did."""
    with Session(engine) as session:
        row = session.get(ResumedRow, endpoint)
        return row.revision if row else 0


def resume(engine: Engine, endpoint: str, revision: int) -> None:
    """Let exploration go on from a revision."""
    with Session(for_writing(engine)) as session, session.begin():
        session.merge(ResumedRow(endpoint=endpoint, revision=revision))

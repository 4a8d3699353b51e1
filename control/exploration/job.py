"""The job: thinks about each endpoint that explores, and publishes weights that changed noticeably as a revision of its routing.

A revision is made from the one that was read: when somebody else was faster, their edit stands, and the next round thinks again.
"""

import logging
import time
from collections.abc import Callable

import msgspec

from control.exploration.past import past_of
from control.jobs import AUTHOR, Lease, NotHeld
from control.registry import Change, Entry, Registry, Stale, Write
from control.stores import Store
from hyperplan.endpoint import Endpoint
from hyperplan.exploration.block import Exploration
from hyperplan.exploration.evidence import evidence
from hyperplan.exploration.thought import SECOND, Thought, exploring, think

log = logging.getLogger("hyperplan.control")

SHORTEST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
"""Seconds between rounds: a tenth of the shortest time between publications, within these."""


def thought_of(registry: Registry, store: Store, entry: Entry, exploration: Exploration, now: int) -> Thought:
    """What exploration thinks of an endpoint at one of its revisions."""
    endpoint = entry.endpoint
    if endpoint is None:
        raise LookupError(f"revision {entry.number} deleted {entry.name!r}")
    since, until = now - round(exploration.window * SECOND), now - round(exploration.wait * SECOND)
    outcomes = store.labelled(entry.name, since, until)
    found = evidence(outcomes, exploring(endpoint.routing.split), exploration.reward)
    return think(exploration, endpoint.routing.split, found, past_of(registry, entry), now)


class Exploring:
    """Publishes weights for all endpoints that explore."""

    def __init__(self, registry: Registry, store: Store, clock: Callable[[], int] = time.time_ns) -> None:
        self.lease = Lease(registry.engine, "exploration")
        self._registry = registry
        self._store = store
        self._clock = clock
        self._pause = LONGEST_PAUSE
        self._looked: dict[str, int] = {}

    def pause(self) -> float:
        """The seconds until the next round."""
        return self._pause

    def round(self) -> None:
        """Think about every endpoint that explores, and publish what is due."""
        shortest = LONGEST_PAUSE * 10
        for entry in self._registry.entries():
            exploration = entry.endpoint.exploration if entry.endpoint else None
            if exploration is None:
                continue
            if not self.lease.held:
                break
            shortest = min(shortest, exploration.every)
            if not self._is_due(entry.name, exploration):
                continue
            try:
                self._look(entry, exploration)
            except NotHeld:
                raise
            except Exception:
                log.exception(
                    "the weights of %r could not be thought about; they will be in the next round", entry.name
                )
        self._pause = min(max(shortest / 10, SHORTEST_PAUSE), LONGEST_PAUSE)

    def _is_due(self, name: str, exploration: Exploration) -> bool:
        """Whether an endpoint was not looked at for a tenth of its time: reading all outcomes is not free."""
        now = self._clock()
        if now - self._looked.get(name, 0) < exploration.every / 10 * SECOND:
            return False
        self._looked[name] = now
        return True

    def _look(self, entry: Entry, exploration: Exploration) -> None:
        thought = thought_of(self._registry, self._store, entry, exploration, self._clock())
        if thought.doing != "publishes":
            return

        def edited(endpoint: Endpoint) -> Endpoint:
            routing = msgspec.structs.replace(endpoint.routing, split=thought.split(endpoint.routing.split))
            return msgspec.structs.replace(endpoint, routing=routing)

        write = Write(AUTHOR, thought.words, entry.number, self.lease.confirm)
        try:
            made = self._registry.edit(entry.name, Change.EXPLORATION, write, edited)
        except Stale:
            return  # somebody edited it meanwhile, and theirs stands
        log.info("%s at revision %d: %s", entry.name, made.number, thought.words)

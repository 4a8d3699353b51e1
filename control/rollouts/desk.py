"""What a person says of rollouts: start one, let it pause, go on, or end. Each is looked at first, and answered with what became of it."""

import time
import uuid
from collections.abc import Callable

from control.experiments.book import ExperimentBook
from control.registry import Registry
from control.rollouts.book import Kept, RolloutBook
from control.rollouts.reading import sight_of
from control.stores import Store
from hyperplan.rollouts import Rollout, Seen, Taken, Terms, start

Saying = Callable[[Rollout, Seen, int, str], Taken]


class NoRollout(LookupError):
    """The endpoint never had a rollout."""


class OutOfPlace(Exception):
    """What was said has no place in the state in which the rollout is."""


class RolloutDesk:
    """Takes what people say. Every method may be called from any thread."""

    def __init__(self, registry: Registry, store: Store) -> None:
        self.book = RolloutBook(registry)
        self._registry = registry
        self._store = store
        self._experiments = ExperimentBook(registry.engine)

    def newest(self, name: str) -> Rollout:
        """The newest rollout of an endpoint.

        Raises:
            LookupError: it never had one, or is not there.
        """
        return self._newest(name).rollout

    def start(self, name: str, terms: Terms, author: str) -> Rollout:
        """Start one.

        Raises:
            LookupError: there is no such endpoint.
            Invalid: it cannot be; says everything that is wrong.
            Overtaken: there is one already.
            Stale: somebody has edited the endpoint at this very moment.
        """
        entry, endpoint = self._registry.get(name)
        begun = start(endpoint, terms, uuid.uuid4().hex, time.time_ns(), author)
        return self.book.write(Kept(begun, 0), Taken(begun, begun.routing, begun.why), entry.number, author)

    def say(self, saying: Saying, name: str, author: str) -> Rollout:
        """Pause, resume or abort it.

        Raises:
            LookupError: there is none.
            OutOfPlace: its state has no place for that.
            Overtaken: somebody has changed it at this very moment.
            Stale: somebody has edited the endpoint.
        """
        kept = self._newest(name)
        seen, revision = sight_of(self._registry, self._store, self._experiments, kept.rollout)
        taken = saying(kept.rollout, seen, time.time_ns(), author)
        if not taken.why:
            state = kept.rollout.state.value
            raise OutOfPlace(f"the rollout of {kept.rollout.terms.canary} is {state}: {kept.rollout.why}")
        return self.book.write(kept, taken, revision, author)

    def _newest(self, name: str) -> Kept:
        kept = self.book.newest(name)
        if kept is None:
            self._registry.history(name, limit=1)
            raise NoRollout(f"{name!r} never had a rollout; start one with: hyperplan rollout start {name} MODEL")
        return kept

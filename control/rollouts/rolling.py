"""The job that takes the steps of rollouts.

Looking costs no error, so it looks often: what fails is taken back within seconds after it was counted. All that is remembered is in the book.
"""

import logging
import time
from collections.abc import Callable

from control.experiments.book import ExperimentBook
from control.jobs import AUTHOR, Lease, NotHeld
from control.registry import Registry, Stale
from control.rollouts.book import Kept, Overtaken, RolloutBook
from control.rollouts.metrics import RolloutMetrics
from control.rollouts.reading import sight_of
from control.stores import Store
from hyperplan.problems import Invalid
from hyperplan.rollouts import step

log = logging.getLogger("hyperplan.control")

EVERY = 2.0
"""Seconds from look to look."""
SILENCE = 10.0
"""Seconds after which another replica takes over from one that was killed: a canary that fails must not wait for long."""


class Rolling:
    """Takes the steps of all rollouts, one after the other."""

    def __init__(
        self, registry: Registry, store: Store, clock: Callable[[], int] = time.time_ns, every: float = EVERY
    ) -> None:
        self.lease = Lease(registry.engine, "rollouts", SILENCE)
        self.metrics = RolloutMetrics()
        self._book = RolloutBook(registry)
        self._experiments = ExperimentBook(registry.engine)
        self._registry = registry
        self._store = store
        self._clock = clock
        self._every = every

    def pause(self) -> float:
        """A moment."""
        return self._every

    def round(self) -> None:
        """Look at every rollout once."""
        for kept in self._book.live():
            if not self.lease.held:
                return
            try:
                self._look(kept)
            except (Stale, Overtaken):
                continue  # somebody was faster; the next look sees what they did
            except NotHeld:
                return
            except Exception:
                self.metrics.failures.inc()
                log.exception("the rollout of %r could not be looked at; it will be again", kept.rollout.endpoint)

    def _look(self, kept: Kept) -> None:
        seen, revision = sight_of(self._registry, self._store, self._experiments, kept.rollout)
        taken = step(kept.rollout, seen, self._clock())
        if taken.rollout == kept.rollout:
            return
        try:
            self._book.write(kept, taken, revision, AUTHOR, self.lease.confirm)
        except Invalid as error:  # what it was started with was valid at each step; something else was changed since
            raise RuntimeError(f"the next step would not be valid: {error}") from error
        if taken.why:
            self.metrics.steps.labels(taken.rollout.state.value).inc()
            log.info("rollout of %s at %s: %s", taken.rollout.terms.canary, taken.rollout.endpoint, taken.why)

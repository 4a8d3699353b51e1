"""The job that looks at experiments.

Looking costs no error, so it is done every minute; but it reads every labelled prediction since the start, so an experiment for which that takes a second is
looked at every twenty, and one for which it takes a minute every twenty minutes: all looks together never take more than a twentieth of the time of one core. An experiment
that has its verdicts is still looked at, since guardrails may break and units may be lost later.
"""

import logging
import time
from collections.abc import Callable

from control.experiments.book import ExperimentBook
from control.experiments.reading import Asked, Stopped, read_rows, running_in
from control.jobs.lease import Lease, NotHeld
from control.registry import Registry
from control.stores import Store
from control.stores.arms import guarded_counters
from hyperplan.experiments.judge import Counters
from hyperplan.experiments.look import look
from hyperplan.experiments.running import Running

log = logging.getLogger("hyperplan.control")

SECOND = 10**9
EVERY = 60.0
"""Seconds from look to look, at least; or a bucket of time, if that is shorter."""
SHARE = 0.05
"""The share of the time that looks may take."""
SHORTEST_PAUSE = 0.05
SETTLING = 5 * SECOND
"""Nanoseconds that counters get to arrive after the end of a bucket."""


class Judging:
    """Looks at each experiment that runs, every so often."""

    def __init__(self, registry: Registry, store: Store, clock: Callable[[], int] = time.time_ns) -> None:
        self.lease = Lease(registry.engine, "experiments")
        self.book = ExperimentBook(registry.engine)
        self._registry = registry
        self._store = store
        self._clock = clock
        self._every = min(EVERY, store.bucket_seconds)
        self._due: dict[str, float] = {}
        """By endpoint from when on it may be looked at, on the monotonic clock."""

    def pause(self) -> float:
        """Until the first experiment is due, or a new one may have started."""
        first = min(self._due.values(), default=0.0) - time.monotonic()
        return min(max(first, SHORTEST_PAUSE), self._every) if self._due else self._every

    def round(self) -> None:
        """Look at all experiments that are due."""
        names = [entry.name for entry in self._registry.entries() if entry.endpoint and entry.endpoint.experiment]
        self._due = {name: due for name, due in self._due.items() if name in names}
        for name in names:
            if not self.lease.held:
                return
            begun = time.monotonic()
            if begun < self._due.get(name, 0.0):
                continue
            try:
                self.look_at(name)
            except (NotHeld, Stopped):
                return
            except Exception:
                log.exception("the experiment of %r could not be looked at; it will be in a later round", name)
            taken = time.monotonic() - begun
            self._due[name] = begun + max(self._every, taken / SHARE)

    def look_at(self, name: str) -> None:
        """Look at the experiment of an endpoint now, and keep what is found.

        Raises:
            NotHeld: another replica does it.
            Stopped: the lease was lost while reading.
        """
        found = running_in(self._registry, name)
        if found is None:
            return
        now = self._clock()
        rows, _ = read_rows(self._store, name, found.design, Asked(found.since, now), lambda: self.lease.held)
        # What was read may have been chosen at a revision that is newer than those that were known before.
        current = running_in(self._registry, name)
        if current is None or current.first != found.first:
            return
        seen = look(name, current, rows, now, self._counters(name, current, now))
        for standing in self.book.keep(seen, self.lease):
            verdict = standing.verdict
            log.info(
                "the experiment of %r says %s (%s): %s", name, verdict.decision.upper(), verdict.state, verdict.why
            )

    def _counters(self, name: str, found: Running, now: int) -> Counters:
        """What guardrails are held to: counts of all traffic since the start, of the buckets that are closed."""
        design, (_, endpoint) = found.design, self._registry.get(name)
        bucket = round(self._store.bucket_seconds * SECOND)
        until = (now - SETTLING) // bucket * bucket
        return guarded_counters(
            self._store.counters, name, endpoint.task, design.arms, design.guardrails, found.start, until
        )

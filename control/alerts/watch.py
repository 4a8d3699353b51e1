"""The watch: looks at every endpoint after each bucket of time, and takes the step from what it finds.

It runs in a thread of its own, so that sidecars and the console get their answers meanwhile. Only closed buckets are looked at, a little after their
end: samples need a moment to arrive, and half a bucket says less than it seems to. Nothing is remembered between rounds but how far each
endpoint was looked at; all else is in the database.
"""

import logging
import time
from collections.abc import Callable, Sequence

from control.alerts.book import AlertBook
from control.alerts.courier import Webhooks
from control.alerts.message import message_of
from control.alerts.metrics import AlertMetrics
from control.cases import Traffic, case_of
from control.jobs.lease import Lease, NotHeld
from control.registry import Entry, Registry
from control.stores import Store
from hyperplan.alerts import Change, Found, Observation, Policy, changes_between, lasting, rows_since
from hyperplan.endpoint import Endpoint
from hyperplan.schema import Schema
from hyperplan.skew.case import Case
from hyperplan.skew.detect import detect
from hyperplan.skew.finding import Finding

log = logging.getLogger("hyperplan.control")

SECOND = 10**9
LOOKED_BACK = 6 * 3600 * SECOND
"""How far back detectors are shown what was served."""
SETTLING = 5.0
"""Seconds that samples get to arrive after a bucket has ended; of short buckets a quarter."""
LONGEST_PAUSE, SHORTEST_PAUSE = 60.0, 0.05
"""Seconds between rounds."""
REVISIONS = 20
"""Revisions of an endpoint that may be behind what is found."""
KEPT = 90 * 24 * 3600 * SECOND
"""How long alerts are kept after their end, and what was sent of them."""

Detect = Callable[[Case], Sequence[Finding]]


class Watch:
    """The job that evaluates endpoints. `told` is called, in its thread, when there is something to deliver."""

    def __init__(
        self,
        registry: Registry,
        store: Store,
        book: AlertBook,
        lease: Lease,
        metrics: AlertMetrics,
        webhooks: Webhooks,
        detecting: Detect = detect,
        told: Callable[[], None] = lambda: None,
        clock: Callable[[], int] = time.time_ns,
    ) -> None:
        self._registry = registry
        self._store = store
        self._book = book
        self.lease = lease
        self._metrics = metrics
        self._webhooks = tuple(webhooks.by_name())
        self._detect = detecting
        self._told = told
        self._clock = clock
        self._bucket = round(store.bucket_seconds * SECOND)
        self._settling = round(min(SETTLING, store.bucket_seconds / 4) * SECOND)
        self._policy = Policy.of_looks(self._bucket)
        self._seen: dict[str, int] = {}

    def pause(self) -> float:
        """The seconds until the next round: when another bucket is closed and settled, or a minute."""
        since_closed = (self._clock() - self._settling) % self._bucket
        return min(max((self._bucket - since_closed) / SECOND, SHORTEST_PAUSE), LONGEST_PAUSE)

    def round(self) -> None:
        """Look at every endpoint once."""
        events = 0
        entries = {entry.name: entry for entry in self._registry.entries()}
        for name in sorted({*entries, *self._book.endpoints()}):
            if not self.lease.held:
                break
            try:
                events += self._evaluate(name, entries.get(name))
            except NotHeld:
                break
            except Exception:
                self._metrics.failures.inc()
                log.exception("the endpoint %r could not be looked at for skew; it will be in the next round", name)
        if events:
            self._told()

    def _evaluate(self, name: str, entry: Entry | None) -> int:
        now = self._clock()
        seen = self._observation(entry, entry.endpoint, now) if entry and entry.endpoint else _nothing_left(name)
        step = self._book.take_step(seen, now, self._policy, lease=self.lease, webhooks=self._webhooks, body=message_of)
        for event in step.events:
            log.info("alert %s %s: %s", event.alert.id, event.kind, event.alert.sentence)
        self._seen[name] = max(seen.looked.values(), default=self._seen.get(name, 0))
        return len(step.events)

    def _observation(self, entry: Entry, endpoint: Endpoint, now: int) -> Observation:
        looked: dict[str, int] = {}
        found: list[Found] = []
        known = [model for model in self._store.references.models(entry.name) if model in endpoint.models]
        traffic = Traffic(entry.name, now - LOOKED_BACK, now - self._settling)
        # Buckets that are still open are not looked at.
        buckets = [each for each in traffic.buckets(self._store) if each.key.end <= traffic.until] if known else []
        until = max((bucket.key.end for bucket in buckets), default=0)
        if until and until != self._seen.get(
            entry.name, 0
        ):  # an earlier one than before is news too: the clock was put back
            busy = {name for bucket in buckets for name in (bucket.key.model, bucket.key.arm)}
            enough = self._book.enough(entry.name, now - LOOKED_BACK)
            with self._metrics.seconds.time():
                for model in sorted(busy.intersection(known)):
                    looked[model] = until
                    reference = self._store.references.get(entry.name, model)
                    case = case_of(self._store, endpoint, model, reference, traffic, buckets)
                    still = lasting(case, self._detect(case), enough.get(model, {}), self._detect)
                    found += [Found(model, finding, rows_since(case, finding)) for finding in still]
            self._metrics.lag.labels(entry.name).set((self._clock() - until) / SECOND)
        return Observation(
            endpoint=entry.name,
            schema=endpoint.schema,
            models=frozenset(endpoint.models),
            looked=looked,
            found=found,
            changes=self._changes(entry.name) if found else (),
            silences=self._book.silences(now),
        )

    def _changes(self, name: str) -> list[Change]:
        entries = self._registry.history(name, limit=REVISIONS + 1)[::-1]
        changes: list[Change] = []
        before = None if entries[0].number == 1 else entries.pop(0).endpoint
        for entry in entries:
            if entry.endpoint:
                at = round(entry.created_at.timestamp() * SECOND)
                changes += changes_between(before, entry.endpoint, number=entry.number, time=at)
            before = entry.endpoint
        return changes


def _nothing_left(name: str) -> Observation:
    """Of an endpoint that was deleted: all that was found is over."""
    return Observation(name, Schema(features={}), (), {}, ())

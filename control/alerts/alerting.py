"""All that alerting consists of, put together, for as long as control runs."""

import asyncio
import time
from collections.abc import Sequence

from prometheus_client.core import Metric
from sqlalchemy.exc import SQLAlchemyError

from control.alerts.book import AlertBook
from control.alerts.courier import Courier, Webhooks
from control.alerts.metrics import AlertMetrics, families
from control.alerts.outbox import Outbox
from control.alerts.watch import KEPT, Detect, Watch, log
from control.jobs.lease import Lease
from control.registry import Registry
from control.stores import Store
from hyperplan.skew.detect import detect

CLEARED_EVERY = 3600.0
"""Seconds between removals of what is too old."""

NO_WEBHOOKS = Webhooks()


class Alerting:
    """The alerts of a registry and a store: what the API asks, and what runs beside it."""

    def __init__(
        self,
        registry: Registry,
        store: Store,
        webhooks: Webhooks = NO_WEBHOOKS,
        detecting: Detect = detect,
    ) -> None:
        engine = registry.engine
        self.book = AlertBook(engine)
        self.outbox = Outbox(engine)
        self.metrics = AlertMetrics()
        lease = Lease(engine, "alerts")
        self._courier = Courier(self.outbox, webhooks, lease, self.metrics)
        self.watch = Watch(
            registry, store, self.book, lease, self.metrics, webhooks, detecting, told=self._courier.wake
        )
        """The job that finds what there is to tell."""

    def measured(self) -> Sequence[Metric]:
        """What the database holds, for Prometheus; nothing while it cannot be read."""
        try:
            return list(families(self.book, self.outbox))
        except SQLAlchemyError as error:
            log.warning("alerts cannot be measured: %s", error)
            return []

    async def run(self) -> None:
        """Deliver, while this replica is the one that watches, and remove what is old, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._courier.run())
            tasks.create_task(self._keep_clearing())

    async def _keep_clearing(self) -> None:
        while True:
            before = time.time_ns() - KEPT
            try:
                await asyncio.to_thread(self.book.forget, before)
                await asyncio.to_thread(self.outbox.forget, before)
            except SQLAlchemyError as error:
                log.warning("old alerts could not be removed: %s", error)
            await asyncio.sleep(CLEARED_EVERY)

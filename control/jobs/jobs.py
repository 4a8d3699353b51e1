"""Running jobs: each claims its lease, and takes round after round while it is held.

Each job has a thread of its own, so that none waits for another, and the pool in which requests are answered has no slow round in it. When
control stops, the round of that moment is finished first; then the lease is let go, so that another replica takes over at once.
"""

import asyncio
import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from sqlalchemy.exc import SQLAlchemyError

from control.jobs.job import Job
from control.jobs.lease import NotHeld
from control.jobs.metrics import JobMetrics

log = logging.getLogger("hyperplan.control")

UNHELD_PAUSE = 1.0
"""Seconds until it is looked again whether a lease is held."""


class Jobs:
    """The jobs of one control."""

    def __init__(self, jobs: Sequence[Job]) -> None:
        """The names of the jobs' leases are all different."""
        self.metrics = JobMetrics()
        self._jobs = tuple(jobs)

    async def run(self) -> None:
        """Do them all until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for job in self._jobs:
                tasks.create_task(self._keep_doing(job))

    async def _keep_doing(self, job: Job) -> None:
        name = job.lease.name
        renewing = asyncio.create_task(job.lease.keep())
        thread = ThreadPoolExecutor(1, thread_name_prefix=name)
        try:
            while True:
                self.metrics.held.labels(name).set(job.lease.held)
                if job.lease.held:
                    await asyncio.get_running_loop().run_in_executor(thread, self._take_round, job)
                await asyncio.sleep(job.pause() if job.lease.held else UNHELD_PAUSE)
        finally:
            renewing.cancel()
            await asyncio.gather(renewing, return_exceptions=True)
            job.lease.held = False
            await asyncio.get_running_loop().run_in_executor(thread, _release, job)  # behind the round of this moment
            thread.shutdown()

    def _take_round(self, job: Job) -> None:
        name = job.lease.name
        try:
            with self.metrics.seconds.labels(name).time():
                job.round()
        except NotHeld:
            log.info("another replica does %s now", name)
        except Exception:
            self.metrics.failures.labels(name).inc()
            log.exception("a round of %s failed; there will be another", name)


def _release(job: Job) -> None:
    try:
        job.lease.release()
    except SQLAlchemyError as error:
        log.warning("the lease of %s stays until it runs out: %s", job.lease.name, error)

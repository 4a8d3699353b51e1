"""Jobs of control: taken in rounds by one replica at a time; one that raises goes on."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from sqlalchemy import Engine

from control.jobs import Jobs, Lease
from control.registry.database import FILE, open_database, sqlite_url
from tests.support.waiting import eventually


class Counting:
    """A job that counts its rounds, and does in them what the test says."""

    def __init__(self, engine: Engine, doing: Callable[[], None] = lambda: None, name: str = "counting") -> None:
        self.lease = Lease(engine, name)
        self.rounds = 0
        self._doing = doing

    def round(self) -> None:
        self.rounds += 1
        self._doing()

    def pause(self) -> float:
        return 0.001


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = open_database(sqlite_url(tmp_path / FILE))
    yield engine
    engine.dispose()


@asynccontextmanager
async def running(*jobs: Counting) -> AsyncIterator[Jobs]:
    running = Jobs(jobs)
    task = asyncio.create_task(running.run())
    try:
        yield running
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def measured(jobs: Jobs, metric: str, job: str = "counting") -> float:
    return jobs.metrics.registry.get_sample_value(metric, {"job": job}) or 0.0


async def test_rounds_are_taken_again_and_again_and_measured(engine: Engine) -> None:
    job = Counting(engine)
    async with running(job) as jobs:
        await eventually(lambda: job.rounds > 3)
        assert measured(jobs, "hyperplan_job_held") == 1
        assert measured(jobs, "hyperplan_job_seconds_count") >= 3


async def test_a_round_that_raises_is_logged_and_counted_and_there_is_another(
    engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    def failing() -> None:
        raise RuntimeError("the dog ate it")

    job, other = Counting(engine, failing), Counting(engine, name="other")
    async with running(job, other) as jobs:
        await eventually(lambda: measured(jobs, "hyperplan_job_failures_total") > 2 and other.rounds > 2)
        assert measured(jobs, "hyperplan_job_failures_total", "other") == 0
    assert "a round of counting failed; there will be another" in caplog.text
    assert "the dog ate it" in caplog.text


async def test_of_two_replicas_one_acts_and_the_other_follows_at_once(engine: Engine) -> None:
    first, second = Counting(engine), Counting(engine)
    async with running(second) as of_second:
        async with running(first):
            await eventually(lambda: first.rounds + second.rounds > 3)
            acting, waiting = (first, second) if first.rounds else (second, first)
            assert waiting.rounds == 0
            assert measured(of_second, "hyperplan_job_held") == (acting is second)
        # Whoever acted, the second does when the first has stopped; a lease that nobody lets go would last half a minute.
        before = second.rounds
        second.lease.claim()
        await eventually(lambda: second.rounds > before)


async def test_the_round_of_the_moment_is_finished_before_control_stops(engine: Engine) -> None:
    began, may_end, ended = threading.Event(), threading.Event(), threading.Event()

    def slow() -> None:
        began.set()
        assert may_end.wait(10)
        ended.set()

    job = Counting(engine, slow)
    async with running(job):
        await eventually(began.is_set)
        asyncio.get_running_loop().call_later(0.05, may_end.set)
    assert ended.is_set()
    assert job.rounds == 1
    assert Lease(engine, "counting").claim()


async def test_a_long_round_sees_that_it_is_to_end(engine: Engine) -> None:
    began = threading.Event()

    def long() -> None:
        began.set()
        while job.lease.held:
            pass

    job = Counting(engine, long)
    async with running(job):
        await eventually(began.is_set)
    assert job.rounds == 1

"""What is too old or too much goes, the oldest first; what a clock that jumps says is not believed at once."""

import asyncio
import logging
from collections.abc import Callable

import pytest

from control.stores import Keeping, Store, keep_trimming, trimming
from control.stores.arrivals import Arrival
from control.stores.retention import MISTRUST, Clock
from control.stores.samples import Question
from hyperplan.feedback import Feedback
from hyperplan.sample import Sample
from hyperplan.shadow import ShadowSample
from tests.support.databases import EVERYWHERE
from tests.support.waiting import eventually

MakeSample = Callable[..., Sample]
MakeAnswer = Callable[..., ShadowSample]
SECOND = 10**9
FOREVER = 1 << 62


def ids(store: Store) -> list[str]:
    return sorted(sample.prediction_id for sample in store.samples.find(Question("flight-delay", limit=1000)))


@EVERYWHERE
def test_samples_and_answers_older_than_they_are_kept_are_removed_and_windows_stay(
    store: Store, make_sample: MakeSample, make_answer: MakeAnswer, t0: int
) -> None:
    store.ingest([make_sample("a"), make_sample("b", seconds=10), make_answer("a"), make_answer("b", seconds=10)])
    keeping = Keeping(samples=5)
    assert store.trim(keeping, t0 + 12 * SECOND) == 2
    assert store.trim(keeping, t0 + 12 * SECOND) == 0
    store.reclaim()
    assert ids(store) == ["b"]
    assert (store.shadows.get("flight-delay", "a"), len(store.shadows.get("flight-delay", "b"))) == ([], 1)
    assert sum(bucket.profile.rows for bucket in store.windows.find("flight-delay", 0, FOREVER)) == 2


@EVERYWHERE
def test_feedback_that_was_received_longer_ago_than_samples_are_kept_is_removed(store: Store, t0: int) -> None:
    old, new = (
        Feedback(endpoint="flight-delay", prediction_id="a", label=1.0, time=5, received=t0 + s)
        for s in (0, 10 * SECOND)
    )
    store.take([Arrival(old), Arrival(new)])
    assert store.trim(Keeping(samples=5), t0 + 12 * SECOND) == 1
    assert store.feedback.coverage("flight-delay", t0, FOREVER).unsampled == 1


@EVERYWHERE
def test_windows_have_an_age_of_their_own(store: Store, make_sample: MakeSample, t0: int) -> None:
    store.ingest([make_sample("a"), make_sample("b", seconds=120)])
    assert store.trim(Keeping(windows=100), t0 + 200 * SECOND) == 1
    (bucket,) = store.windows.find("flight-delay", 0, FOREVER)
    assert bucket.key.start == t0 + 120 * SECOND
    assert ids(store) == ["a", "b"]


@EVERYWHERE
def test_of_too_much_the_oldest_go_until_the_rest_fits(
    store: Store, make_sample: MakeSample, t0: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trimming, "AT_ONCE", 10)
    store.ingest([make_sample(f"{index:03}", seconds=index) for index in range(100)])
    each = len(make_sample("000").encode()) + trimming.OVERHEAD
    keeping = Keeping(size=round(40.5 * each))
    steps = 0
    while store.trim(keeping, t0):
        steps += 1
    assert steps == 6
    assert ids(store) == [f"{index:03}" for index in range(60, 100)]


def test_removing_goes_on_in_the_background_and_says_so(
    store: Store, make_sample: MakeSample, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    store.ingest([make_sample("old", time=1)])

    async def run() -> None:
        task = asyncio.create_task(keep_trimming(store, Keeping(samples=3600)))
        await eventually(lambda: "1 rows" in caplog.text)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(run())
    assert ids(store) == []


def test_nothing_is_removed_for_an_hour_after_the_clock_jumped_ahead() -> None:
    clock = Clock(1000.0, 0.0)
    assert clock.trusted(1060.0, 60.0)
    assert not clock.trusted(1e9, 120.0)
    assert not clock.trusted(1e9 + 60, 180.0)
    assert clock.trusted(1e9 + MISTRUST, 120.0 + MISTRUST)


def test_a_clock_that_is_put_back_or_slept_a_little_is_trusted() -> None:
    clock = Clock(1000.0, 0.0)
    assert clock.trusted(100.0, 60.0)
    assert clock.trusted(400.0, 120.0)

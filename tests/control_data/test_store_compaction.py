"""The background task that merges closed buckets."""

import asyncio
from collections.abc import Callable

from control.stores import Store, keep_compacting
from hyperplan.sample import Sample
from tests.support.waiting import eventually

MakeSample = Callable[..., Sample]
LONG_AGO = 60 * 10**9


async def test_closed_buckets_are_merged_in_the_background(store: Store, make_sample: MakeSample) -> None:
    for index in range(5):
        store.ingest([make_sample(f"p-{index}", time=LONG_AGO + index)])
    assert len(store.windows.find("flight-delay", 0, 2 * LONG_AGO)) == 5
    task = asyncio.create_task(keep_compacting(store))
    await eventually(lambda: len(store.windows.find("flight-delay", 0, 2 * LONG_AGO)) == 1)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    (bucket,) = store.windows.find("flight-delay", 0, 2 * LONG_AGO)
    assert bucket.profile.rows == 5

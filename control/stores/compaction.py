"""The background task that merges the rows of closed buckets."""

import asyncio
import logging
import time

import duckdb

from control.stores.store import Store

log = logging.getLogger(__name__)


async def keep_compacting(store: Store) -> None:
    """Merge closed buckets once in each bucket's time, until cancelled. Run it as a task while the store is open.

    A bucket counts as closed when its time is over; samples that come later are merged the next time.
    """
    while True:
        merged = 0
        try:
            merged = await asyncio.to_thread(store.compact, time.time_ns())
        except duckdb.Error:
            log.exception("closed buckets could not be merged; they will be tried again")
        if not merged:
            await asyncio.sleep(store.bucket_seconds)

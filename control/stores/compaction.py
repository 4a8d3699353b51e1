"""The background task that merges the rows of closed buckets."""

import asyncio
import logging
import time

from control.stores.databases import Unavailable
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
        except Unavailable as error:
            log.error("closed buckets could not be merged, and will be tried again: %s", error)
        if not merged:
            await asyncio.sleep(store.bucket_seconds)

"""How long the store keeps what it was sent, and the background task that removes the rest.

Age is told by the time that a sample itself bears, and by control's own clock. That clock may be wrong: one that jumps ahead would have
everything removed at once. So nothing is removed for an hour after it has jumped, and somebody has time to see the warning.

What is removed is removed in steps, the oldest first, so that samples that arrive need not wait for long.
"""

import asyncio
import logging
import time

from control.stores.databases import Unavailable
from control.stores.keeping import Keeping
from control.stores.store import Store

log = logging.getLogger(__name__)

BETWEEN = 60.0
"""Seconds between two looks at what is too old."""
JUMP = 600.0
"""Seconds that the clock may have gained on the time that passed since the last look; more is a jump."""
MISTRUST = 3600.0
"""Seconds after a jump in which nothing is removed."""


class Clock:
    """Control's clock, as far as it can be trusted. Both clocks are in seconds."""

    def __init__(self, wall: float, monotonic: float) -> None:
        self._wall = wall
        self._monotonic = monotonic
        self._trusted_from = monotonic

    def trusted(self, wall: float, monotonic: float) -> bool:
        """Whether the clock has not jumped ahead lately, now that it shows this."""
        gained = (wall - self._wall) - (monotonic - self._monotonic)
        if gained > JUMP:
            self._trusted_from = monotonic + MISTRUST
            log.warning(
                "the clock jumped ahead by %.0f s: nothing is removed from the store for %.0f s", gained, MISTRUST
            )
        self._wall, self._monotonic = wall, monotonic
        return monotonic >= self._trusted_from


async def keep_trimming(store: Store, keeping: Keeping) -> None:
    """Remove what need not be kept, until cancelled. Run it as a task while the store is open."""
    if keeping == Keeping():
        return
    clock = Clock(time.time(), time.monotonic())
    while True:
        if clock.trusted(time.time(), time.monotonic()):
            try:
                await _trim(store, keeping)
            except Unavailable as error:
                log.error("what is too old could not be removed from the store, and will be tried again: %s", error)
        await asyncio.sleep(BETWEEN)


async def _trim(store: Store, keeping: Keeping) -> None:
    total = 0
    while removed := await asyncio.to_thread(store.trim, keeping, time.time_ns()):
        total += removed
    if total:
        await asyncio.to_thread(store.reclaim)
        log.info("%d rows that need not be kept any longer were removed from the store", total)

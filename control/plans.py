"""Handing plans to sidecars, and knowing which of them runs which.

A sidecar asks for the plan after the one it has, and the question waits here until there is one. Hundreds of them wait on
one event; a plan is read and encoded once for all.
"""

import asyncio
import contextlib
import logging
import time
from collections import OrderedDict
from collections.abc import Callable

import msgspec
from sqlalchemy.exc import SQLAlchemyError

from control.registry import Registry

log = logging.getLogger("hyperplan.control")

MOST_SIDECARS = 10_000
"""Sidecars that are remembered; those not heard of for longest are forgotten first."""
FORGOTTEN_AFTER = 600.0
"""Seconds without a word after which a sidecar is taken to be gone."""
SILENT_AFTER = 60.0
"""Seconds without a word after which nobody waits for a sidecar any more: it asks again after 25 at most, or when it has
applied a plan."""
BETWEEN_LOOKS = 1.0
"""Seconds after which a plan that another control has changed is handed on, at most."""
PATIENCE = 1.0
"""Seconds that a question waits for a write that was just made; also the pause after the registry could not be read."""


class SidecarStatus(msgspec.Struct, frozen=True):
    """What a sidecar said of itself when it last asked for a plan. `seen` is in seconds since 1970.

    One that is `silent` has not asked for so long that it must be gone, or cut off.
    """

    instance: str
    applied: int
    refused: int | None
    reason: str | None
    seen: float
    silent: bool = False

    def settled_on(self, number: int) -> bool:
        """Whether it has a plan, or a later one, in force, or has refused it."""
        return self.applied >= number or (self.refused is not None and self.refused >= number)


class Sidecars:
    """The sidecars that ask for plans."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._known: OrderedDict[str, SidecarStatus] = OrderedDict()
        self._heard = asyncio.Event()

    def note(self, instance: str, applied: int, refused: int | None, reason: str | None) -> None:
        """Remember what a sidecar says."""
        self._known[instance] = SidecarStatus(instance, applied, refused, reason, self._clock())
        self._known.move_to_end(instance)
        while len(self._known) > MOST_SIDECARS:
            self._known.popitem(last=False)
        self._heard.set()
        self._heard = asyncio.Event()

    async def follow(self, number: int, wait: float) -> list[SidecarStatus]:
        """Those that are there, as soon as each has a plan in force or has refused it, or after `wait` seconds.

        One that went silent holds nobody up: it asks for plans at least twice a minute while it lives.
        """
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(wait):
                while silent_in := self._behind(number):
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(silent_in):
                            await self._heard.wait()
        return self.present()

    def _behind(self, number: int) -> float:
        """The seconds until all that have not settled on a plan would count as silent; 0 when all have."""
        latest = max((status.seen for status in self._known.values() if not status.settled_on(number)), default=0.0)
        return max(0.0, latest + SILENT_AFTER - self._clock())

    def present(self) -> list[SidecarStatus]:
        """Those heard of lately, newest first."""
        now = self._clock()
        return [
            msgspec.structs.replace(status, silent=now - status.seen >= SILENT_AFTER)
            for status in reversed(self._known.values())
            if now - status.seen <= FORGOTTEN_AFTER
        ]


class PlanFeed:
    """The plan of the moment, for those who wait for the next one. Lives on one event loop."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._changed = asyncio.Event()
        self._stale = asyncio.Event()
        self._writes = 0
        self._writes_read = 0
        self._closed = False
        self.number = 0
        self._document = b""

    async def begin(self) -> None:
        """Read the first plan, and be told of every write from here on."""
        loop = asyncio.get_running_loop()
        self._registry.on_write = lambda: _tell(loop, self.notify)
        await self.refresh()

    async def run(self) -> None:
        """Keep the plan up to date until cancelled. A registry that cannot be read is tried again, and again."""
        while True:
            await self._stale.wait()
            self._stale.clear()
            try:
                await self.refresh()
            except Exception:
                log.exception("the registry cannot be read; sidecars keep plan %d until it can", self.number)
                self._stale.set()
                await asyncio.sleep(PATIENCE)

    async def follow(self) -> None:
        """Look whether another control has written, once a second, until cancelled."""
        while self._registry.shared:
            await asyncio.sleep(BETWEEN_LOOKS)
            with contextlib.suppress(SQLAlchemyError):  # one that cannot be read is told of elsewhere
                if await asyncio.to_thread(self._registry.number) != self.number:
                    self._stale.set()

    async def refresh(self) -> None:
        """Read the plan, and wake who waits."""
        writes = self._writes
        self.number, self._document = await asyncio.to_thread(self._read)
        self._writes_read = writes
        self._wake()

    def notify(self) -> None:
        """The registry has changed. To be called on the loop."""
        self._writes += 1
        self._stale.set()

    async def other_than(self, number: int | None, wait: float) -> bytes | None:
        """The plan's document, as soon as its number is another one; None when `wait` seconds went by.

        Writes that were made before the question are in the answer.
        """
        await self._caught_up()
        try:
            async with asyncio.timeout(wait):
                while number == self.number and not self._closed:
                    await self._changed.wait()
        except TimeoutError:
            return None
        return self._document if number != self.number else None

    def close(self) -> None:
        """Let nobody wait any longer."""
        self._closed = True
        self._wake()

    async def _caught_up(self) -> None:
        writes = self._writes
        try:
            async with asyncio.timeout(PATIENCE):
                while self._writes_read < writes and not self._closed:
                    await self._changed.wait()
        except TimeoutError:
            pass  # the plan before is better than none

    def _read(self) -> tuple[int, bytes]:
        plan = self._registry.plan()
        return plan.number, plan.encode()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()


def _tell(loop: asyncio.AbstractEventLoop, call: Callable[[], None]) -> None:
    if not loop.is_closed():
        loop.call_soon_threadsafe(call)

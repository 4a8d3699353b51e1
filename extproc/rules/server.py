"""Serves rules on a unix socket, as long as there are any.

A sidecar without rules neither listens nor loads what serves them. Make before break, as everywhere: the rules of a new plan
are there before Envoy routes to them, and those of the one before for as long as requests may be on old routes.
"""

import asyncio
import logging
from pathlib import Path
from typing import TYPE_CHECKING

from extproc.http import HttpListener
from hyperplan.plan import CompiledPlan

if TYPE_CHECKING:
    from extproc.rules.book import RuleBook

log = logging.getLogger("hyperplan.rules")


class RuleServer:
    """Serves the rules of plans on a unix socket.

    `path` is absolute: Envoy is told of it, and may run elsewhere.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self._book: RuleBook | None = None
        self._listener: HttpListener | None = None
        self._timers: set[asyncio.TimerHandle] = set()

    async def widen(self, plan: CompiledPlan) -> None:
        """Serve the rules of a plan that is about to be in force, beside those that are.

        Raises:
            OSError: the socket cannot be bound.
        """
        if self._book is None and not _has_rules(plan):
            return
        if self._book is None:
            from extproc.rules.book import RuleBook

            self._book = RuleBook()
        # It takes a millisecond for each rule that changed, in which requests must not wait.
        await asyncio.to_thread(self._book.widen, plan)
        if self._listener is None:
            listener = HttpListener(self.path, self._book)
            await listener.start()
            self._listener = listener
            log.info("serving rules at %s", self.path)

    def settle(self, plan: CompiledPlan, grace: float) -> None:
        """Serve the rules of the plan that is in force now alone, in `grace` seconds."""
        retired = self._book.retired(plan) if self._book else {}
        if self._book and retired:
            loop = asyncio.get_running_loop()
            self._timers = {timer for timer in self._timers if timer.when() > loop.time()}
            self._timers.add(loop.call_later(grace, self._book.drop, retired))

    async def stop(self, grace: float) -> None:
        """Take no more requests, and give those under way `grace` seconds to be answered."""
        for timer in self._timers:
            timer.cancel()
        if self._listener is not None:
            await self._listener.stop(grace)


def _has_rules(plan: CompiledPlan) -> bool:
    return any(model.rule is not None for one in plan.by_name.values() for model in one.document.models.values())

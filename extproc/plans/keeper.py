"""From one plan to the next, make before break.

The keeper holds what is in force and what was last refused. A new plan is compiled first (a bad one is refused and
nothing changes), its rules are served, its clusters and routes are handed to Envoy, and only when Envoy has acknowledged
them does the decide stage route by it; then it goes to disk. Weights alone change nothing in Envoy, so such an edit is in
force at once.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from extproc.plans.shelf import Shelf
from extproc.plans.source import BadPlan
from extproc.rules import RuleServer
from extproc.service import Service
from extproc.xds import Refused, Resources, XdsServer, resources_of
from hyperplan.endpoint import Endpoint
from hyperplan.plan import EMPTY, CompiledPlan, Plan
from hyperplan.privacy import needing_secret
from hyperplan.problems import Invalid

log = logging.getLogger("hyperplan.plans")


class Status(NamedTuple):
    """Which plan is in force, and which was refused last, and why."""

    applied: int
    refused: int | None = None
    reason: str | None = None


class Keeper:
    """Applies plans, one after the other."""

    def __init__(
        self,
        service: Service,
        xds: XdsServer,
        shelf: Shelf,
        rules: RuleServer,
        *,
        default_upstream: str | None,
        feedback: Path | None = None,
        on_applied: Callable[[int], None],
        has_secret: bool = False,
    ) -> None:
        self._service = service
        self._xds = xds
        self._shelf = shelf
        self._rules = rules
        self._default_upstream = default_upstream
        self._feedback = None if feedback is None else str(feedback.absolute())
        self._on_applied = on_applied
        self._has_secret = has_secret
        self._unhashed: frozenset[str] = frozenset()
        self._compiled = EMPTY
        self._resources = Resources({}, {})
        self.status = Status(0)

    async def begin(self, plan: Plan) -> None:
        """Serve the first plan. Envoy is not waited for: it takes its resources when it connects.

        Raises:
            Invalid: the default upstream is no URL.
        """
        compiled = CompiledPlan(plan)
        self._resources = self._resources_of(plan)
        await self._rules.widen(compiled)
        await self._xds.start(self._resources)
        await self._adopt(plan, compiled)

    async def apply(self, plan: Plan) -> None:
        """Go over to a plan. A refusal is logged and kept in `status`; the plan before stays in force."""
        began = time.monotonic()
        try:
            # Both take milliseconds for each endpoint that changed, in which requests must not wait.
            compiled = await asyncio.to_thread(CompiledPlan, plan, self._compiled)
            resources = await asyncio.to_thread(self._resources_of, plan)
            await self._rules.widen(compiled)
            await self._xds.apply(resources)
        except (Invalid, Refused, OSError) as error:
            self.refuse(BadPlan(plan.number, error))
            await self._rules.widen(self._compiled)
            return
        grace = max(self._resources.longest_timeout, resources.longest_timeout)
        self._resources = resources
        await self._adopt(plan, compiled)
        self._rules.settle(compiled, grace)
        log.info("plan %d is in force after %.0f ms", plan.number, (time.monotonic() - began) * 1000)
        try:
            await asyncio.to_thread(self._shelf.save, plan)
        except OSError as error:
            log.error("plan %d is in force but could not be kept on disk: %s", plan.number, error)

    def refuse(self, bad: BadPlan) -> None:
        """Note a plan that could not even be read."""
        log.error("plan %d is refused, plan %d stays in force:\n%s", bad.number, self.status.applied, bad.error)
        self.status = Status(self.status.applied, bad.number, str(bad.error))

    def endpoint(self, name: str) -> Endpoint | None:
        """An endpoint of the plan that is in force."""
        compiled = self._compiled.by_name.get(name)
        return compiled.document if compiled else None

    def _resources_of(self, plan: Plan) -> Resources:
        return resources_of(
            plan, self._default_upstream, self._resources, rules=str(self._rules.path), feedback=self._feedback
        )

    async def _adopt(self, plan: Plan, compiled: CompiledPlan) -> None:
        await self._service.adopt(plan, compiled)
        self._compiled = compiled
        self.status = Status(plan.number)
        self._warn(plan)
        self._on_applied(plan.number)

    def _warn(self, plan: Plan) -> None:
        """Say what is to be hashed and cannot be, when that begins or changes."""
        unhashed = frozenset(
            f"{planned.endpoint.name}: {' and '.join(found)}"
            for planned in plan.endpoints
            if not self._has_secret and (found := list(needing_secret(planned.endpoint)))
        )
        if unhashed - self._unhashed:
            log.warning(
                "there is no key to hash personal values with, so samples do without them (%s); give the same key to every "
                "sidecar, with --key-file or HYPERPLAN_KEY",
                "; ".join(sorted(unhashed)),
            )
        self._unhashed = unhashed

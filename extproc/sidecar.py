"""The sidecar: puts the parts together and runs them until it is told to stop.

Order matters. Telemetry first, so that nothing goes unseen; the plan on disk next, so that the first request already
finds its endpoint; then the sockets, on which Envoy may connect at once; the source of plans last, since control may be
away.
"""

import asyncio
import logging
from pathlib import Path
from typing import NamedTuple
from urllib.parse import SplitResult

from extproc import garbage
from extproc.feedback import FeedbackDesk
from extproc.http import HttpListener
from extproc.plans import BadPlan, ControlSource, FolderSource, Keeper, PlanSource, Shelf
from extproc.rules import RuleServer
from extproc.service import OneProcess, Service
from extproc.stages import Role, Stages
from extproc.telemetry.observer import Telemetry
from extproc.telemetry.settings import TelemetrySettings
from extproc.transports import TRANSPORTS
from extproc.workers import Supervisor
from extproc.xds import XdsServer
from hyperplan.plan import EMPTY, Plan
from hyperplan.secret import Secret

log = logging.getLogger("hyperplan.sidecar")

EXTPROC_SOCKET = "extproc.sock"
ADAPT_SOCKET = "adapt.sock"
XDS_SOCKET = "xds.sock"
RULES_SOCKET = "rules.sock"
FEEDBACK_SOCKET = "feedback.sock"
DRAIN = 2.0
"""Seconds that open streams get to end when the sidecar stops."""


class SidecarSettings(NamedTuple):
    """How a sidecar runs.

    Plans come from `source`: the URL of control, or a folder of endpoint documents. `run` is the folder of the sockets
    that Envoy connects to, `data` that of what outlives a restart: the plan, and samples that wait. `default_upstream` is the URL that gets whatever is no
    prediction of a known endpoint. `transport` is one of `extproc.transports.TRANSPORTS`; several `workers`, processes that share the
    work, are served by `h2` alone. With the `secret` personal values are hashed before they leave.
    """

    source: SplitResult | Path
    run: Path
    data: Path
    default_upstream: str | None
    telemetry: TelemetrySettings
    transport: str = "h2"
    workers: int = 1
    secret: Secret | None = None


async def serve(settings: SidecarSettings, stop: asyncio.Event) -> None:
    """Run until `stop` is set.

    Raises:
        OSError: a socket cannot be bound or a folder cannot be made.
    """
    for folder in (settings.run, settings.data):
        folder.mkdir(parents=True, exist_ok=True)
    telemetry = Telemetry(settings.telemetry)
    service = _service(settings, telemetry)
    xds = XdsServer(settings.run / XDS_SOCKET)
    rules = RuleServer(settings.run / RULES_SOCKET)
    shelf = Shelf(settings.data)

    def applied(number: int) -> None:
        telemetry.plan_number = number

    keeper = Keeper(
        service,
        xds,
        shelf,
        rules,
        default_upstream=settings.default_upstream,
        feedback=settings.run / FEEDBACK_SOCKET,
        on_applied=applied,
        has_secret=settings.secret is not None,
    )
    feedback = HttpListener(settings.run / FEEDBACK_SOCKET, FeedbackDesk(keeper.endpoint, telemetry, settings.secret))
    first = shelf.load() or Plan(EMPTY.number)
    try:
        await keeper.begin(first)
        await feedback.start()
        await service.start()
        garbage.settle()
        if settings.secret is not None:
            log.info("personal values are hashed with the key %s", settings.secret.fingerprint)
        log.info("serving plan %d with %d endpoints at %s", first.number, len(first.endpoints), settings.run)
        following = asyncio.create_task(_follow(_source(settings.source, telemetry, keeper), first, keeper))
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait((following, stopping), return_when=asyncio.FIRST_COMPLETED)
        for task in (following, stopping):
            task.cancel()
        await asyncio.gather(following, stopping, return_exceptions=True)
        if following.done() and not following.cancelled() and (error := following.exception()):
            raise error
    finally:
        log.info("stopping")
        await asyncio.gather(service.stop(DRAIN), rules.stop(DRAIN), feedback.stop(DRAIN))
        await xds.stop()
        await asyncio.to_thread(telemetry.close)


def _service(settings: SidecarSettings, telemetry: Telemetry) -> Service:
    sockets = sockets_in(settings.run)
    if settings.workers > 1:
        return Supervisor(settings.workers, sockets, lambda report: telemetry.absorb(report.told()), settings.secret)
    stages = Stages(telemetry, settings.secret)
    transport = TRANSPORTS[settings.transport]
    return OneProcess(stages, {role: transport(stages[role], socket) for role, socket in sockets.items()})


def sockets_in(run: Path) -> dict[Role, Path]:
    """Where the stages are served, in the folder of the sockets."""
    return {Role.DECIDE: run / EXTPROC_SOCKET, Role.ADAPT: run / ADAPT_SOCKET}


def _source(source: SplitResult | Path, telemetry: Telemetry, keeper: Keeper) -> PlanSource:
    if isinstance(source, Path):
        return FolderSource(source)
    return ControlSource(source, telemetry.instance, lambda: keeper.status)


async def _follow(source: PlanSource, first: Plan, keeper: Keeper) -> None:
    """Apply each plan of a source."""
    async for found in source.plans(first):
        if isinstance(found, BadPlan):
            keeper.refuse(found)
        else:
            await keeper.apply(found)

"""Whether control lives, whether it is ready, and a few numbers for Prometheus."""

import asyncio
from http import HTTPStatus
from typing import Any

from litestar import Response, get
from litestar.di import NamedDependency
from sqlalchemy.exc import SQLAlchemyError

from control.plans import PlanFeed, Sidecars
from control.problems import HttpProblem
from control.registry import Registry
from control.requests import RequestCounts
from control.stores import Store


@get("/healthz", media_type="text/plain")
async def healthz() -> str:
    """The process answers."""
    return "ok\n"


@get("/readyz", media_type="text/plain")
async def readyz(registry: NamedDependency[Registry], store: NamedDependency[Store]) -> str:
    """The registry and the store can be read."""
    try:
        await asyncio.to_thread(registry.number)
    except SQLAlchemyError as error:
        raise HttpProblem(HTTPStatus.SERVICE_UNAVAILABLE, f"the registry cannot be read: {error}") from None
    await asyncio.to_thread(store.check)  # which says why it cannot
    return "ok\n"


@get("/metrics", media_type="text/plain; version=0.0.4")
async def metrics(
    registry: NamedDependency[Registry],
    feed: NamedDependency[PlanFeed],
    sidecars: NamedDependency[Sidecars],
    request_counts: NamedDependency[RequestCounts],
) -> Response[str]:
    """Control's own numbers, in Prometheus' text format (version 0.0.4)."""
    present = sidecars.present()
    gauges = {
        "hyperplan_endpoints": ("Endpoints in the registry.", len(await asyncio.to_thread(registry.entries))),
        "hyperplan_plan_number": ("The number of the newest plan.", feed.number),
        "hyperplan_sidecars": ("Sidecars that asked for a plan lately.", len(present)),
        "hyperplan_sidecars_current": (
            "Of those, the ones with the newest plan in force.",
            sum(1 for status in present if status.applied == feed.number),
        ),
    }
    text = "".join(
        f"# HELP {name} {meaning}\n# TYPE {name} gauge\n{name} {value}\n" for name, (meaning, value) in gauges.items()
    )
    text += "# HELP hyperplan_control_http_requests_total Requests that control has answered.\n"
    text += "# TYPE hyperplan_control_http_requests_total counter\n"
    text += "".join(
        f'hyperplan_control_http_requests_total{{method="{of.method}",route="{of.route}",status="{of.status}"}} {count}\n'
        for of, count in sorted(request_counts.answers.items())
    )
    return Response(text, media_type="text/plain; version=0.0.4")


handlers: list[Any] = [healthz, readyz, metrics]

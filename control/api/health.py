"""Whether control lives, whether it is ready, and a few numbers for Prometheus."""

import asyncio
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from litestar import Response, get
from litestar.di import NamedDependency
from prometheus_client import CollectorRegistry, Gauge, generate_latest
from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy.exc import SQLAlchemyError

from control.alerts.alerting import Alerting
from control.experiments.book import ExperimentBook
from control.experiments.metrics import measured
from control.plans import PlanFeed, Sidecars
from control.problems import HttpProblem
from control.registry import Registry
from control.requests import RequestCounts
from control.rollouts.desk import RolloutDesk
from control.rollouts.metrics import measured as rollouts_measured
from control.stores import Store

TEXT = "text/plain; version=0.0.4"


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


@get("/metrics", media_type=TEXT)
async def metrics(
    registry: NamedDependency[Registry],
    feed: NamedDependency[PlanFeed],
    sidecars: NamedDependency[Sidecars],
    request_counts: NamedDependency[RequestCounts],
    alerting: NamedDependency[Alerting],
    experiments: NamedDependency[ExperimentBook],
    rollouts: NamedDependency[RolloutDesk],
    measured_elsewhere: NamedDependency[tuple[CollectorRegistry, ...]],
) -> Response[bytes]:
    """Control's own numbers, in Prometheus' text format (version 0.0.4)."""
    told = CollectorRegistry()
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
    for name, (meaning, value) in gauges.items():
        Gauge(name, meaning, registry=told).set(value)
    kept = [
        *await asyncio.to_thread(alerting.measured),
        *await asyncio.to_thread(measured, registry, experiments),
        *await asyncio.to_thread(rollouts_measured, rollouts.book),
    ]
    told.register(_Given([_answers(request_counts), *kept]))
    registries = (told, alerting.metrics.registry, *measured_elsewhere)
    return Response(b"".join(map(generate_latest, registries)), media_type=TEXT)


class _Given(Collector):
    """Metrics that are known already."""

    def __init__(self, families: Sequence[Metric]) -> None:
        self._families = families

    def collect(self) -> Sequence[Metric]:
        return self._families


def _answers(counts: RequestCounts) -> Metric:
    family = CounterMetricFamily(
        "hyperplan_control_http_requests",
        "Requests that control has answered.",
        labels=["method", "route", "status"],
    )
    for of, count in sorted(counts.answers.items()):
        family.add_metric([of.method, of.route, str(of.status)], count)
    return family


handlers: list[Any] = [healthz, readyz, metrics]

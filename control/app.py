"""The web application: every handler, what they share, and how errors are told."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
from litestar import Litestar, Router
from litestar.di import Provide
from litestar.static_files import create_static_files_router
from prometheus_client import CollectorRegistry

from control import problems
from control.alerts.alerting import Alerting
from control.api import (
    alerts,
    dry_runs,
    endpoints,
    entities,
    evaluation,
    experiments,
    exploration,
    export,
    feedback,
    health,
    lineage,
    paired,
    performance,
    plan,
    predictions,
    references,
    revisions,
    rollouts,
    samples,
    sent_samples,
    shadow,
    skew,
    thresholds,
    traffic,
)
from control.api.bodies import LARGEST
from control.experiments.book import ExperimentBook
from control.explaining import Explaining
from control.lineages import Lineages
from control.openapi import CONFIG
from control.otlp.commits import Commits
from control.plans import PlanFeed, Sidecars
from control.registry import Registry
from control.requests import RequestCounts
from control.rollouts.desk import RolloutDesk
from control.stores import Store

CONSOLE = Path(__file__).parent / "console"
CONSOLE_HEADERS = {
    "content-security-policy": "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "cache-control": "no-cache",
}


def create_app(
    registry: Registry,
    store: Store,
    feed: PlanFeed,
    alerting: Alerting,
    measured: Sequence[CollectorRegistry] = (),
    jaeger: str | None = None,
) -> Litestar:
    """The application over a registry, a store, a feed of plans and alerting, which runs elsewhere.

    `measured` are the metrics of what else runs there, `jaeger` is the URL of the pages that show traces.
    """
    sidecars, counts, lineages = Sidecars(), RequestCounts(), Lineages(registry)
    shared = {
        "registry": registry,
        "lineages": lineages,
        "explaining": Explaining(registry, lineages, jaeger),
        "store": store,
        "commits": Commits(store),
        "feed": feed,
        "sidecars": sidecars,
        "request_counts": counts,
        "alerting": alerting,
        "experiments": ExperimentBook(registry.engine),
        "rollouts": RolloutDesk(registry, store),
        "measured_elsewhere": tuple(measured),
    }
    modules = (
        endpoints,
        revisions,
        dry_runs,
        lineage,
        plan,
        health,
        samples,
        predictions,
        export,
        sent_samples,
        feedback,
        entities,
        experiments,
        exploration,
        evaluation,
        paired,
        performance,
        shadow,
        skew,
        thresholds,
        traffic,
        references,
        alerts,
        rollouts,
    )
    return Litestar(
        [handler for module in modules for handler in module.handlers] + [_console()],
        dependencies={name: Provide(_given(value), sync_to_thread=False) for name, value in shared.items()},
        exception_handlers=problems.HANDLERS,
        before_send=[counts],
        lifespan=[_following(feed)],
        openapi_config=CONFIG,
        request_max_body_size=LARGEST,
        logging_config=None,
    )


def _console() -> Router:
    """The console's files, which load nothing from elsewhere and stand in nobody's frame."""
    return create_static_files_router(
        path="/", directories=[CONSOLE], html_mode=True, include_in_schema=False, after_request=_guarded
    )


async def _guarded(response: Any) -> Any:
    response.headers.update(CONSOLE_HEADERS)
    return response


def _given(value: Any) -> Callable[[], Any]:
    return lambda: value


def _following(feed: PlanFeed) -> Callable[[Litestar], AbstractAsyncContextManager[None]]:
    """Keeps the feed up to date while the application lives."""

    @asynccontextmanager
    async def lifespan(_: Litestar) -> AsyncIterator[None]:
        await feed.begin()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(feed.run)
            tasks.start_soon(feed.follow)
            yield
            feed.close()
            tasks.cancel_scope.cancel()

    return lifespan

"""Traffic: what the sidecars counted of all requests, and what the samples say about who answered them and how fast."""

from collections import Counter
from datetime import datetime
from typing import Any

import msgspec
from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery

from control.api.periods import Period, Window, as_date, read_period
from control.registry import Registry
from control.stores import Store
from control.stores.counters import Series


class WindowTraffic(msgspec.Struct, frozen=True, kw_only=True):
    """What the sidecars counted of all requests in one window of time.

    `requests` are by outcome, `choices` by arm, `forced` (requests that named their arm, and are no choices) too, `violations` by
    feature and then by kind, `flaws` (bodies that could not be read) by kind, `attempts` (tries of models in chains, or behind a
    translation) by model and then by outcome. Sidecars report every few seconds: what they counted is in the window in which they
    reported it.
    """

    since: datetime
    until: datetime
    requests: dict[str, int]
    choices: dict[str, int]
    forced: dict[str, int]
    violations: dict[str, dict[str, int]]
    flaws: dict[str, int]
    attempts: dict[str, dict[str, int]]


class AnswerReport(msgspec.Struct, frozen=True, kw_only=True):
    """Sampled requests that one model answered, null if nobody did: how many, their share, and latencies in seconds."""

    model: str | None
    requests: int
    share: float
    p50: float | None
    p95: float | None
    p99: float | None


class SampledTraffic(msgspec.Struct, frozen=True, kw_only=True):
    """What the samples of the whole period say. A failover is a request that another model answered than the chosen one.

    `statuses` are by the HTTP status that the client got, "none" when there was none.
    """

    requests: int
    answered: list[AnswerReport]
    statuses: dict[str, int]
    failovers: int


class TrafficReport(msgspec.Struct, frozen=True, kw_only=True):
    """All traffic of an endpoint by window and in total, and what was sampled of it. `window` is in seconds."""

    endpoint: str
    since: datetime
    until: datetime
    window: float
    total: WindowTraffic
    windows: list[WindowTraffic]
    sampled: SampledTraffic


@get("/v1/endpoints/{name:str}/traffic", sync_to_thread=True)
def get_traffic(
    store: NamedDependency[Store],
    registry: NamedDependency[Registry],
    name: FromPath[str],
    since: FromQuery[str | None] = None,
    until: FromQuery[str | None] = None,
    window: FromQuery[str | None] = None,
) -> TrafficReport:
    """The traffic of an endpoint."""
    registry.get(name)
    period = read_period(since, until, window, store.bucket_seconds)
    windows = list(period.windows())
    counts: list[Counter[Series]] = [Counter() for _ in windows]
    for start, increments in store.counters.increments(name, period.since, period.until).items():
        counts[period.position(start)].update(increments)
    return TrafficReport(
        endpoint=name,
        since=as_date(period.since),
        until=as_date(period.until),
        window=period.window / 1e9,
        total=_window(Window(period.since, period.until), sum(counts, Counter())),
        windows=[_window(window, counted) for window, counted in zip(windows, counts, strict=True)],
        sampled=_sampled(store, name, period),
    )


def _window(window: Window, counts: Counter[Series]) -> WindowTraffic:
    def labelled(metric: str) -> dict[str, int]:
        return {series.label: count for series, count in sorted(counts.items()) if series.metric == metric}

    def nested(metric: str) -> dict[str, dict[str, int]]:
        found: dict[str, dict[str, int]] = {}
        for series, count in sorted(counts.items()):
            if series.metric == metric:
                found.setdefault(series.label, {})[series.kind] = count
        return found

    return WindowTraffic(
        since=as_date(window.start),
        until=as_date(window.end),
        requests=labelled("hyperplan.requests"),
        choices=labelled("hyperplan.choices"),
        forced=labelled("hyperplan.forced"),
        violations=nested("hyperplan.violations"),
        flaws=labelled("hyperplan.flaws"),
        attempts=nested("hyperplan.attempts"),
    )


def _sampled(store: Store, name: str, period: Period) -> SampledTraffic:
    answers = store.samples.answers(name, period.since, period.until)
    requests = sum(answer.requests for answer in answers)
    statuses = store.samples.statuses(name, period.since, period.until)
    return SampledTraffic(
        requests=requests,
        answered=[
            AnswerReport(
                model=answer.model,
                requests=answer.requests,
                share=answer.requests / requests,
                p50=answer.p50,
                p95=answer.p95,
                p99=answer.p99,
            )
            for answer in answers
        ],
        statuses={"none" if status is None else str(status): count for status, count in statuses.items()},
        failovers=store.samples.failovers(name, period.since, period.until),
    )


handlers: list[Any] = [get_traffic]

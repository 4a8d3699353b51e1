"""Performance: how good the predictions of an endpoint were, by model, arm or slice, and by windows of time."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
import numpy as np
from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery

from control.api.labelled import LOOKED_BACK, Counted, labelled_in
from control.api.periods import Period, Window, as_date, read_period
from control.problems import bad_parameter
from control.registry import Registry
from control.stores import Store
from hyperplan.endpoint import Endpoint, Task
from hyperplan.outcomes import Outcomes
from hyperplan.performance import Estimate, Performance, measure, parts_of

NANOSECONDS = 1e9


class MeasuredWindow(msgspec.Struct, frozen=True, kw_only=True):
    """The predictions that were made in one window of time; of a window that is not `ripe` those that are old enough, if any."""

    since: datetime
    until: datetime
    ripe: bool
    rows: int
    metrics: dict[str, Estimate]


class MeasuredPart(msgspec.Struct, frozen=True, kw_only=True):
    """One model, arm or value of a slice: the whole period, and window by window.

    `samples` is how many sampled requests were answered in the period and `labelled` how many of them have a label or reward by now; both count those too that are not
    ripe. Samples of one value of a slice are not counted.
    """

    samples: int | None
    labelled: int
    total: Performance
    windows: list[MeasuredWindow]


class PerformanceReport(msgspec.Struct, frozen=True, kw_only=True):
    """How good the predictions were that an endpoint made in a period, in parts.

    Times are of predictions, not of labels. `delay` is the seconds within which nearly all labels come, null with too few to tell; predictions made after `ripe_until`
    are left out, and `unripe` is how many rows of them have a label already: those that come fast are not like the others. `window` is in seconds.
    """

    endpoint: str
    task: Task
    since: datetime
    until: datetime
    window: float
    by: str
    delay: float | None
    ripe_until: datetime
    unripe: int
    parts: dict[str, MeasuredPart]


@get("/v1/endpoints/{name:str}/performance", sync_to_thread=True)
def get_performance(
    store: NamedDependency[Store],
    registry: NamedDependency[Registry],
    name: FromPath[str],
    since: FromQuery[str] = LOOKED_BACK,
    until: FromQuery[str | None] = None,
    window: FromQuery[str | None] = None,
    by: FromQuery[str] = "model",
    model: FromQuery[str | None] = None,
    arm: FromQuery[str | None] = None,
    labels: FromQuery[Counted] = "ripe",
) -> PerformanceReport:
    """Measure predictions by the truth that came for them, each metric with its interval of 95 %.

    `by` parts them: by the `model` that answered, by the `arm` that was chosen, or by a slice of the endpoint, by its name. `model` and `arm` leave out all others.
    Rows are weighted to stand for all traffic, and rows of one entity belong together. Only predictions that are old enough to have their labels
    count, unless `labels` is `all`.
    """
    _, endpoint = registry.get(name)
    period = read_period(since, until, window, store.bucket_seconds)
    _check_part(endpoint, by)
    told, delay, ripe_until = labelled_in(store, name, period, labels)
    chosen = _narrowed(endpoint, told, model, arm)
    samples = store.samples.scored(name, period.since, period.until, by) if by in ("model", "arm") else None
    reporter = _Reporter(period, ripe_until, _thresholds(endpoint))
    return PerformanceReport(
        endpoint=name,
        task=endpoint.task,
        since=as_date(period.since),
        until=as_date(period.until),
        window=period.window / NANOSECONDS,
        by=by,
        delay=None if delay is None else delay / NANOSECONDS,
        ripe_until=as_date(ripe_until),
        unripe=int((chosen.time >= ripe_until).sum()),
        parts={
            part: reporter.report(rows, None if samples is None else samples.get(part, 0))
            for part, rows in _parts(chosen, by).items()
        },
    )


def _thresholds(endpoint: Endpoint) -> dict[str, float]:
    """Those that decide for the models of a binary task, where any are in force."""
    if endpoint.thresholds is None:
        return {}
    settings = {model: endpoint.thresholds.setting(model) for model in endpoint.models}
    return {model: setting for model, setting in settings.items() if isinstance(setting, float)}


def _check_part(endpoint: Endpoint, by: str) -> None:
    known = ("model", "arm", *endpoint.slices)
    if by not in known:
        raise bad_parameter("by", f"must be one of {', '.join(known)}; not {by!r}")


def _narrowed(endpoint: Endpoint, told: Outcomes, model: str | None, arm: str | None) -> Outcomes:
    for parameter, wanted in (("model", model), ("arm", arm)):
        coded = told.answered if parameter == "model" else told.arm
        if wanted is None:
            continue
        if wanted not in endpoint.models and wanted not in coded.names:
            raise bad_parameter(parameter, f"names no model of this endpoint; known: {', '.join(endpoint.models)}")
        told = told.where(coded.equal(wanted))
    return told


def _parts(told: Outcomes, by: str) -> dict[str, Outcomes]:
    """The parts there are; none of a slice that no sample has a value of."""
    try:
        return parts_of(told, by)
    except KeyError:
        return {}


class _Reporter:
    """Measures parts over a period, of which predictions made before a time have their labels, at the thresholds of the models."""

    def __init__(self, period: Period, ripe_until: int, thresholds: Mapping[str, float]) -> None:
        self._thresholds = thresholds
        self._period = period
        self._ripe_until = ripe_until

    def report(self, rows: Outcomes, samples: int | None) -> MeasuredPart:
        """One part."""
        ripe = rows.between(self._period.since, self._ripe_until)
        return MeasuredPart(
            samples=samples,
            labelled=len(np.unique(rows.prediction_id.astype(str))),
            total=measure(ripe, self._thresholds),
            windows=[self._window(ripe, window) for window in self._period.windows()],
        )

    def _window(self, ripe: Outcomes, window: Window) -> MeasuredWindow:
        measured = measure(ripe.between(window.start, window.end), self._thresholds)
        return MeasuredWindow(
            since=as_date(window.start),
            until=as_date(window.end),
            ripe=window.end <= self._ripe_until,
            rows=measured.rows,
            metrics=measured.metrics,
        )


handlers: list[Any] = [get_performance]

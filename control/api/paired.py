"""Shadows judged by labels: what they would have answered beside what clients got, once it is known what was true."""

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
import numpy as np
from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, QueryParameter

from control.api.labelled import LOOKED_BACK
from control.api.periods import as_date, read_period
from control.api.shadow import shadows_of
from control.problems import bad_parameter
from control.registry import Registry
from control.stores import Store
from control.stores.shadows import Shadowed
from hyperplan.endpoint import Endpoint, Task
from hyperplan.experiments.losses import OF_TASK, Loss
from hyperplan.experiments.shadowed import Incomparable, SideBySide, Terms, side_by_side

SECOND = 10**9
DAY = 86_400.0
MOST_ANSWERS = 50_000
"""Answers of one shadow that are compared: the newest."""
LONGEST = 366 * DAY

Seconds = Annotated[float | None, QueryParameter(ge=0, le=LONGEST)]
Above = Annotated[float | None, QueryParameter(gt=0, le=1e12)]


class PairedReport(SideBySide, frozen=True, kw_only=True):
    """A shadow beside the model that answered the same requests."""

    model: str


class JudgedShadow(msgspec.Struct, frozen=True, kw_only=True):
    """A shadow, and how it compares with each model that answered; `unknown` says why nothing can be said."""

    shadow: str
    rows: int
    against: list[PairedReport]
    unknown: str | None


class PairedReports(msgspec.Struct, frozen=True, kw_only=True):
    """The shadows of an endpoint judged by the labels that came for the predictions of a period.

    `window` and `wait` are in seconds: rows of an entity within the window after its first one are one unit; without a wait every label that is there counts. `alpha` is shared by all comparisons.
    """

    endpoint: str
    since: datetime
    until: datetime
    task: Task
    loss: Loss
    unit: Literal["entity", "request"]
    window: float
    wait: float | None
    alpha: float
    shadows: list[JudgedShadow]


class _Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What of the comparison the caller chose."""

    loss: Loss
    window: float | None
    wait: float | None
    bound: float | None
    minimum: float | None
    alpha: float


@get("/v1/endpoints/{name:str}/shadow/paired", sync_to_thread=True)
def get_paired(
    store: NamedDependency[Store],
    registry: NamedDependency[Registry],
    name: FromPath[str],
    since: FromQuery[str | None] = None,
    until: FromQuery[str | None] = None,
    model: FromQuery[str | None] = None,
    loss: FromQuery[str | None] = None,
    window: Seconds = None,
    wait: Seconds = None,
    bound: Above = None,
    minimum: Above = None,
    alpha: Annotated[float, QueryParameter(gt=0, le=0.5)] = 0.05,
) -> PairedReports:
    """Compare what the shadows of an endpoint would have answered with what clients got, by their losses once the labels are there.

    The period is seven days if left out. All shadows are compared, or the one that `model` names. `loss` is one of those of the task: brier, error or log; error or log; absolute or
    squared. It is cut at `bound`, and `minimum` is the smallest difference that matters, a hundredth of the bound if left out. `window` and `wait` are those of an experiment, in seconds: whoever
    looks again and again gives a wait, so that what was counted does not change.
    """
    _, endpoint = registry.get(name)
    period = read_period(since or LOOKED_BACK, until, None, store.bucket_seconds)
    asked = _Asked(loss=_loss(endpoint.task, loss), window=window, wait=wait, bound=bound, minimum=minimum, alpha=alpha)
    answers = store.shadows.answers(name, period.since, period.until)
    shadows = [Shadowed(name, shadow, period.since, period.until) for shadow in shadows_of(endpoint, answers, model)]
    terms = _terms(endpoint, asked, period.until)
    return PairedReports(
        endpoint=name,
        since=as_date(period.since),
        until=as_date(period.until),
        task=endpoint.task,
        loss=asked.loss,
        unit=terms.unit,
        window=terms.window / SECOND,
        wait=wait,
        alpha=alpha,
        shadows=[_judged(store, each, terms, len(shadows)) for each in shadows],
    )


def _loss(task: Task, given: str | None) -> Loss:
    known = OF_TASK[task]
    for loss in known:
        if given in (None, loss):
            return loss
    raise bad_parameter("loss", f"is none of a task that is {task}; known: {', '.join(known)}")


def _terms(endpoint: Endpoint, asked: _Asked, now: int) -> Terms:
    """What was asked for, and the rest as the experiment of the endpoint has it, if there is one."""
    experiment = endpoint.experiment
    usual = experiment.window if experiment else DAY
    by_entity = endpoint.entity is not None
    window = asked.window if asked.window is not None else usual
    return Terms(
        loss=asked.loss,
        unit="entity" if by_entity else "request",
        window=max(round(window * SECOND), 1),
        now=now,
        wait=None if asked.wait is None else round(asked.wait * SECOND),
        bound=asked.bound,
        minimum=asked.minimum,
        alpha=asked.alpha,
    )


def _judged(store: Store, asked: Shadowed, terms: Terms, shadows: int) -> JudgedShadow:
    newest = store.shadows.newest(asked, MOST_ANSWERS)
    answered, instead = store.labelled_twice(newest)
    who = answered.answered
    models = [name for name in who.names if name != asked.model]
    terms = terms._replace(comparisons=shadows * max(len(models), 1))
    against: list[PairedReport] = []
    unknown = None if models else "no labelled prediction has an answer of this shadow yet"
    for model in models:
        rows = np.flatnonzero(who.equal(model))
        try:
            found = side_by_side(model, asked.model, answered.where(rows), instead.where(rows), terms)
        except Incomparable as error:
            unknown = f"against {model}: {error}"
            continue
        against.append(PairedReport(model=model, **msgspec.structs.asdict(found)))
    return JudgedShadow(shadow=asked.model, rows=len(answered), against=against, unknown=unknown)


handlers: list[Any] = [get_paired]

"""Experiments: how the one that runs stands, and how long one would take."""

import asyncio
from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, QueryParameter

from control.api.bodies import BODY, AnyRequest, body_of
from control.api.labelled import LOOKED_BACK
from control.api.periods import as_date, read_period
from control.experiments.book import ExperimentBook
from control.experiments.reading import Asked, read_rows, running_in
from control.problems import not_found
from control.registry import Registry
from control.stores import Store
from hyperplan.endpoint import Endpoint
from hyperplan.experiments.design import Experiment, Minimum
from hyperplan.experiments.look import Look, Measured, Promise, Standing
from hyperplan.experiments.outlook import NoOutlook, Outlook, ToGo, every_unit, outlook, to_go
from hyperplan.experiments.running import Running
from hyperplan.experiments.verdict import Verdict
from hyperplan.problems import Invalid, Problem

EXPERIMENT = "/v1/endpoints/{name:str}/experiment"
MOST_PLANNED = 100_000
"""Labelled rows of which a plan is made: the newest."""

Share = Annotated[float | None, QueryParameter(gt=0, lt=1)]
Effect = Annotated[float | None, QueryParameter(gt=0, le=1e9)]


class StepReport(msgspec.Struct, frozen=True, kw_only=True):
    """A revision that an experiment went through, since when, and the weights of its split."""

    revision: int
    since: datetime
    weights: dict[str, float]


class PromiseReport(msgspec.Struct, frozen=True, kw_only=True):
    """How much speaks against a promise, in nats, and at how much it counts as broken."""

    evidence: float
    needed: float
    broken: bool


class TreatmentReport(msgspec.Struct, frozen=True, kw_only=True):
    """How a treatment stands against the control arm.

    `verdict` says what to do, in which state the experiment is, and why; `decided_at` when that was reached, null while it is "go on". `evidence` against "no effect" is the
    natural logarithm of an e-value; `needed` refutes it. `outlook` says how many units it takes and how many come, `to_go` what is missing; both are null where `unknown` says why
    nobody can tell.
    """

    treatment: str
    control: str
    verdict: Verdict
    decided_at: datetime | None
    effect: Measured
    evidence: float
    needed: float
    units: dict[str, int]
    guardrails: dict[str, PromiseReport]
    outlook: Outlook | None
    to_go: ToGo | None
    unknown: str | None


class ExperimentReport(msgspec.Struct, frozen=True, kw_only=True):
    """An experiment of an endpoint, known by the `revision` that it started with.

    It is `waiting` until it was first looked at, then `running`, and `over` when another revision has ended it. `units` are those that count, by arm; `open` ones are still in their
    windows. `forced` rows named their arm themselves, and `elsewhere` rows were chosen at revisions that are not of the experiment: neither count. `earlier` are the first
    revisions of experiments that are over.
    """

    endpoint: str
    revision: int
    since: datetime
    state: Literal["waiting", "running", "over"]
    judged_at: datetime | None
    design: Experiment
    revisions: list[StepReport]
    units: dict[str, int]
    open: int
    forced: int
    elsewhere: int
    sample_ratio: PromiseReport | None
    treatments: list[TreatmentReport]
    earlier: list[int]


class PlannedTreatment(msgspec.Struct, frozen=True, kw_only=True):
    """What a treatment would take; null where `unknown` says why nobody can tell."""

    treatment: str
    control: str
    outlook: Outlook | None
    unknown: str | None


class PlanReport(msgspec.Struct, frozen=True, kw_only=True):
    """How long an experiment would take, from the traffic and the labels of a period. `rows` labelled predictions were looked at, since `since`."""

    endpoint: str
    since: datetime
    until: datetime
    rows: int
    design: Experiment
    treatments: list[PlannedTreatment]


@get(EXPERIMENT, sync_to_thread=True)
def get_experiment(
    registry: NamedDependency[Registry],
    experiments: NamedDependency[ExperimentBook],
    name: FromPath[str],
    revision: Annotated[int | None, QueryParameter(ge=1, le=2**31 - 1)] = None,
) -> ExperimentReport:
    """How the experiment of an endpoint stands, by the newest look at it; or one that is over, by the revision that it started with."""
    registry.history(name, limit=1)
    runs = running_in(registry, name)
    firsts = experiments.firsts(name)
    first = revision if revision is not None else runs.first if runs else None
    if first is None:
        known = f"; there were some from revisions {', '.join(map(str, firsts))}" if firsts else ""
        raise not_found(f"{name!r} has no experiment now{known}; declare one under experiment in its document")
    look = experiments.get(name, first)
    current = runs if runs and runs.first == first else None
    if look is None and current is None:
        raise not_found(f"no experiment of {name!r} started with revision {first}; known: {firsts or 'none'}")
    earlier = [number for number in firsts if number != first]
    if look is None:
        assert current is not None
        return _waiting(name, current, earlier)
    return _report(look, current, earlier)


@get(f"{EXPERIMENT}/plan", sync_to_thread=True)
def plan_experiment(
    registry: NamedDependency[Registry],
    store: NamedDependency[Store],
    name: FromPath[str],
    since: FromQuery[str | None] = None,
    until: FromQuery[str | None] = None,
    share: Share = None,
    minimum: Effect = None,
) -> PlanReport:
    """How long the experiment that the document declares will take, from what was seen in a period (seven days if left out).

    `share` is the treatment's part of the units of both arms; left out, that of the split's weights, or half while it has none. `minimum` asks about
    another minimum effect.
    """
    _, endpoint = registry.get(name)
    if endpoint.experiment is None:
        raise not_found(
            f"{name!r} has no experiment; declare one under experiment in its document, or give a design to plan (POST here, or hyperplan experiment plan -f FILE)"
        )
    return _plan(store, endpoint, endpoint.experiment, (since, until), share, minimum)


@post(f"{EXPERIMENT}/plan", status_code=200, opt={BODY: Experiment})
async def plan_new_experiment(
    request: AnyRequest,
    registry: NamedDependency[Registry],
    store: NamedDependency[Store],
    name: FromPath[str],
    since: FromQuery[str | None] = None,
    until: FromQuery[str | None] = None,
    share: Share = None,
    minimum: Effect = None,
) -> PlanReport:
    """The same for an experiment that is not declared yet: the body is the block of the document. Nothing is written."""
    design = await body_of(request, Experiment)
    _, endpoint = await asyncio.to_thread(registry.get, name)
    problems = list(_unplannable(design, endpoint))
    if problems:
        raise Invalid(problems)
    return await asyncio.to_thread(_plan, store, endpoint, design, (since, until), share, minimum)


def _unplannable(design: Experiment, endpoint: Endpoint) -> Iterator[Problem]:
    """What is wrong with a design, whatever the split is by now: the weights come with the experiment."""
    split = dict.fromkeys(endpoint.models, 1.0)
    multiclass = endpoint.task == "multiclass"
    yield from design.problems(split, endpoint.models, sticky=design.unit == "entity", multiclass=multiclass)
    if design.unit == "entity" and endpoint.entity is None:
        yield Problem(
            "/unit", "the endpoint does not say whom a prediction is about; name its entity, or say unit: request"
        )


def _plan(
    store: Store,
    endpoint: Endpoint,
    design: Experiment,
    period: tuple[str | None, str | None],
    share: float | None,
    minimum: float | None,
) -> PlanReport:
    since, until = period
    asked = read_period(since or LOOKED_BACK, until, None, store.bucket_seconds)
    if minimum is not None:
        kind = "absolute" if design.minimum_effect.relative is None else "relative"
        design = msgspec.structs.replace(design, minimum_effect=Minimum(**{kind: minimum}))
    rows, begun = read_rows(store, endpoint.name, design, Asked(asked.since, asked.until, MOST_PLANNED))
    units = every_unit(design, rows)
    treatments = []
    for treatment in design.treatments():
        found, unknown = None, None
        try:
            found = outlook(design, treatment, units, endpoint.routing.split, share)
        except NoOutlook as error:
            unknown = str(error)
        treatments.append(
            PlannedTreatment(treatment=treatment, control=design.control_arm(), outlook=found, unknown=unknown)
        )
    return PlanReport(
        endpoint=endpoint.name,
        since=as_date(begun),
        until=as_date(asked.until),
        rows=len(rows.time),
        design=design,
        treatments=treatments,
    )


def _waiting(name: str, running: Running, earlier: list[int]) -> ExperimentReport:
    return ExperimentReport(
        endpoint=name,
        revision=running.first,
        since=as_date(running.start),
        state="waiting",
        judged_at=None,
        design=running.design,
        revisions=_steps(running),
        units=dict.fromkeys(running.design.arms, 0),
        open=0,
        forced=0,
        elsewhere=0,
        sample_ratio=None,
        treatments=[],
        earlier=earlier,
    )


def _report(look: Look, current: Running | None, earlier: list[int]) -> ExperimentReport:
    running = current or look.running
    return ExperimentReport(
        endpoint=look.endpoint,
        revision=running.first,
        since=as_date(running.start),
        state="running" if current else "over",
        judged_at=as_date(look.at),
        design=running.design,
        revisions=_steps(running),
        units=look.units,
        open=look.open,
        forced=look.forced,
        elsewhere=look.elsewhere,
        sample_ratio=_promise(look.sample_ratio),
        treatments=[_treatment(look, standing) for standing in look.standings.values()],
        earlier=earlier,
    )


def _steps(running: Running) -> list[StepReport]:
    return [StepReport(revision=step.revision, since=as_date(step.at), weights=step.weights) for step in running.steps]


def _treatment(look: Look, standing: Standing) -> TreatmentReport:
    found = standing.outlook
    return TreatmentReport(
        treatment=standing.treatment,
        control=standing.control,
        verdict=standing.verdict,
        decided_at=None if standing.decided is None else as_date(standing.decided),
        effect=standing.effect,
        evidence=standing.evidence,
        needed=standing.needed,
        units=standing.units,
        guardrails={name: _promise(promise) for name, promise in standing.guardrails.items()},
        outlook=found,
        to_go=None if found is None else to_go(look.running.design, found, sum(standing.units.values()), look.open),
        unknown=standing.unknown,
    )


def _promise(promise: Promise) -> PromiseReport:
    return PromiseReport(evidence=promise.evidence, needed=promise.needed, broken=promise.broken)


handlers: list[Any] = [get_experiment, plan_experiment, plan_new_experiment]

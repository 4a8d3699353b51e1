"""Thresholds of an endpoint: what decides for each model version and where it comes from, learning now, and pinning."""

import asyncio
from datetime import datetime
from typing import Any, Literal

import msgspec
from litestar import Response, delete, get, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath

from control.api.bodies import BODY, CONDITION, AnyRequest, body_of
from control.api.periods import as_date
from control.api.revisions import edit, tagged
from control.problems import not_found
from control.registry import Change, Entry, Registry
from control.stores import Store
from control.thresholds.book import Look, Range, ThresholdBook
from control.thresholds.teaching import Teaching
from hyperplan.endpoint import Endpoint
from hyperplan.problems import Invalid, Problem
from hyperplan.thresholds.block import Learnt, Objective, Setting, Thresholds
from hyperplan.thresholds.decider import Decider

THRESHOLDS = "/v1/endpoints/{name:str}/thresholds"


class LookReport(msgspec.Struct, frozen=True, kw_only=True):
    """The last look at a version, and what came of it, in words (`why`).

    `value` is the best that was known, null where nothing could be learnt; `attained` is what it attains of the objective and `before` what `current` attains, which was in force, with 95 % intervals. Of the
    samples that were drawn anew it is better in the share `better`, in the mean by `gain`. Its `labels` say as much as `effective` ones of equal weight.
    """

    at: datetime
    objective: Objective
    current: Setting
    value: Setting | None
    interval: tuple[float, float] | None
    labels: int
    effective: float
    attained: Range | None
    before: Range | None
    better: float | None
    gain: float | None
    changed: bool
    why: str
    notes: tuple[str, ...]


class ModelThreshold(msgspec.Struct, frozen=True, kw_only=True):
    """What decides for a model version: a threshold, or the weights of its classes.

    `origin` says where it comes from: a person has `pinned` it; it was learnt from `labels`, or from the scores for the `rate` that is wanted; it keeps the rate of its `predecessor`; or nothing is
    known yet, and it is that of the `start`. `learnt` is what was learnt, also where another is pinned.
    """

    setting: Setting
    origin: Literal["pinned", "labels", "rate", "predecessor", "start"]
    learnt: Learnt | None
    look: LookReport | None


class ThresholdsReport(msgspec.Struct, frozen=True, kw_only=True):
    """How an endpoint decides. `decisions` are those of a binary task; `field` is where its answers have them, null for the header alone."""

    endpoint: str
    revision: int
    objective: Objective
    decisions: dict[str, str] | None
    field: str | None
    models: dict[str, ModelThreshold]


class Pin(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is to decide for a model, whatever is learnt: a threshold, or the weights of its classes."""

    value: Setting


@get(THRESHOLDS, sync_to_thread=True)
def get_thresholds(name: FromPath[str], registry: NamedDependency[Registry]) -> Response[ThresholdsReport]:
    """What decides for each model version of an endpoint, where that comes from, and what the last look at it found."""
    return _report(registry, *registry.get(name))


@post(f"{THRESHOLDS}/learn", sync_to_thread=True, status_code=200)
def learn_thresholds(
    name: FromPath[str], registry: NamedDependency[Registry], store: NamedDependency[Store]
) -> Response[ThresholdsReport]:
    """Look at every version now, instead of when there are a quarter more labels. What is better beyond doubt is put in force."""
    _thresholds(registry.get(name)[1])
    Teaching(registry, store).learn(name, every=True)
    return _report(registry, *registry.get(name))


@put(f"{THRESHOLDS}/{{model:str}}", opt={BODY: Pin, CONDITION: "taken"})
async def pin_threshold(
    name: FromPath[str], model: FromPath[str], request: AnyRequest, registry: NamedDependency[Registry]
) -> Response[ThresholdsReport]:
    """Pin what decides for a model version, until it is unpinned."""
    pin = await body_of(request, Pin)

    def edited(endpoint: Endpoint) -> Endpoint:
        thresholds = _of_model(endpoint, model)
        if endpoint.task == "binary" and not isinstance(pin.value, float):
            raise Invalid([Problem("/value", "must be a number: scores from there on are positive")])
        if endpoint.task == "multiclass" and not isinstance(pin.value, dict):
            raise Invalid([Problem("/value", "must give classes weights")])
        return _with(endpoint, thresholds, thresholds.pinned | {model: pin.value})

    entry, endpoint = await edit(registry, name, Change.THRESHOLD, request, edited, reason=f"{model} is pinned")
    return await asyncio.to_thread(_report, registry, entry, endpoint)


@delete(f"{THRESHOLDS}/{{model:str}}", opt={CONDITION: "taken"}, status_code=200)
async def unpin_threshold(
    name: FromPath[str], model: FromPath[str], request: AnyRequest, registry: NamedDependency[Registry]
) -> Response[ThresholdsReport]:
    """Let what was learnt decide for a model version again."""

    def edited(endpoint: Endpoint) -> Endpoint:
        thresholds = _of_model(endpoint, model)
        return _with(endpoint, thresholds, {each: one for each, one in thresholds.pinned.items() if each != model})

    entry, endpoint = await edit(
        registry, name, Change.THRESHOLD, request, edited, reason=f"{model} is not pinned any more"
    )
    return await asyncio.to_thread(_report, registry, entry, endpoint)


handlers: list[Any] = [get_thresholds, learn_thresholds, pin_threshold, unpin_threshold]


def _thresholds(endpoint: Endpoint) -> Thresholds:
    if endpoint.thresholds is None:
        raise not_found(f"{endpoint.name} has no thresholds; add a thresholds block with an objective to its document")
    return endpoint.thresholds


def _of_model(endpoint: Endpoint, model: str) -> Thresholds:
    thresholds = _thresholds(endpoint)
    if model not in endpoint.models:
        raise not_found(f"{endpoint.name} has no model {model!r}; it has: {', '.join(endpoint.models)}")
    return thresholds


def _with(endpoint: Endpoint, thresholds: Thresholds, pinned: dict[str, Setting]) -> Endpoint:
    return msgspec.structs.replace(endpoint, thresholds=msgspec.structs.replace(thresholds, pinned=pinned))


def _report(registry: Registry, entry: Entry, endpoint: Endpoint) -> Response[ThresholdsReport]:
    thresholds = _thresholds(endpoint)
    looks = ThresholdBook(registry.engine).of(endpoint.name)
    decider = Decider(endpoint.task, thresholds)
    report = ThresholdsReport(
        endpoint=endpoint.name,
        revision=entry.number,
        objective=thresholds.objective,
        decisions=msgspec.structs.asdict(thresholds.names) if endpoint.task == "binary" else None,
        field=thresholds.field,
        models={
            model: _model(thresholds, model, decider.setting(model), looks.get(model)) for model in endpoint.models
        },
    )
    return tagged(report, entry)


def _model(thresholds: Thresholds, model: str, setting: Setting, look: Look | None) -> ModelThreshold:
    learnt = thresholds.learnt.get(model)
    origin: Any = "pinned" if model in thresholds.pinned else learnt.origin if learnt else "start"
    return ModelThreshold(setting=setting, origin=origin, learnt=learnt, look=None if look is None else _look(look))


def _look(look: Look) -> LookReport:
    told = {name: getattr(look, name) for name in LookReport.__struct_fields__ if name != "at"}
    return LookReport(at=as_date(look.at), **told)

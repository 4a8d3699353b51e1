"""Model versions with what they were made of: one, all of an endpoint, or some side by side."""

from typing import Annotated, Any

import msgspec
from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter

from control.api.revisions import RevisionSummary, summary_of
from control.lineages import Lineages, model_at
from control.problems import bad_parameter
from control.registry import Registry
from hyperplan.endpoint import Model
from hyperplan.lineage import Line, Repeat, side_by_side

MOST_COMPARED = 20
"""Models that may be named to be compared."""


class ModelHistory(msgspec.Struct, frozen=True, kw_only=True):
    """A model version of an endpoint: its document as it stands or, if it is gone, last stood at `revision`.

    `added` is the change that it came with. `repeats` names earlier versions, of any endpoint, that have the same data, code and parameters.
    """

    endpoint: str
    model: str
    revision: int
    current: bool
    added: RevisionSummary
    document: Model
    repeats: list[Repeat]


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """Model versions side by side: a line for each thing that any of them says, with what each says in the order of `models`."""

    endpoint: str
    models: list[ModelHistory]
    lines: list[Line]


@get("/v1/endpoints/{name:str}/lineage", sync_to_thread=True)
def list_lineages(
    registry: NamedDependency[Registry], lineages: NamedDependency[Lineages], name: FromPath[str]
) -> list[ModelHistory]:
    """The models behind an endpoint, each with what it was made of and which earlier ones it repeats."""
    _, endpoint = registry.get(name)
    return [_history(registry, lineages, name, model) for model in endpoint.models]


@get("/v1/endpoints/{name:str}/models/{model:str}/lineage", sync_to_thread=True)
def get_lineage(
    registry: NamedDependency[Registry],
    lineages: NamedDependency[Lineages],
    name: FromPath[str],
    model: FromPath[str],
) -> ModelHistory:
    """A model version, also one that the endpoint has no more, with what it was made of and which earlier ones it repeats."""
    return _history(registry, lineages, name, model)


@get("/v1/endpoints/{name:str}/comparison", sync_to_thread=True)
def get_comparison(
    registry: NamedDependency[Registry],
    lineages: NamedDependency[Lineages],
    name: FromPath[str],
    model: Annotated[
        list[str] | None, QueryParameter(description="A model; may be given several times. Else all.")
    ] = None,
) -> Comparison:
    """Model versions side by side, also such as the endpoint has no more: all that any of them says, and what each says of it."""
    if model is not None and len(model) > MOST_COMPARED:
        raise bad_parameter("model", f"is given {len(model)} times; {MOST_COMPARED} models can be compared at once")
    named = model if model is not None else registry.get(name)[1].models
    found = [_history(registry, lineages, name, each) for each in dict.fromkeys(named)]
    documents = [msgspec.to_builtins(each.document) for each in found]
    return Comparison(endpoint=name, models=found, lines=side_by_side(documents))


def _history(registry: Registry, lineages: Lineages, endpoint: str, model: str) -> ModelHistory:
    revision, document = model_at(registry, lineages, endpoint, model)
    seen = lineages.seen(endpoint, model)
    assert seen
    newest = registry.history(endpoint, limit=1)[0]
    return ModelHistory(
        endpoint=endpoint,
        model=model,
        revision=revision,
        current=newest.endpoint is not None and model in newest.endpoint.models,
        added=summary_of(registry.entry(endpoint, seen.first)),
        document=document,
        repeats=lineages.repeats(endpoint, model, revision),
    )


handlers: list[Any] = [list_lineages, get_lineage, get_comparison]

"""Endpoints and their parts: read, replaced, edited. Each write is a revision, and says so in its ETag."""

import asyncio
from typing import Any, TypeVar

import msgspec
from litestar import Response, delete, get, patch, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath

from control.api.bodies import (
    BODY,
    CONDITION,
    AnyRequest,
    demanded_revision,
    document_of,
    edit_of,
    expected_revision,
    write_of,
)
from control.api.revisions import EndpointView, edit, tagged, view
from control.lineages import Lineages
from control.problems import not_found
from control.registry import Change, NoSuchEndpoint, Registry, Stale
from hyperplan.documents import Document, located
from hyperplan.draining import drained
from hyperplan.endpoint import Endpoint, Match, Model, Routing, read_endpoint
from hyperplan.problems import Invalid, Problem
from hyperplan.schema import Schema

T = TypeVar("T")
ENDPOINT = "/v1/endpoints/{name:str}"


class EndpointSummary(msgspec.Struct, frozen=True):
    """An endpoint in the list of all."""

    name: str
    revision: int
    match: Match
    protocol: str
    task: str
    models: list[str]
    split: dict[str, float]


class NotedModel(Model, frozen=True, kw_only=True):
    """A model, and what is to be said of the change that made it so."""

    notes: tuple[str, ...] = ()


@get("/v1/endpoints")
async def list_endpoints(registry: NamedDependency[Registry]) -> list[EndpointSummary]:
    """All endpoints, by name."""
    entries = await asyncio.to_thread(registry.entries)
    return [_summary(entry.number, entry.endpoint) for entry in entries if entry.endpoint]


@get(ENDPOINT)
async def get_endpoint(name: FromPath[str], registry: NamedDependency[Registry]) -> Response[EndpointView]:
    """One endpoint whole, as it is now."""
    return view(await asyncio.to_thread(registry.get, name))


@put(ENDPOINT, opt={BODY: Endpoint, CONDITION: "taken"})
async def put_endpoint(
    name: FromPath[str],
    request: AnyRequest,
    registry: NamedDependency[Registry],
    lineages: NamedDependency[Lineages],
) -> Response[EndpointView]:
    """Make an endpoint be this document, JSON or YAML. `If-Match` guards an edit, `If-None-Match: *` only creates.

    `notes` says of models that came with it which earlier ones they repeat.
    """
    write = write_of(request, expected=expected_revision(request))
    document = await document_of(request)
    endpoint = await asyncio.to_thread(_named, name, document)
    if request.headers.get("if-match", "").strip() == "*" and not await _is_there(registry, name):
        raise Stale(None)  # it asks to replace whatever is there, and nothing is
    try:
        entry = await asyncio.to_thread(registry.put, endpoint, Change.APPLY, write)
    except Invalid as error:  # beside the other endpoints
        raise Invalid(located(list(error.problems), document.lines)) from None
    return view((entry, endpoint), await asyncio.to_thread(lineages.notes, name, entry.number))


@delete(ENDPOINT, status_code=204, opt={CONDITION: "taken"})
async def delete_endpoint(name: FromPath[str], request: AnyRequest, registry: NamedDependency[Registry]) -> None:
    """Remove an endpoint. Its history stays."""
    await asyncio.to_thread(registry.delete, name, write_of(request, expected=expected_revision(request)))


# Parts: each is read with the revision as ETag, and edited with it as If-Match.


@get(f"{ENDPOINT}/models")
async def list_models(name: FromPath[str], registry: NamedDependency[Registry]) -> Response[dict[str, Model]]:
    """The models behind an endpoint."""
    entry, endpoint = await asyncio.to_thread(registry.get, name)
    return tagged(endpoint.models, entry)


@get(f"{ENDPOINT}/models/{{model:str}}")
async def get_model(name: FromPath[str], model: FromPath[str], registry: NamedDependency[Registry]) -> Response[Model]:
    """One model behind an endpoint."""
    entry, endpoint = await asyncio.to_thread(registry.get, name)
    return tagged(_model(endpoint, model), entry)


@put(f"{ENDPOINT}/models/{{model:str}}", opt={BODY: Model, CONDITION: "taken"})
async def put_model(
    name: FromPath[str],
    model: FromPath[str],
    request: AnyRequest,
    registry: NamedDependency[Registry],
    lineages: NamedDependency[Lineages],
) -> Response[NotedModel]:
    """Add or replace a model. It takes no traffic until the routing says so. `notes` says which earlier ones it repeats."""
    edited = await edit_of(request, "models", model)
    entry, endpoint = await edit(registry, name, Change.MODEL, request, edited)
    notes = await asyncio.to_thread(lineages.notes, name, entry.number)
    return tagged(NotedModel(**msgspec.structs.asdict(endpoint.models[model]), notes=tuple(notes)), entry)


@delete(f"{ENDPOINT}/models/{{model:str}}", status_code=204, opt={CONDITION: "taken"})
async def delete_model(
    name: FromPath[str], model: FromPath[str], request: AnyRequest, registry: NamedDependency[Registry]
) -> None:
    """Remove a model that the routing does not name."""

    def edited(endpoint: Endpoint) -> Endpoint:
        _model(endpoint, model)
        rest = {known: kept for known, kept in endpoint.models.items() if known != model}
        return msgspec.structs.replace(endpoint, models=rest)

    await edit(registry, name, Change.MODEL, request, edited)


@post(f"{ENDPOINT}/models/{{model:str}}/drain", status_code=200, opt={CONDITION: "demanded"})
async def drain_model(
    name: FromPath[str], model: FromPath[str], request: AnyRequest, registry: NamedDependency[Registry]
) -> Response[Routing]:
    """Take a model out of split, fallback, shadow and default, so that it gets no request. Needs `If-Match`.

    It stays a model of the endpoint. Refused when nobody else has a weight.
    """
    demanded_revision(request)

    def edited(endpoint: Endpoint) -> Endpoint:
        _model(endpoint, model)
        return drained(endpoint, model)

    entry, endpoint = await edit(registry, name, Change.ROUTING, request, edited, reason=f"drain {model}")
    return tagged(endpoint.routing, entry)


@get(f"{ENDPOINT}/routing")
async def get_routing(name: FromPath[str], registry: NamedDependency[Registry]) -> Response[Routing]:
    """How an endpoint chooses."""
    entry, endpoint = await asyncio.to_thread(registry.get, name)
    return tagged(endpoint.routing, entry)


@put(f"{ENDPOINT}/routing", opt={BODY: Routing, CONDITION: "demanded"})
async def put_routing(
    name: FromPath[str], request: AnyRequest, registry: NamedDependency[Registry]
) -> Response[Routing]:
    """Replace how an endpoint chooses. Needs `If-Match`."""
    demanded_revision(request)
    entry, endpoint = await edit(registry, name, Change.ROUTING, request, await edit_of(request, "routing"))
    return tagged(endpoint.routing, entry)


@patch(f"{ENDPOINT}/routing", opt={BODY: Routing, CONDITION: "demanded"})
async def patch_routing(
    name: FromPath[str], request: AnyRequest, registry: NamedDependency[Registry]
) -> Response[Routing]:
    """Change some of how an endpoint chooses: a JSON Merge Patch (RFC 7396), so null removes an arm. Needs `If-Match`."""
    demanded_revision(request)
    edited = await edit_of(request, "routing", merge=True)
    entry, endpoint = await edit(registry, name, Change.ROUTING, request, edited)
    return tagged(endpoint.routing, entry)


@get(f"{ENDPOINT}/schema")
async def get_schema(name: FromPath[str], registry: NamedDependency[Registry]) -> Response[Schema]:
    """The feature schema of an endpoint."""
    entry, endpoint = await asyncio.to_thread(registry.get, name)
    return tagged(endpoint.schema, entry)


@put(f"{ENDPOINT}/schema", opt={BODY: Schema, CONDITION: "demanded"})
async def put_schema(name: FromPath[str], request: AnyRequest, registry: NamedDependency[Registry]) -> Response[Schema]:
    """Replace the feature schema. Needs `If-Match`."""
    demanded_revision(request)
    entry, endpoint = await edit(registry, name, Change.SCHEMA, request, await edit_of(request, "schema"))
    return tagged(endpoint.schema, entry)


handlers: list[Any] = [
    list_endpoints,
    get_endpoint,
    put_endpoint,
    delete_endpoint,
    list_models,
    get_model,
    put_model,
    delete_model,
    drain_model,
    get_routing,
    put_routing,
    patch_routing,
    get_schema,
    put_schema,
]


def _named(name: str, document: Document) -> Endpoint:
    """The endpoint in a document that must have this name."""
    problems = []
    written = document.data.get("name") if isinstance(document.data, dict) else None
    if isinstance(written, str) and written != name:
        problems = located([Problem("/name", f"is {written!r}, but the path says {name!r}")], document.lines)
    try:
        endpoint = read_endpoint(document)
    except Invalid as error:
        raise Invalid([*problems, *error.problems]) from None
    if problems:
        raise Invalid(problems)
    return endpoint


async def _is_there(registry: Registry, name: str) -> bool:
    try:
        await asyncio.to_thread(registry.get, name)
    except NoSuchEndpoint:
        return False
    return True


def _model(endpoint: Endpoint, model: str) -> Model:
    if model not in endpoint.models:
        raise not_found(f"{endpoint.name} has no model {model!r}; it has: {', '.join(endpoint.models)}")
    return endpoint.models[model]


def _summary(number: int, endpoint: Endpoint) -> EndpointSummary:
    return EndpointSummary(
        endpoint.name,
        number,
        endpoint.match,
        endpoint.protocol,
        endpoint.task,
        list(endpoint.models),
        endpoint.routing.split,
    )

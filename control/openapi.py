"""The OpenAPI document at /schema, and a page that shows it.

Litestar derives the document from the handlers. What it cannot know is put in here: the bodies and headers that we read
ourselves, from msgspec's own JSON Schema of the types, and our problem documents in place of its errors. Its
documentation pages load from elsewhere; ours is one plain page.
"""

import html
import inspect
from typing import Any

import msgspec
from litestar import MediaType, Request
from litestar.enums import OpenAPIMediaType
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import OpenAPIRenderPlugin
from litestar.utils.sync import AsyncCallable

from control.api.bodies import BODY, CONDITION, MEDIA_TYPES
from control.problems import MEDIA_TYPE, ProblemDetails
from hyperplan import __version__

_METHODS = ("get", "put", "patch", "post", "delete")


class _Json(OpenAPIRenderPlugin):
    """The document, for machines."""

    def __init__(self) -> None:
        super().__init__(path="/openapi.json", media_type=OpenAPIMediaType.OPENAPI_JSON)

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        return msgspec.json.encode(completed(request, openapi_schema))


class _Page(OpenAPIRenderPlugin):
    """The document, for people."""

    def __init__(self) -> None:
        super().__init__(path="/", media_type=MediaType.HTML)

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        return _page(completed(request, openapi_schema)).encode()


CONFIG = OpenAPIConfig(
    title="Hyperplan control",
    version=__version__,
    description="Endpoints, routing, plans, samples, shadows, feedback, skew, alerts and rollouts.",
    path="/schema",
    use_handler_docstrings=True,
    render_plugins=[_Page(), _Json()],
)


def completed(request: Request[Any, Any, Any], document: dict[str, Any]) -> dict[str, Any]:
    """The document with the bodies and headers of the handlers that read their own, and with our errors."""
    handlers = {
        (route.path_format, method.lower()): handler
        for route in request.app.routes
        for handler in getattr(route, "route_handlers", ())
        for method in getattr(handler, "http_methods", ())
    }
    bodies = [handler.opt[BODY] for handler in handlers.values() if BODY in handler.opt]
    kinds = list(dict.fromkeys([*bodies, ProblemDetails]))
    schemas, components = msgspec.json.schema_components(kinds, ref_template="#/components/schemas/{name}")
    schema_of = dict(zip(kinds, schemas, strict=True))
    paths = {
        path: {
            method: _completed_operation(method, operation, handlers[path, method], schema_of)
            for method, operation in item.items()
        }
        for path, item in document["paths"].items()
    }
    known = document.get("components", {})
    return document | {"paths": paths, "components": known | {"schemas": known.get("schemas", {}) | components}}


def _completed_operation(
    method: str, operation: dict[str, Any], handler: Any, schema_of: dict[Any, dict[str, Any]]
) -> dict[str, Any]:
    function = _unwrapped(handler.fn)
    answers = {status: answer for status, answer in operation["responses"].items() if not status.startswith("4")}
    problem = {"description": "What is wrong", "content": {MEDIA_TYPE: {"schema": schema_of[ProblemDetails]}}}
    completed = operation | {
        "operationId": function.__name__,
        "summary": function.__name__.replace("_", " "),
        "description": inspect.getdoc(function),
        "responses": answers | {"default": problem},
    }
    if BODY in handler.opt:
        content = _content(method, handler.opt, schema_of)
        completed["requestBody"] = {"required": True, "content": content}
    elif "body" in handler.parsed_fn_signature.parameters:
        binary = {"schema": {"type": "string", "format": "binary"}}
        completed["requestBody"] = {"required": True, "content": {"application/octet-stream": binary}}
    condition = handler.opt.get(CONDITION)
    if condition is not None:
        headers = [
            *_AUTHORSHIP,
            _header("If-Match", "The revision as ETag gives it.", required=condition == "demanded"),
        ]
        if method == "put" and condition == "taken":
            headers.append(_header("If-None-Match", "* creates, and replaces nothing."))
        completed["parameters"] = [*operation.get("parameters", []), *headers]
    return completed


def _unwrapped(function: Any) -> Any:
    """The function of a handler. Litestar wraps what runs in a thread, and would describe the wrapper."""
    while isinstance(function, AsyncCallable):
        function = function.func
    return function


def _content(method: str, said: dict[str, Any], schema_of: dict[Any, dict[str, Any]]) -> dict[str, Any]:
    kind = said[BODY]
    if method == "patch":  # any part of the type, and null for what goes
        described = {"type": "object", "description": f"A JSON Merge Patch of {kind.__name__}."}
        return {"application/merge-patch+json": {"schema": described}, "application/yaml": {"schema": described}}
    return {media_type: {"schema": schema_of[kind]} for media_type in said.get(MEDIA_TYPES, _DOCUMENTS)}


_DOCUMENTS = ("application/json", "application/yaml")


def _header(name: str, description: str, *, required: bool = False) -> dict[str, Any]:
    return {
        "name": name,
        "in": "header",
        "required": required,
        "description": description,
        "schema": {"type": "string"},
    }


_AUTHORSHIP = [
    _header("Hyperplan-Author", "Who makes the change."),
    _header("Hyperplan-Reason", "Why; kept with the revision."),
]


def _page(document: dict[str, Any]) -> str:
    rows = "".join(
        f"<tr><td><code>{method.upper()}</code></td><td><code>{html.escape(path)}</code></td>"
        f"<td>{html.escape(operation['description'])}</td></tr>"
        for path, item in sorted(document["paths"].items())
        for method, operation in item.items()
        if method in _METHODS
    )
    return (
        "<!doctype html><html lang=en><meta charset=utf-8><title>Hyperplan's API</title>"
        "<style>body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:70rem;padding:0 1rem}"
        "table{border-collapse:collapse;width:100%}td{border-top:1px solid #ddd;padding:.4rem .6rem;vertical-align:top}"
        "code{white-space:nowrap}</style><h1>Hyperplan's API</h1>"
        f'<p>The whole of it, with every type, is in <a href="/schema/openapi.json">openapi.json</a>.</p>'
        f"<table>{rows}</table></html>"
    )

"""Request bodies and preconditions, read by Hyperplan's own parser.

Litestar would stop at the first mistake of a body. So handlers that write take the request as it is and read it here;
what the body has to be stands in the handler's `opt` under `BODY`, for the OpenAPI document.
"""

import asyncio
import re
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, TypeVar

import msgspec
from litestar import Request

from control.problems import HttpProblem
from control.registry import Write
from hyperplan.documents import Document, parse, read
from hyperplan.endpoint import Endpoint, read_endpoint
from hyperplan.problems import Invalid, Problem, pointer

T = TypeVar("T")
AnyRequest = Request[Any, Any, Any]

BODY = "hyperplan_body"
"""The key of `opt` under which a handler names the type of its body."""
MEDIA_TYPES = "hyperplan_media_types"
"""The key of `opt` under which a handler names the media types of its body, where they are not JSON and YAML."""
CONDITION = "hyperplan_condition"
"""The key of `opt` that says whether the revision that a write was made from is `taken` or `demanded`."""
LARGEST = 1 << 20
"""Bytes of a document."""

_REVISION = re.compile(r'(?:W/)?"([1-9][0-9]{0,17})"|([1-9][0-9]{0,17})')
"""A revision as ETag gives it. The quotation marks may be forgotten, and a proxy that compresses makes it a weak one;
RFC 9110 would have those never match, but they mean the same document all the same."""


_MEDIA_TYPES = frozenset(
    {
        "",
        "application/json",
        "application/yaml",
        "application/x-yaml",
        "text/yaml",
        "text/x-yaml",
        "text/plain",
        "application/octet-stream",
        "application/x-www-form-urlencoded",  # what curl says of any --data
    }
)


async def document_of(request: AnyRequest) -> Document:
    """The body as plain data, whether it is JSON or YAML.

    Raises:
        Invalid: it is neither, or not UTF-8.
        HttpProblem: its media type says that it is neither, or it is compressed.
    """
    _check_media_type(request)
    body = await request.body()
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Invalid([Problem("", f"is not UTF-8: {error.reason} at byte {error.start}")]) from None
    return await asyncio.to_thread(parse, text)  # YAML takes its time, and others wait for their plans meanwhile


async def body_of(request: AnyRequest, kind: type[T]) -> T:
    """The body as a value of a type.

    Raises:
        Invalid: with everything that is wrong with it.
    """
    return read(kind, await document_of(request))


async def edit_of(request: AnyRequest, *part: str, merge: bool = False) -> Callable[[Endpoint], Endpoint]:
    """What the body makes of an endpoint when it takes the place of a part of it, or is merged into that part.

    The endpoint is checked whole, so that all is found that is wrong with the body by itself and in its place. Pointers
    lead into the body; those to other parts of the endpoint that do not go with it start at the endpoint.
    """
    body = await document_of(request)

    def edited(endpoint: Endpoint) -> Endpoint:
        whole = msgspec.json.decode(msgspec.json.encode(endpoint))
        around = whole
        for name in part[:-1]:
            around = around[name]
        around[part[-1]] = merged(around.get(part[-1]), body.data) if merge else body.data
        here = pointer(*part)
        try:
            return read_endpoint(_moved(body, here)._replace(data=whole))
        except Invalid as error:
            raise Invalid(
                Problem(_within(problem.pointer, here), problem.detail, problem.line) for problem in error.problems
            ) from None

    return edited


def _check_media_type(request: AnyRequest) -> None:
    kind = media_type_of(request)
    if kind not in _MEDIA_TYPES and not kind.endswith(("+json", "+yaml")):
        raise HttpProblem(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            f"the body must be application/json or application/yaml, not {kind}",
            headers={"accept": "application/json, application/yaml"},
        )
    coding = request.headers.get("content-encoding", "identity").strip().lower()
    if coding != "identity":
        raise HttpProblem(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            f"the body must not be compressed, and it comes as {coding}",
            headers={"accept-encoding": "identity"},
        )


def _moved(document: Document, here: str) -> Document:
    """A document whose pointers start at something around it."""
    return Document(
        document.data,
        {here + place: line for place, line in document.lines.items()},
        tuple(Problem(here + problem.pointer, problem.detail, problem.line) for problem in document.problems),
        frozenset(here + place for place in document.unread),
    )


def _within(place: str, here: str) -> str:
    return place.removeprefix(here) if f"{place}/".startswith(f"{here}/") else place


def merged(target: Any, patch: Any) -> Any:
    """JSON Merge Patch, as RFC 7396 section 2 defines it: objects are merged, null removes, all else replaces."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merged(result.get(key), value)
    return result


def write_of(request: AnyRequest, *, expected: int | None) -> Write:
    """Who writes and why, as the request's headers say, and from which revision."""
    author = _text(request.headers.get("hyperplan-author", ""))
    return Write(author or "unknown", _text(request.headers.get("hyperplan-reason", "")), expected)


def _text(header: str) -> str:
    """A header's value as its sender meant it: UTF-8, which HTTP carries as if it were Latin-1."""
    try:
        return header.encode("latin-1").decode()
    except UnicodeError:  # it was Latin-1 indeed
        return header


def expected_revision(request: AnyRequest) -> int | None:
    """The revision that a write was made from, as `If-Match` and `If-None-Match` say (RFC 9110 section 13.1).

    0 stands for "it must not be there yet", None for whatever is there.

    Raises:
        HttpProblem: the header names no revision.
    """
    none_match = request.headers.get("if-none-match")
    if none_match is not None:
        if none_match.strip() != "*":
            raise HttpProblem(HTTPStatus.BAD_REQUEST, "If-None-Match takes only *: create, but do not replace")
        return 0
    match = request.headers.get("if-match")
    if match is None or match.strip() == "*":
        return None
    found = _REVISION.fullmatch(match.strip())
    if found is None:
        detail = f'If-Match must be a revision as ETag gives it, like "3", not {match[:40]}'
        raise HttpProblem(HTTPStatus.BAD_REQUEST, detail)
    return int(found[1] or found[2])


def demanded_revision(request: AnyRequest) -> int:
    """As `expected_revision`, for edits that must not be made blindly; `If-Match: *` would be blind too.

    Raises:
        HttpProblem: there is no `If-Match` with a revision (428, RFC 6585 section 3).
    """
    number = expected_revision(request)
    if number is None:
        detail = 'this edit needs If-Match: "N", with the revision that it was made from; GET gives it as ETag'
        raise HttpProblem(HTTPStatus.PRECONDITION_REQUIRED, detail)
    return number


def media_type_of(request: AnyRequest) -> str:
    """The media type of a request's body in lower case, without its parameters; empty when it says none."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()

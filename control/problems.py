"""How the API says no: problem documents (RFC 9457), one form for every error, with all that is wrong and where."""

import logging
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

import msgspec
from litestar import Request, Response
from litestar.exceptions import HTTPException
from sqlalchemy.exc import OperationalError

from control.alerts.book import NoSuchAlert, NoSuchSilence
from control.registry import NoSuchEndpoint, NoSuchRevision, Stale
from control.rollouts.book import Overtaken
from control.rollouts.desk import NoRollout, OutOfPlace
from control.stores import Unavailable
from hyperplan.items import TYPES, UnreadType
from hyperplan.problems import Invalid, Problem

log = logging.getLogger("hyperplan.control")

MEDIA_TYPE = "application/problem+json"


class ProblemDetails(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A problem document. `errors` lists everything that was wrong, each with a JSON Pointer into what was sent.

    `type` is always `about:blank`: the status says what kind of problem it is (RFC 9457 section 4.2.1).
    """

    type: str
    title: str
    status: int
    detail: str
    errors: Sequence[Problem] = ()


class HttpProblem(Exception):
    """An error answer: its status, what to tell, and headers to send with it."""

    def __init__(
        self,
        status: HTTPStatus,
        detail: str,
        *,
        errors: Sequence[Problem] = (),
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.errors = tuple(errors)
        self.headers = headers or {}


def not_found(detail: str) -> HttpProblem:
    """404: there is no such thing."""
    return HttpProblem(HTTPStatus.NOT_FOUND, detail)


def bad_parameter(name: str, detail: str) -> HttpProblem:
    """422: a query parameter cannot be read."""
    return HttpProblem(
        HTTPStatus.UNPROCESSABLE_ENTITY, f"the parameter {name} {detail}", errors=[Problem(f"?{name}", detail)]
    )


def invalid(what: str, error: Invalid) -> HttpProblem:
    """422: a document is not valid."""
    count = len(error.problems)
    detail = f"{what} is not valid: {count} {'problem' if count == 1 else 'problems'}"
    return HttpProblem(HTTPStatus.UNPROCESSABLE_ENTITY, detail, errors=error.problems)


def answer(problem: HttpProblem) -> Response[bytes]:
    """The answer that tells of a problem."""
    document = ProblemDetails(
        type="about:blank",
        title=problem.status.phrase,
        status=problem.status,
        detail=problem.detail,
        errors=problem.errors,
    )
    return Response(
        msgspec.json.encode(document), status_code=problem.status, media_type=MEDIA_TYPE, headers=problem.headers
    )


# What Litestar calls for each kind of exception.


def _on_problem(_: Request[Any, Any, Any], error: HttpProblem) -> Response[bytes]:
    return answer(error)


def _on_invalid(_: Request[Any, Any, Any], error: Invalid) -> Response[bytes]:
    return answer(invalid("the document", error))


def _on_type(_: Request[Any, Any, Any], error: UnreadType) -> Response[bytes]:
    headers = {"accept": ", ".join(TYPES)}
    return answer(HttpProblem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, str(error), headers=headers))


def _on_missing(_: Request[Any, Any, Any], error: LookupError) -> Response[bytes]:
    return answer(not_found(str(error)))


def _on_conflict(_: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    return answer(HttpProblem(HTTPStatus.CONFLICT, str(error)))


def _on_stale(_: Request[Any, Any, Any], error: Stale) -> Response[bytes]:
    headers = {} if error.current is None else {"etag": f'"{error.current}"'}
    return answer(HttpProblem(HTTPStatus.PRECONDITION_FAILED, str(error), headers=headers))


def _on_http(request: Request[Any, Any, Any], error: HTTPException) -> Response[bytes]:
    """Litestar's own errors: no such path, wrong method, a parameter of the wrong type."""
    status = HTTPStatus(error.status_code)
    if status is HTTPStatus.BAD_REQUEST and isinstance(error.extra, list):
        errors = [Problem(f"?{item.get('key', '')}", _lowered(item.get("message", ""))) for item in error.extra]
        names = ", ".join(problem.pointer.removeprefix("?") for problem in errors)
        detail = f"of the parameters, these cannot be read: {names}"
        return answer(HttpProblem(HTTPStatus.UNPROCESSABLE_ENTITY, detail, errors=errors))
    headers = dict(error.headers or {})
    allowed = headers.get("Allow") or headers.get("allow")
    details = {
        HTTPStatus.NOT_FOUND: f"there is nothing at {request.url.path}; /schema lists what there is",
        HTTPStatus.METHOD_NOT_ALLOWED: f"{request.url.path} does not take {request.method}, but {allowed}",
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "the body is larger than anything that is taken here",
    }
    return answer(HttpProblem(status, details.get(status, error.detail), headers=headers))


def _on_unavailable(_: Request[Any, Any, Any], error: Unavailable) -> Response[bytes]:
    log.error("the store cannot be asked: %s", error)
    return answer(HttpProblem(HTTPStatus.SERVICE_UNAVAILABLE, f"the store cannot be asked now: {error}"))


def _on_registry_away(_: Request[Any, Any, Any], error: OperationalError) -> Response[bytes]:
    log.error("the registry cannot be asked: %s", error)
    said = (str(error.orig).splitlines() or ["no reason given"])[0]
    return answer(HttpProblem(HTTPStatus.SERVICE_UNAVAILABLE, f"the registry cannot be asked now: {said}"))


def _lowered(message: str) -> str:
    """msgspec's messages as ours are written."""
    return message[:1].lower() + message[1:].replace("`", "")


def _on_bug(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    log.error("%s %s failed", request.method, request.url.path, exc_info=error)
    return answer(HttpProblem(HTTPStatus.INTERNAL_SERVER_ERROR, "control has a bug here; its log says more"))


HANDLERS: dict[Any, Any] = {
    HttpProblem: _on_problem,
    Invalid: _on_invalid,
    UnreadType: _on_type,
    NoSuchEndpoint: _on_missing,
    NoSuchRevision: _on_missing,
    NoSuchAlert: _on_missing,
    NoSuchSilence: _on_missing,
    Stale: _on_stale,
    NoRollout: _on_missing,
    Overtaken: _on_conflict,
    OutOfPlace: _on_conflict,
    Unavailable: _on_unavailable,
    OperationalError: _on_registry_away,
    HTTPException: _on_http,
    Exception: _on_bug,
}
"""Litestar's exception handlers."""

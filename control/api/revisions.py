"""The revisions of endpoints: how an edit makes one and is answered, and how they are read, compared and gone back to."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Annotated, Any, TypeVar

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter

from control.api.bodies import BODY, CONDITION, AnyRequest, body_of, demanded_revision, expected_revision, write_of
from control.registry import Change, Entry, NoSuchRevision, Registry
from control.registry.registry import LARGEST_NUMBER
from hyperplan.diff import Difference, differences
from hyperplan.endpoint import Endpoint
from hyperplan.problems import Invalid, Problem

T = TypeVar("T")
ENDPOINT = "/v1/endpoints/{name:str}"


class RevisionSummary(msgspec.Struct, frozen=True):
    """One change of an endpoint: who made it, when and why. `plan` is the number of the plan that it made."""

    revision: int
    plan: int
    change: str
    author: str
    reason: str
    created_at: datetime


class EndpointView(RevisionSummary, frozen=True):
    """An endpoint whole, at one of its revisions. `notes` are what is to be said of a change, in the answer to it."""

    document: Endpoint
    notes: list[str] = []


class RevisionPage(msgspec.Struct, frozen=True):
    """Revisions, newest first. `next` is the `before` of the next page; None on the last."""

    revisions: list[RevisionSummary]
    next: int | None


class Rollback(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which revision to go back to."""

    to: int


class Diff(msgspec.Struct, frozen=True, rename={"older": "from", "newer": "to"}):
    """What makes of an endpoint at one revision what it is at another, in the order of the places that changed."""

    endpoint: str
    older: int
    newer: int
    changes: list[Difference]


# Editing.


async def edit(
    registry: Registry,
    name: str,
    change: Change,
    request: AnyRequest,
    edited: Callable[[Endpoint], Endpoint],
    *,
    reason: str = "",
) -> tuple[Entry, Endpoint]:
    """Edit an endpoint as a request asks to, whose headers say who, why (else `reason`) and from which revision."""
    write = write_of(request, expected=expected_revision(request))
    write = write._replace(reason=write.reason or reason)
    entry = await asyncio.to_thread(registry.edit, name, change, write, edited)
    assert entry.endpoint
    return entry, entry.endpoint


def tagged(content: T, entry: Entry) -> Response[T]:
    """An answer that carries the revision as its ETag."""
    return Response(content, headers={"etag": f'"{entry.number}"'})


def view(found: tuple[Entry, Endpoint], notes: Sequence[str] = ()) -> Response[EndpointView]:
    """The answer that shows an endpoint at a revision, with what is to be said of it."""
    entry, endpoint = found
    change = summary_of(entry)
    return tagged(EndpointView(**msgspec.structs.asdict(change), document=endpoint, notes=list(notes)), entry)


def summary_of(entry: Entry) -> RevisionSummary:
    """A revision in short."""
    return RevisionSummary(entry.number, entry.id, entry.change, entry.author, entry.reason, entry.created_at)


# Reading.


@get(f"{ENDPOINT}/revisions")
async def list_revisions(
    name: FromPath[str],
    registry: NamedDependency[Registry],
    limit: Annotated[int, QueryParameter(ge=1, le=1000)] = 100,
    before: Annotated[int | None, QueryParameter(ge=1)] = None,
) -> RevisionPage:
    """The changes of an endpoint, newest first."""
    found = await asyncio.to_thread(registry.history, name, limit=limit, before=before)
    more = len(found) == limit and found[-1].number > 1
    return RevisionPage([summary_of(entry) for entry in found], found[-1].number if more else None)


@get(f"{ENDPOINT}/revisions/{{number:int}}")
async def get_revision(
    name: FromPath[str], number: FromPath[int], registry: NamedDependency[Registry]
) -> Response[EndpointView]:
    """An endpoint as it was after one of its changes."""
    return view(await asyncio.to_thread(registry.revision, name, number))


@get(f"{ENDPOINT}/diff")
async def get_diff(
    name: FromPath[str],
    registry: NamedDependency[Registry],
    older: Annotated[
        int | None,
        QueryParameter(name="from", ge=0, le=LARGEST_NUMBER, description="A revision; else the one before `to`."),
    ] = None,
    newer: Annotated[
        int | None, QueryParameter(name="to", ge=0, le=LARGEST_NUMBER, description="A revision; else the newest.")
    ] = None,
) -> Diff:
    """What was changed from one revision of an endpoint to another.

    A revision that deleted the endpoint, and revision 0, hold nothing. `from` may be the later one: that is what a
    rollback would change.
    """
    ((newest, *_),) = (await asyncio.to_thread(registry.history, name, limit=1),)
    to = newest.number if newer is None else newer
    start = max(to - 1, 0) if older is None else older
    before, after = [await asyncio.to_thread(_document_at, registry, name, number) for number in (start, to)]
    return Diff(name, start, to, differences(before, after))


@post(f"{ENDPOINT}/rollback", status_code=200, opt={BODY: Rollback, CONDITION: "demanded"})
async def roll_back(
    name: FromPath[str], request: AnyRequest, registry: NamedDependency[Registry]
) -> Response[EndpointView]:
    """Make an endpoint be what it was at an earlier revision, as a new one. Needs `If-Match`.

    One that was deleted comes back, if it is still not there: that needs `If-None-Match: *`.
    """
    demanded_revision(request)
    target = (await body_of(request, Rollback)).to
    write = write_of(request, expected=expected_revision(request))
    try:
        _, then = await asyncio.to_thread(registry.revision, name, target)
        return view((await asyncio.to_thread(registry.put, then, Change.ROLLBACK, write), then))
    except NoSuchRevision as error:
        raise Invalid([Problem("/to", str(error))]) from None
    except Invalid as error:  # the world around it has changed since, or what is served has
        raise Invalid(
            Problem("/to", f"revision {target} cannot be gone back to: {problem.pointer} {problem.detail}")
            for problem in error.problems
        ) from None


def _document_at(registry: Registry, name: str, number: int) -> dict[str, Any]:
    """The document of an endpoint as plain data; an empty one where there was none.

    Raises:
        HttpProblem: there is no such revision.
    """
    if number == 0:
        return {}
    endpoint = registry.entry(name, number).endpoint
    return msgspec.json.decode(msgspec.json.encode(endpoint)) if endpoint else {}


handlers: list[Any] = [list_revisions, get_revision, get_diff, roll_back]

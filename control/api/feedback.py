"""Feedback: the truth about predictions, one by one or many at once.

A request is taken whole or not at all, and acknowledged when it is on disk. A good body is read in one decode, straight to what it means; only
one that is not is read again, item by item, to say what is wrong and where.
"""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery

from control.api.bodies import BODY, MEDIA_TYPES, AnyRequest
from control.api.items import JSON, LINES, MSGPACK, items_of
from control.api.periods import read_time
from control.otlp.commits import Commits
from control.problems import HttpProblem
from control.registry import NoSuchEndpoint, Registry
from control.stores import Store, Unavailable
from control.stores.arrivals import Arrival
from hyperplan.endpoint import Endpoint
from hyperplan.feedback import Feedback, SentFeedback, feedback_of, read_sent
from hyperplan.problems import Invalid, Problem

LARGEST_BODY = 64 << 20
"""Bytes of one request."""
MOST_FEEDBACK = 100_000
"""Predictions of one request."""
MOST_PROBLEMS = 1000
"""Problems that an answer lists."""


class TakenFeedback(msgspec.Struct, frozen=True, kw_only=True):
    """How much feedback was taken in."""

    feedback: int


@post(
    "/v1/feedback",
    status_code=HTTPStatus.OK,
    request_max_body_size=LARGEST_BODY,
    opt={BODY: list[SentFeedback], MEDIA_TYPES: (JSON, LINES, MSGPACK)},
)
async def post_feedback(
    registry: NamedDependency[Registry], commits: NamedDependency[Commits], request: AnyRequest
) -> TakenFeedback:
    """Take in the truth about predictions: one or an array, as JSON or msgpack, or one a line as NDJSON.

    It is on disk when this answers. If one of them is bad none is kept, and the answer says what is wrong with each. Sending the same again changes nothing.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    arrivals = await asyncio.to_thread(_arrivals, registry, kind, await request.body(), time.time_ns())
    try:
        await commits.commit(arrivals)
    except Unavailable:
        detail = "the store cannot write now and kept none of this feedback; send it again"
        raise HttpProblem(HTTPStatus.SERVICE_UNAVAILABLE, detail, headers={"retry-after": "5"}) from None
    return TakenFeedback(feedback=len(arrivals))


class FeedbackCoverage(msgspec.Struct, frozen=True, kw_only=True):
    """How much of the samples of a time has feedback, and how much of what was received since its beginning has no sample.

    `labelled` counts rows, `unsampled` predictions that feedback names but of which there is no sample, and `ambiguous` feedback of an entity at a time to which
    several samples are equally near.
    """

    samples: int
    labelled: int
    unsampled: int
    ambiguous: int


@get("/v1/endpoints/{name:str}/feedback", sync_to_thread=True)
def get_coverage(
    store: NamedDependency[Store],
    registry: NamedDependency[Registry],
    name: FromPath[str],
    since: FromQuery[str] = "-24h",
    until: FromQuery[str | None] = None,
) -> FeedbackCoverage:
    """How much of an endpoint's samples has feedback, by when the predictions were made."""
    registry.get(name)
    now = time.time_ns()
    end = now if until is None else read_time("until", until, now)
    return FeedbackCoverage(**store.feedback.coverage(name, read_time("since", since, now), end)._asdict())


def _arrivals(registry: Registry, kind: str, body: bytes, now: int) -> list[Arrival]:
    reader = _Reader(registry, now)
    try:
        sent = _DECODERS[kind](body) if kind in _DECODERS else None
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        sent = None
    if sent is None:
        return _slowly(reader, kind, body)
    _check_count(len(sent))
    try:
        return [Arrival(reader.feedback(one)) for one in sent]
    except Invalid:
        return _slowly(reader, kind, body)


def _slowly(reader: "_Reader", kind: str, body: bytes) -> list[Arrival]:
    """The same of a body that may hold bad ones, all of which are told."""
    arrivals: list[Arrival] = []
    problems: list[Problem] = []
    items = items_of(kind, body)
    _check_count(len(items))
    for item in items:
        try:
            arrivals.append(Arrival(reader.feedback(read_sent(item.data))))
        except Invalid as error:
            found = (Problem(item.pointer + one.pointer, one.detail, item.line) for one in error.problems)
            problems += found if len(problems) < MOST_PROBLEMS else ()
    if problems:
        listed = f"; the first {MOST_PROBLEMS} problems are listed" if len(problems) >= MOST_PROBLEMS else ""
        detail = f"{len(items) - len(arrivals)} of {len(items)} cannot be taken, and so none was{listed}"
        raise HttpProblem(HTTPStatus.UNPROCESSABLE_ENTITY, detail, errors=problems[:MOST_PROBLEMS])
    return arrivals


def _check_count(count: int) -> None:
    if count > MOST_FEEDBACK:
        detail = f"feedback for {count} predictions is more than the {MOST_FEEDBACK} of one request; send several"
        raise HttpProblem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, detail)


class _Reader:
    """Holds feedback against the endpoints as they are now."""

    def __init__(self, registry: Registry, now: int) -> None:
        self._registry = registry
        self._now = now
        self._known: dict[str, Endpoint | None] = {}

    def feedback(self, sent: SentFeedback) -> Feedback:
        """What was sent, checked.

        Raises:
            Invalid: with everything that is wrong with it.
        """
        endpoint = self._endpoint(sent.endpoint)
        if endpoint is None:
            raise Invalid([Problem("/endpoint", f"there is no endpoint {sent.endpoint[:100]!r}")])
        return feedback_of(sent, endpoint, now=self._now)

    def _endpoint(self, name: str) -> Endpoint | None:
        if name not in self._known:
            try:
                self._known[name] = self._registry.get(name)[1]
            except NoSuchEndpoint:
                self._known[name] = None
        return self._known[name]


_json = msgspec.json.Decoder(list[SentFeedback] | SentFeedback)
_line = msgspec.json.Decoder(SentFeedback)
_msgpack = msgspec.msgpack.Decoder(list[SentFeedback] | SentFeedback)


def _several(sent: Any) -> Sequence[SentFeedback]:
    return sent if isinstance(sent, list) else [sent]


_DECODERS: Mapping[str, Callable[[bytes], Sequence[SentFeedback]]] = {
    "": lambda body: _several(_json.decode(body)),
    JSON: lambda body: _several(_json.decode(body)),
    LINES: _line.decode_lines,
    MSGPACK: lambda body: _several(_msgpack.decode(body)),
}
"""How a good body is read in one go, by its media type."""


handlers: list[Any] = [post_feedback, get_coverage]

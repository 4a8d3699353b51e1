"""Feedback: the truth about predictions, one by one or many at once.

A request is taken whole or not at all, and acknowledged when it is on disk.
"""

import asyncio
import time
from http import HTTPStatus
from typing import Any

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery

from control.api.bodies import BODY, MEDIA_TYPES, AnyRequest, media_type_of
from control.api.periods import read_time
from control.otlp.commits import Commits
from control.problems import HttpProblem
from control.registry import NoSuchEndpoint, Registry
from control.stores import Store, Unavailable
from control.stores.arrivals import Arrival
from hyperplan.endpoint import Endpoint
from hyperplan.feedback import SentFeedback
from hyperplan.feedback_batches import BadBatch, Batches, TooMany
from hyperplan.items import TYPES
from hyperplan.secret import Secret

LARGEST_BODY = 64 << 20
"""Bytes of one request."""
MOST_FEEDBACK = 100_000
"""Predictions of one request."""


class TakenFeedback(msgspec.Struct, frozen=True, kw_only=True):
    """How much feedback was taken in."""

    feedback: int


@post(
    "/v1/feedback",
    status_code=HTTPStatus.OK,
    request_max_body_size=LARGEST_BODY,
    opt={BODY: list[SentFeedback], MEDIA_TYPES: TYPES},
)
async def post_feedback(
    registry: NamedDependency[Registry],
    store: NamedDependency[Store],
    commits: NamedDependency[Commits],
    request: AnyRequest,
) -> TakenFeedback:
    """Take in the truth about predictions: one or an array, as JSON or msgpack, or one a line as NDJSON.

    It is on disk when this answers. If one of them is bad none is kept, and the answer says what is wrong with each. Sending the same again changes nothing.
    """
    kind = media_type_of(request)
    arrivals = await asyncio.to_thread(_arrivals, registry, store.secret, kind, await request.body(), time.time_ns())
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


def _arrivals(registry: Registry, secret: Secret | None, kind: str, body: bytes, now: int) -> list[Arrival]:
    def endpoint_of(name: str) -> Endpoint | None:
        try:
            return registry.get(name)[1]
        except NoSuchEndpoint:
            return None

    try:
        return [Arrival(one) for one in Batches(endpoint_of, now, MOST_FEEDBACK, secret).read(kind, body)]
    except BadBatch as error:
        raise HttpProblem(HTTPStatus.UNPROCESSABLE_ENTITY, error.detail, errors=error.problems) from None
    except TooMany as error:
        raise HttpProblem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, str(error)) from None


handlers: list[Any] = [post_feedback, get_coverage]

"""Samples of models that are served elsewhere, on a device or in a batch: taken in as if a sidecar had sent them.

A request is taken whole or not at all, and acknowledged when it is on disk.
"""

import asyncio
import time
import uuid
from http import HTTPStatus
from typing import Any

import msgspec
from litestar import post
from litestar.di import NamedDependency

from control.api.bodies import BODY, MEDIA_TYPES, AnyRequest, media_type_of
from control.otlp.commits import Commits
from control.problems import HttpProblem
from control.registry import NoSuchEndpoint, Registry
from control.stores import Store, Unavailable
from control.stores.arrivals import arriving
from hyperplan.endpoint import Endpoint
from hyperplan.items import TYPES, items_of
from hyperplan.problems import Invalid, Problem
from hyperplan.sample import Sample
from hyperplan.secret import Secret
from hyperplan.sent_samples import SentSample, read_sent, sample_of

LARGEST_BODY = 64 << 20
"""Bytes of one request."""
MOST_SAMPLES = 10_000
"""Samples in one request."""
MOST_PROBLEMS = 100
"""Problems that an answer lists."""


class Taken(msgspec.Struct, frozen=True, kw_only=True):
    """How many samples were taken in; those that control had already, by their prediction id and time, are among them."""

    samples: int


@post(
    "/v1/samples",
    status_code=HTTPStatus.OK,
    request_max_body_size=LARGEST_BODY,
    opt={BODY: list[SentSample], MEDIA_TYPES: TYPES},
)
async def post_samples(
    registry: NamedDependency[Registry],
    store: NamedDependency[Store],
    commits: NamedDependency[Commits],
    request: AnyRequest,
) -> Taken:
    """Take in samples of models that are served elsewhere: one or an array, as JSON or msgpack, or one a line as NDJSON.

    They are on disk when this answers. If one of them is bad none is kept, and the answer says what is wrong with each.
    """
    kind = media_type_of(request)
    samples = await asyncio.to_thread(_samples, registry, store.secret, kind, await request.body())
    try:
        await commits.commit(await asyncio.to_thread(arriving, samples))
    except Unavailable:
        detail = "the store cannot write now and kept none of these samples; send them again"
        raise HttpProblem(HTTPStatus.SERVICE_UNAVAILABLE, detail, headers={"retry-after": "5"}) from None
    return Taken(samples=len(samples))


def _samples(registry: Registry, secret: Secret | None, kind: str, body: bytes) -> list[Sample]:
    items = items_of(kind, body)
    if len(items) > MOST_SAMPLES:
        detail = f"{len(items)} samples are more than the {MOST_SAMPLES} that one request may hold; send several"
        raise HttpProblem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, detail)
    reader = _Reader(registry, secret, time.time_ns())
    samples, problems = [], []
    for item in items:
        try:
            samples.append(reader.sample(item.data))
        except Invalid as error:
            problems += [
                Problem(item.pointer + problem.pointer, problem.detail, item.line) for problem in error.problems
            ]
    if problems:
        raise _refusal(len(items) - len(samples), len(items), problems)
    return samples


def _refusal(bad: int, items: int, problems: list[Problem]) -> HttpProblem:
    listed = f"; the first {MOST_PROBLEMS} problems are listed" if len(problems) > MOST_PROBLEMS else ""
    detail = f"{bad} of {items} samples cannot be taken, and so none was{listed}"
    return HttpProblem(HTTPStatus.UNPROCESSABLE_ENTITY, detail, errors=problems[:MOST_PROBLEMS])


class _Reader:
    """Makes samples of what was sent, with the endpoints as they are now."""

    def __init__(self, registry: Registry, secret: Secret | None, now: int) -> None:
        self._registry = registry
        self._secret = secret
        self._now = now
        self._plan = registry.plan().number
        self._known: dict[str, tuple[int, Endpoint] | None] = {}

    def sample(self, data: Any) -> Sample:
        """One sample.

        Raises:
            Invalid: with everything that is wrong with it.
        """
        sent = read_sent(data)
        found = self._endpoint(sent.endpoint)
        if found is None:
            raise Invalid([Problem("/endpoint", f"there is no endpoint {sent.endpoint!r}")])
        revision, endpoint = found
        prediction_id = sent.prediction_id or str(uuid.uuid4())
        return sample_of(
            sent,
            endpoint,
            plan=self._plan,
            revision=revision,
            now=self._now,
            prediction_id=prediction_id,
            secret=self._secret,
        )

    def _endpoint(self, name: str) -> tuple[int, Endpoint] | None:
        if name not in self._known:
            try:
                entry, endpoint = self._registry.get(name)
                self._known[name] = entry.number, endpoint
            except NoSuchEndpoint:
                self._known[name] = None
        return self._known[name]


handlers: list[Any] = [post_samples]

"""Rollouts: how the one of an endpoint stands, starting one, and what a person says of it."""

import asyncio
import math
import time
import uuid
from collections.abc import Callable
from datetime import datetime
from http import HTTPStatus
from typing import Any

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath

from control.api.bodies import BODY, AnyRequest, body_of, write_of
from control.api.periods import as_date
from control.experiments.book import ExperimentBook
from control.problems import HttpProblem, not_found
from control.registry import Registry
from control.rollouts.book import Kept, Overtaken, RolloutBook
from control.rollouts.reading import sight_of
from control.stores import Store
from hyperplan.rollouts import Rollout, Seen, Taken, Terms, abort, pause, resume, start
from hyperplan.rollouts.machine import is_broken

ROLLOUT = "/v1/endpoints/{name:str}/rollout"

Saying = Callable[[Rollout, Seen, int, str], Taken]


class GuardrailReport(msgspec.Struct, frozen=True, kw_only=True):
    """A guardrail: the most evidence there ever was that it is broken, in nats, and at how much it is.

    `hits` of `requests` were the canary's since the start, `control_hits` of `control_requests` the control arm's.
    """

    margin: float
    evidence: float
    needed: float
    broken: bool
    hits: int
    requests: int
    control_hits: int
    control_requests: int


class HappeningReport(msgspec.Struct, frozen=True):
    """Something that became of a rollout: its state and the canary's share, in percent, after that, and why."""

    time: datetime
    state: str
    share: float
    why: str


class RolloutReport(msgspec.Struct, frozen=True, kw_only=True):
    """A rollout.

    `share` is what the canary takes, in percent, by the step, a position in `steps` that began at `since`. A step lasts `hold` seconds and until the canary had `requests_needed` in
    it, of which it had `requests`. `why` says in a sentence why it is in its `state`: running, holding, paused, rolled back, aborted or done.
    """

    id: str
    endpoint: str
    canary: str
    control: str
    state: str
    why: str
    share: float
    step: int
    steps: list[float]
    started: datetime
    since: datetime
    ended: datetime | None
    hold: float
    requests: int
    requests_needed: int
    revision: int
    guardrails: dict[str, GuardrailReport]
    happenings: list[HappeningReport]


@get(ROLLOUT, sync_to_thread=True)
def get_rollout(
    name: FromPath[str],
    registry: NamedDependency[Registry],
    rollouts: NamedDependency[RolloutBook],
) -> RolloutReport:
    """The newest rollout of an endpoint, over or not."""
    return _report(_newest(registry, rollouts, name).rollout)


@post(ROLLOUT, status_code=201, opt={BODY: Terms})
async def start_rollout(
    request: AnyRequest,
    name: FromPath[str],
    registry: NamedDependency[Registry],
    rollouts: NamedDependency[RolloutBook],
) -> RolloutReport:
    """Start a rollout: the canary takes the share of the first step at once, by a routing revision.

    `steps` are percent, 1, 5, 25, 50 and 100 if left out; `hold` seconds (an hour) and `requests` of the canary (500) make a step. An endpoint has one at a time.
    """
    terms = await body_of(request, Terms)
    return await asyncio.to_thread(_start, registry, rollouts, name, terms, write_of(request, expected=None).author)


def _start(registry: Registry, rollouts: RolloutBook, name: str, terms: Terms, author: str) -> RolloutReport:
    entry, endpoint = registry.get(name)
    begun = start(endpoint, terms, uuid.uuid4().hex, time.time_ns(), author)
    taken = Taken(begun, begun.routing, begun.why)
    return _report(_written(rollouts, Kept(begun, 0), taken, entry.number, author))


def _command(path: str, say: Saying, doc: str) -> Any:
    """The handler by which a person says something of the rollout that runs."""

    @post(f"{ROLLOUT}/{path}", status_code=200, name=f"{path}_rollout")
    async def command(
        request: AnyRequest,
        name: FromPath[str],
        registry: NamedDependency[Registry],
        store: NamedDependency[Store],
        experiments: NamedDependency[ExperimentBook],
        rollouts: NamedDependency[RolloutBook],
    ) -> RolloutReport:
        author = write_of(request, expected=None).author
        return await asyncio.to_thread(_say, say, path, name, author, registry, store, experiments, rollouts)

    command.fn.__doc__ = doc
    return command


def _say(
    say: Saying,
    path: str,
    name: str,
    author: str,
    registry: Registry,
    store: Store,
    experiments: ExperimentBook,
    rollouts: RolloutBook,
) -> RolloutReport:
    kept = _newest(registry, rollouts, name)
    seen, revision = sight_of(registry, store, experiments, kept.rollout)
    taken = say(kept.rollout, seen, time.time_ns(), author)
    if not taken.why:
        detail = f"the rollout of {kept.rollout.terms.canary} is {kept.rollout.state.value}, and cannot {path}"
        raise HttpProblem(HTTPStatus.CONFLICT, detail)
    return _report(_written(rollouts, kept, taken, revision, author))


def _written(rollouts: RolloutBook, kept: Kept, taken: Taken, revision: int, author: str) -> Rollout:
    try:
        return rollouts.write(kept, taken, revision, author)
    except Overtaken as error:
        raise HttpProblem(HTTPStatus.CONFLICT, str(error)) from None


def _newest(registry: Registry, rollouts: RolloutBook, name: str) -> Kept:
    kept = rollouts.newest(name)
    if kept is None:
        registry.history(name, limit=1)
        raise not_found(f"{name!r} never had a rollout; start one with: hyperplan rollout start {name} MODEL")
    return kept


def _report(rollout: Rollout) -> RolloutReport:
    terms = rollout.terms
    return RolloutReport(
        id=rollout.id,
        endpoint=rollout.endpoint,
        canary=terms.canary,
        control=rollout.control,
        state=rollout.state.value,
        why=rollout.why,
        share=rollout.happenings[-1].share,
        step=rollout.step,
        steps=list(terms.steps),
        started=as_date(rollout.started),
        since=as_date(rollout.since),
        ended=None if rollout.ended is None else as_date(rollout.ended),
        hold=terms.hold,
        requests=rollout.requests,
        requests_needed=terms.requests,
        revision=rollout.revision,
        guardrails={name: _guardrail(rollout, name) for name in terms.guardrails},
        happenings=[
            HappeningReport(as_date(each.time), each.state.value, each.share, each.why) for each in rollout.happenings
        ],
    )


def _guardrail(rollout: Rollout, name: Any) -> GuardrailReport:
    guardrail, evidence, total = rollout.terms.guardrails[name], rollout.evidence[name], rollout.total(name)
    return GuardrailReport(
        margin=guardrail.margin,
        evidence=evidence.peak,
        needed=-math.log(guardrail.alpha),
        broken=is_broken(evidence, guardrail.alpha),
        hits=total.hits,
        requests=total.requests,
        control_hits=total.control_hits,
        control_requests=total.control_requests,
    )


handlers: list[Any] = [
    get_rollout,
    start_rollout,
    _command("pause", pause, "Let it stay where it is. A guardrail that breaks still takes the canary back."),
    _command("resume", resume, "Let it go on with its step, from the beginning; the canary gets the step's share."),
    _command("abort", abort, "End it, with the split that was before, unless somebody has edited the routing."),
]

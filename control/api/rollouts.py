"""Rollouts: how the one of an endpoint stands, starting one, and what a person says of it."""

import asyncio
import math
from datetime import datetime
from typing import Any

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath

from control.api.bodies import BODY, AnyRequest, body_of, write_of
from control.api.periods import as_date
from control.problems import invalid
from control.rollouts.desk import RolloutDesk
from hyperplan.problems import Invalid
from hyperplan.rollouts import Rollout, Terms, abort, pause, resume
from hyperplan.rollouts.machine import is_broken

ROLLOUT = "/v1/endpoints/{name:str}/rollout"


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
def get_rollout(name: FromPath[str], rollouts: NamedDependency[RolloutDesk]) -> RolloutReport:
    """The newest rollout of an endpoint, over or not."""
    return _report(rollouts.newest(name))


@get("/v1/rollouts", sync_to_thread=True)
def list_rollouts(rollouts: NamedDependency[RolloutDesk]) -> list[RolloutReport]:
    """The newest rollout of each endpoint that ever had one."""
    return [_report(rollout) for rollout in rollouts.book.all_newest()]


@post(ROLLOUT, status_code=201, opt={BODY: Terms})
async def start_rollout(
    request: AnyRequest, name: FromPath[str], rollouts: NamedDependency[RolloutDesk]
) -> RolloutReport:
    """Start a rollout: the canary takes the share of the first step at once, by a routing revision.

    `steps` are percent, 1, 5, 25, 50 and 100 if left out; `hold` seconds (an hour) and `requests` of the canary (500) make a step. An endpoint has one at a time.
    """
    terms = await body_of(request, Terms)
    try:
        return _report(await asyncio.to_thread(rollouts.start, name, terms, _author(request)))
    except Invalid as error:
        raise invalid("the rollout", error) from None


@post(f"{ROLLOUT}/pause", status_code=200)
async def pause_rollout(
    request: AnyRequest, name: FromPath[str], rollouts: NamedDependency[RolloutDesk]
) -> RolloutReport:
    """Let a rollout stay where it is. A guardrail that breaks still takes the canary back."""
    return _report(await asyncio.to_thread(rollouts.say, pause, name, _author(request)))


@post(f"{ROLLOUT}/resume", status_code=200)
async def resume_rollout(
    request: AnyRequest, name: FromPath[str], rollouts: NamedDependency[RolloutDesk]
) -> RolloutReport:
    """Let a paused rollout go on with its step, from the beginning; the canary gets the step's share."""
    return _report(await asyncio.to_thread(rollouts.say, resume, name, _author(request)))


@post(f"{ROLLOUT}/abort", status_code=200)
async def abort_rollout(
    request: AnyRequest, name: FromPath[str], rollouts: NamedDependency[RolloutDesk]
) -> RolloutReport:
    """End a rollout, with the split that was before, unless somebody has edited the routing."""
    return _report(await asyncio.to_thread(rollouts.say, abort, name, _author(request)))


def _author(request: AnyRequest) -> str:
    return write_of(request, expected=None).author


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


handlers: list[Any] = [get_rollout, list_rollouts, start_rollout, pause_rollout, resume_rollout, abort_rollout]

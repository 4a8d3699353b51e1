"""What becomes of a rollout: a pure function of where it stands, what was seen, and the time. Two tables say it all.

`SIGNS` says what there is to see, read from the top: the first that holds is what counts. What ends it comes first, a person's edit before everything that Hyperplan would do by
itself. `TABLE` says what a sign means in each state: the state after it, and what is done to the routing. A sign that has no place there changes nothing.
"""

import math
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import NamedTuple

import msgspec

from hyperplan.endpoint import Routing
from hyperplan.experiments.verdict import Verdict
from hyperplan.rollouts import weights
from hyperplan.rollouts.evidence import Counts, Evidence
from hyperplan.rollouts.rollout import LIVE, MOST_HAPPENINGS, Happening, Rollout, State, Watched

SECOND = 1_000_000_000
HARMFUL = frozenset({"worse", "guardrail"})
"""The states of a verdict that say that the canary does harm."""


class Seen(NamedTuple):
    """What is seen of an endpoint.

    `routing` is as it is now, None if the endpoint or the canary is gone; `editor` wrote it, as far as that is known. `totals` are what was counted since the rollout's first revision, by guardrail and
    revision. `decided` is whether the endpoint has an experiment that will have a verdict on the canary, which is the `verdict` as soon as there is one.
    """

    routing: Routing | None
    editor: str = "somebody"
    totals: Mapping[tuple[Watched, int], Counts] = {}
    decided: bool = False
    verdict: Verdict | None = None


class Taken(NamedTuple):
    """A step taken: the rollout after it, the routing that is to be written (None: it stays), and why, in a sentence. An empty one: nothing happened."""

    rollout: Rollout
    routing: Routing | None = None
    why: str = ""


class Sign(StrEnum):
    """What can be seen, or said by a person."""

    GONE = "gone"
    EDITED = "edited"
    BROKEN = "broken"
    WORSE = "worse"
    SHIPPED = "shipped"
    OVER = "over"
    EARLY = "early"
    FEW = "few"
    UNDECIDED = "undecided"
    READY = "ready"
    PAUSE = "pause"
    RESUME = "resume"
    ABORT = "abort"
    ABANDON = "abandon"


class Action(StrEnum):
    """What is done to the routing."""

    NOTHING = "nothing"
    NEXT = "next"  # the share of the next step
    ALL = "all"  # all the traffic
    BACK = "back"  # none of it
    AGAIN = "again"  # the share of this step, whatever was edited
    RESTORE = "restore"  # as it was before the rollout


def step(rollout: Rollout, seen: Seen, now: int) -> Taken:
    """Look once. A rollout that is over stays as it is."""
    if rollout.state not in LIVE:
        return Taken(rollout)
    looked = _looked(rollout, seen)
    for sign, holds, says in SIGNS:
        if holds(looked, seen, now):
            return _taken(looked, sign, says(looked, seen), seen, now)
    raise AssertionError("the last sign always holds")


def pause(rollout: Rollout, seen: Seen, now: int, by: str) -> Taken:
    """Stay where it is until somebody resumes it. Guardrails still hold."""
    return _taken(rollout, Sign.PAUSE, f"{by} paused it", seen, now)


def resume(rollout: Rollout, seen: Seen, now: int, by: str) -> Taken:
    """Go on with the step, which begins anew; if somebody edited the routing meanwhile, the canary gets the share of the step again."""
    return _taken(rollout, Sign.RESUME, f"{by} resumed it: {_takes(rollout.terms.canary, rollout.share)}", seen, now)


def abort(rollout: Rollout, seen: Seen, now: int, by: str) -> Taken:
    """End it, with the split that was before; what somebody edited meanwhile stays."""
    if _edited(rollout, seen, now):
        return _taken(rollout, Sign.ABANDON, f"{by} aborted it; the routing stays as it was edited", seen, now)
    return _taken(rollout, Sign.ABORT, f"{by} aborted it: the split is again as it was before", seen, now)


# Looking.


def _looked(rollout: Rollout, seen: Seen) -> Rollout:
    """The rollout with the evidence of what was counted since the last look."""
    counted, evidence, requests = dict(rollout.counted), dict(rollout.evidence), rollout.requests
    for (name, revision), total in sorted(seen.totals.items()):
        key = f"{name}/{revision}"
        more = Counts(*(max(now - then, 0) for now, then in zip(total, counted.get(key, (0, 0, 0, 0)), strict=True)))
        counted[key] = total
        if name in evidence:
            evidence[name] = evidence[name].after(more, rollout.terms.guardrails[name].margin)
        if name == "errors" and revision >= rollout.revision:
            requests += more.requests
    return msgspec.structs.replace(rollout, counted=counted, evidence=evidence, requests=requests)


def is_broken(evidence: Evidence, alpha: float) -> bool:
    """Whether a guardrail is broken, of which a sound canary is accused with a probability of at most `alpha`."""
    return evidence.peak >= -math.log(alpha)


def broken(rollout: Rollout) -> list[Watched]:
    """The guardrails that are broken."""
    guardrails = rollout.terms.guardrails
    return [name for name, guardrail in guardrails.items() if is_broken(rollout.evidence[name], guardrail.alpha)]


def _gone(_rollout: Rollout, seen: Seen, _now: int) -> bool:
    return seen.routing is None


def _edited(rollout: Rollout, seen: Seen, _now: int) -> bool:
    return seen.routing is not None and seen.routing != rollout.routing


def _broken(rollout: Rollout, _seen: Seen, _now: int) -> bool:
    return bool(broken(rollout))


def _worse(_rollout: Rollout, seen: Seen, _now: int) -> bool:
    return seen.decided and seen.verdict is not None and seen.verdict.state in HARMFUL


def _shipped(_rollout: Rollout, seen: Seen, _now: int) -> bool:
    return seen.decided and seen.verdict is not None and seen.verdict.decision == "ship"


def _over(rollout: Rollout, _seen: Seen, now: int) -> bool:
    """At 100 % there is nothing left to compare with, and nothing to wait for."""
    last = rollout.step == len(rollout.terms.steps) - 1
    return last and (rollout.share >= 100 or not (_early(rollout, _seen, now) or _few(rollout, _seen, now)))


def _early(rollout: Rollout, _seen: Seen, now: int) -> bool:
    return now - rollout.since < rollout.terms.hold * SECOND


def _few(rollout: Rollout, _seen: Seen, _now: int) -> bool:
    return rollout.requests < rollout.terms.requests


def _undecided(rollout: Rollout, seen: Seen, _now: int) -> bool:
    """Whether an experiment has to say ship before the canary takes everything, or said that it should not go on."""
    going_on = seen.verdict is None or seen.verdict.decision == "go on"
    return seen.decided and (not going_on or rollout.terms.steps[rollout.step + 1] >= 100)


_Holds = Callable[[Rollout, Seen, int], bool]
_Says = Callable[[Rollout, Seen], str]

SIGNS: tuple[tuple[Sign, _Holds, _Says], ...] = (
    (Sign.GONE, _gone, lambda r, _: f"{r.terms.canary} or the endpoint is not there any more"),
    (
        Sign.EDITED,
        _edited,
        lambda r, s: f"{s.editor} edited the routing, so it waits: resume it to go on at {r.share:g} %, or abort it",
    ),
    (Sign.BROKEN, _broken, lambda r, _: _accusation(r)),
    (Sign.WORSE, _worse, lambda _, s: f"the experiment says stop: {_why(s)}"),
    (Sign.SHIPPED, _shipped, lambda r, s: f"the experiment says ship, {_takes(r.terms.canary, 100)}: {_why(s)}"),
    (Sign.OVER, _over, lambda r, _: f"{r.terms.canary} has its {r.share:g} %, and no guardrail was broken"),
    (Sign.EARLY, _early, lambda *_: ""),
    (
        Sign.FEW,
        _few,
        lambda r, _: (
            f"the step has had its time, but too few requests were counted of {r.terms.canary} "
            f"for its guardrails to say much: it needs {r.terms.requests:,}"
        ),
    ),
    (Sign.UNDECIDED, _undecided, lambda _, s: f"the step has had its time, and waits for the experiment: {_why(s)}"),
    (Sign.READY, lambda *_: True, lambda r, _: f"{_takes(r.terms.canary, r.terms.steps[r.step + 1])}: {_soundness(r)}"),
)
"""What there is to see: each sign, whether it holds, and what it says. The first that holds counts."""

TABLE: Mapping[tuple[State, Sign], tuple[State, Action]] = {
    **{
        (state, sign): effect
        for state in (State.RUNNING, State.HOLDING)
        for sign, effect in {
            Sign.GONE: (State.ABORTED, Action.NOTHING),
            Sign.EDITED: (State.PAUSED, Action.NOTHING),
            Sign.BROKEN: (State.ROLLED_BACK, Action.BACK),
            Sign.WORSE: (State.ROLLED_BACK, Action.BACK),
            Sign.SHIPPED: (State.DONE, Action.ALL),
            Sign.OVER: (State.DONE, Action.NOTHING),
            Sign.READY: (State.RUNNING, Action.NEXT),
            Sign.PAUSE: (State.PAUSED, Action.NOTHING),
            Sign.ABORT: (State.ABORTED, Action.RESTORE),
            Sign.ABANDON: (State.ABORTED, Action.NOTHING),
        }.items()
    },
    (State.RUNNING, Sign.FEW): (State.HOLDING, Action.NOTHING),
    (State.RUNNING, Sign.UNDECIDED): (State.HOLDING, Action.NOTHING),
    # Who paused it wants it to stay, not to do harm; who edited the routing knows better, and an edit is seen before what is broken.
    (State.PAUSED, Sign.GONE): (State.ABORTED, Action.NOTHING),
    (State.PAUSED, Sign.BROKEN): (State.ROLLED_BACK, Action.BACK),
    (State.PAUSED, Sign.RESUME): (State.RUNNING, Action.AGAIN),
    (State.PAUSED, Sign.ABORT): (State.ABORTED, Action.RESTORE),
    (State.PAUSED, Sign.ABANDON): (State.ABORTED, Action.NOTHING),
}
"""What a sign means in a state: the state after it, and what is done to the routing."""


# Acting.


def _taken(rollout: Rollout, sign: Sign, why: str, seen: Seen, now: int) -> Taken:
    effect = TABLE.get((rollout.state, sign))
    if effect is None:
        return Taken(rollout)
    state, action = effect
    routing = _routing(action, rollout, seen)
    position = _position(action, rollout)
    share = {Action.BACK: 0.0, Action.ALL: 100.0}.get(action, rollout.terms.steps[position])
    happenings = (*rollout.happenings, Happening(now, state, share, why))[-MOST_HAPPENINGS:]
    after = msgspec.structs.replace(
        rollout,
        state=state,
        step=position,
        ended=None if state in LIVE else now,
        routing=routing or rollout.routing,
        happenings=happenings,
    )
    if action in (Action.NEXT, Action.AGAIN):
        after = msgspec.structs.replace(after, since=now, requests=0)
    return Taken(after, routing, why)


def _position(action: Action, rollout: Rollout) -> int:
    return rollout.step + 1 if action is Action.NEXT else rollout.step


def _routing(action: Action, rollout: Rollout, seen: Seen) -> Routing | None:
    """The routing that an action makes of the present one; None where it does nothing."""
    if seen.routing is None or action is Action.NOTHING:
        return None
    if action is Action.RESTORE:
        return weights.restored(seen.routing, rollout.before)
    shares = {Action.NEXT: rollout.terms.steps[_position(action, rollout)], Action.ALL: 100.0, Action.BACK: 0.0}
    return weights.at(seen.routing, rollout.terms.canary, shares.get(action, rollout.share), rollout.before)


# Saying.

_WORDS: Mapping[Watched, str] = {
    "errors": "fails",
    "latency": "is slow",
    "violations": "is sent what breaks the schema",
}


def _accusation(rollout: Rollout) -> str:
    told = [
        f"{rollout.terms.canary} {_WORDS[name]} more often than {rollout.control}: {_rates(rollout.total(name))}"
        for name in broken(rollout)
    ]
    return "; ".join(told) + " since the start"


def _soundness(rollout: Rollout) -> str:
    total = rollout.total("errors")
    if not total.requests:
        return "the step has had its time"
    return f"the step has had its time and no guardrail is broken ({_rates(total)} failed)"


def _rates(counts: Counts) -> str:
    ours = f"{counts.hits:,} of {counts.requests:,} requests ({counts.hits / max(counts.requests, 1):.2%})"
    theirs = f"{counts.control_hits:,} of {counts.control_requests:,} ({counts.control_hits / max(counts.control_requests, 1):.2%})"
    return f"{ours} against {theirs}"


def _takes(canary: str, share: float) -> str:
    return f"{canary} takes {share:g} % of the traffic"


def _why(seen: Seen) -> str:
    return seen.verdict.why if seen.verdict is not None else "it has no verdict yet"

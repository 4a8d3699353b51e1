"""What a rollout is: what was asked for, how far it is, and all that has to be remembered to go on after a restart."""

from enum import StrEnum
from typing import Annotated, Literal

import msgspec

from hyperplan.endpoint import Routing
from hyperplan.experiments.design import Guardrail
from hyperplan.rollouts.evidence import Counts, Evidence

Watched = Literal["errors", "latency", "violations"]
"""What counters of all traffic hold a canary to."""

MOST_HAPPENINGS = 200
"""What is remembered of what happened; of more, the oldest is forgotten."""


class State(StrEnum):
    """Where a rollout stands."""

    RUNNING = "running"  # a step has not had its time yet
    HOLDING = "holding"  # it has, but something is missing for the next
    PAUSED = "paused"  # a person said so, or edited the routing
    ROLLED_BACK = "rolled back"  # the canary takes no traffic any more: it broke a guardrail, or is worse
    ABORTED = "aborted"  # a person said so, or what it needs is gone
    DONE = "done"  # the last step was reached


LIVE = (State.RUNNING, State.HOLDING, State.PAUSED)
"""The states that are not the end."""


class Terms(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is asked for.

    `canary` takes over. `steps` are the shares of traffic that it takes, in percent, growing. A step lasts `hold` seconds at least, and until the canary had `requests` in
    it. `control` is the arm that it is compared with; left out, the heaviest of the others. `guardrails` are rates that must not be higher than the control arm's.
    """

    canary: str
    control: str | None = None
    steps: tuple[Annotated[float, msgspec.Meta(gt=0, le=100)], ...] = (
        1.0,
        5.0,
        25.0,
        50.0,
        100.0,
    )
    hold: Annotated[float, msgspec.Meta(ge=0, le=366 * 86_400)] = 3600.0
    requests: Annotated[int, msgspec.Meta(ge=0, le=10**12)] = 500
    guardrails: dict[Watched, Guardrail] = msgspec.field(default_factory=lambda: {"errors": Guardrail()})


class Happening(msgspec.Struct, frozen=True):
    """Something that became of a rollout: when (nanoseconds since 1970), its state and share after that, and why, in a sentence."""

    time: int
    state: State
    share: float
    why: str


class Rollout(msgspec.Struct, frozen=True, kw_only=True):
    """A rollout of an endpoint. Times are in nanoseconds since 1970.

    `step` is a position in the terms' `steps`, begun at `since` with routing revision `revision`; `requests` are those of the canary in it. `first` is the revision of the
    first step. `routing` is as the rollout wrote it last, `before` as it was at the start. `counted` is what had been counted at the last look, by guardrail and revision ("errors/12").
    """

    id: str
    endpoint: str
    terms: Terms
    control: str
    before: Routing
    routing: Routing
    state: State = State.RUNNING
    step: int = 0
    started: int
    since: int
    ended: int | None = None
    first: int = 0
    revision: int = 0
    requests: int = 0
    evidence: dict[Watched, Evidence] = {}
    counted: dict[str, Counts] = {}
    happenings: tuple[Happening, ...] = ()

    @property
    def share(self) -> float:
        """The share of the canary in the step, in percent."""
        return self.terms.steps[self.step]

    @property
    def why(self) -> str:
        """Why it is where it is."""
        return self.happenings[-1].why if self.happenings else ""

    def total(self, guardrail: Watched) -> Counts:
        """What was counted for a guardrail since the start."""
        mine = [counts for key, counts in self.counted.items() if key.startswith(f"{guardrail}/")]
        return Counts(*map(sum, zip(*mine, strict=True))) if mine else Counts(0, 0, 0, 0)

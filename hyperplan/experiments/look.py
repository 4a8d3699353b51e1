"""A look at an experiment: all that is said of it at one moment, in numbers that JSON can hold, and what of it lasts.

`judge` finds the evidence; a look puts it into the form in which it is kept and shown: bounds that are none are null, every arm has its count of units, and a
verdict that was reached at an earlier look stands (`verdict.lasting`).
"""

import math
from typing import Literal

import msgspec
import numpy as np

from hyperplan.experiments.design import Experiment
from hyperplan.experiments.judge import Counters, Judged, judge, units_of
from hyperplan.experiments.outlook import NoOutlook, Outlook, every_unit, outlook
from hyperplan.experiments.running import Running
from hyperplan.experiments.sample_ratio import ALPHA
from hyperplan.experiments.units import Rows
from hyperplan.experiments.verdict import Verdict, lasting

CERTAIN = 1e6
"""In place of evidence without bound, in nats: an arm of weight 0 that has units."""


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """The effect of a treatment: `relative` to the control arm's mean, or `absolute`. `low` and `high` bound it, null for no bound.

    `minimum` is the smallest improvement that matters, with its sign. `estimate` is null with too few units.
    """

    kind: Literal["relative", "absolute"]
    minimum: float
    estimate: float | None
    low: float | None
    high: float | None


class Promise(msgspec.Struct, frozen=True, kw_only=True):
    """Evidence that a promise is broken, and the evidence at which it is; in nats."""

    evidence: float
    needed: float

    @property
    def broken(self) -> bool:
        """Whether it is."""
        return self.evidence >= self.needed


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """How one treatment stands against the control arm.

    `decided` is when the verdict was reached, in nanoseconds since 1970; null while it is "go on". `evidence` against "no effect" is in nats, `needed` what refutes
    it. `units` are those of the treatment and of the control arm that could be compared. `outlook` says how long it may take; null where `unknown` says why nobody can tell.
    """

    treatment: str
    control: str
    verdict: Verdict
    decided: int | None
    effect: Measured
    evidence: float
    needed: float
    units: dict[str, int]
    guardrails: dict[str, Promise]
    outlook: Outlook | None
    unknown: str | None


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """All that is known of an experiment at one moment, `at`, in nanoseconds since 1970.

    `units` are those that count, by arm; `open` ones are still in their windows. `forced` rows named their arm themselves, and `elsewhere` rows were chosen by
    other revisions than those of the experiment; neither counts.
    """

    endpoint: str
    running: Running
    at: int
    units: dict[str, int]
    open: int
    forced: int
    elsewhere: int
    sample_ratio: Promise
    standings: dict[str, Standing]

    def after(self, before: "Look | None") -> "Look":
        """This look, with the verdicts that the one before has settled."""
        if before is None:
            return self
        stood = before.standings
        standings = {
            arm: _after(stood[arm], standing) if arm in stood else standing for arm, standing in self.standings.items()
        }
        return msgspec.structs.replace(self, standings=standings)


def look(endpoint: str, running: Running, rows: Rows, now: int, counters: Counters | None = None) -> Look:
    """Look at an experiment. `rows` are those since `running.since`; `now` is in nanoseconds since 1970."""
    design = running.design
    own = running.own(rows)
    judged = judge(design, own, running.weights, running.start, now, counters)
    since = own.where(own.time >= running.start)
    counted = units_of(design, since, running.start, now)
    return Look(
        endpoint=endpoint,
        running=running,
        at=now,
        units={arm: int((counted.arm == code).sum()) for code, arm in enumerate(design.arms)},
        open=len(every_unit(design, since).arm) - len(counted.arm),
        forced=int(np.count_nonzero(since.forced)),
        elsewhere=len(rows.time) - len(own.time),
        sample_ratio=_sample_ratio(judged),
        standings={arm: _standing(running, since, found, now) for arm, found in judged.items()},
    )


def _standing(running: Running, rows: Rows, judged: Judged, now: int) -> Standing:
    design, evidence, compared = running.design, judged.evidence, judged.evidence.compared
    found, unknown = None, None
    try:
        weights = running.steps[-1].weights
        found = outlook(design, evidence.treatment, every_unit(design, rows), weights)
    except NoOutlook as error:
        unknown = str(error)
    return Standing(
        treatment=evidence.treatment,
        control=evidence.control,
        verdict=judged.verdict,
        decided=None if judged.verdict.decision == "go on" else now,
        effect=Measured(
            kind=_kind(design),
            minimum=evidence.minimum,
            estimate=_finite(compared.estimate),
            low=_finite(compared.low),
            high=_finite(compared.high),
        ),
        evidence=compared.evidence,
        needed=compared.needed,
        units={evidence.control: compared.control, evidence.treatment: compared.treated},
        guardrails={
            name: Promise(evidence=min(watched.evidence, CERTAIN), needed=-math.log(watched.alpha))
            for name, watched in evidence.guardrails.items()
        },
        outlook=found,
        unknown=unknown,
    )


def _sample_ratio(judged: dict[str, Judged]) -> Promise:
    """The same for all treatments: it is about all arms."""
    found = next(iter(judged.values())).evidence.sample_ratio
    return Promise(evidence=min(found, CERTAIN), needed=-math.log(ALPHA))


def _after(before: Standing, now: Standing) -> Standing:
    stands = lasting(before.verdict, now.verdict)
    decided = before.decided if stands is before.verdict else now.decided
    return msgspec.structs.replace(now, verdict=stands, decided=decided)


def _kind(design: Experiment) -> Literal["relative", "absolute"]:
    return "absolute" if design.minimum_effect.relative is None else "relative"


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None

"""How often experiments are wrong, how often and how soon they find what is there, by simulation with known truth.

The same code and the same settings everywhere: what is declared is the metric's minimum effect and the split, as in an experiment of one's own.
Experiments run side by side, as the leading axis of the arrays that the bets take.
"""

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.judgement import Bar, Line, Measured, Options, Part
from bench.parallel import over
from hyperplan.experiments.assignment import AssignmentBets
from hyperplan.experiments.effects import Difference, Effect, Ratio
from hyperplan.experiments.power import Spread, plan
from hyperplan.experiments.units import Rows, fold
from hyperplan.experiments.wealth import bar

Floats = NDArray[np.float64]

ALPHA = 0.05
RUNS, UNITS, EACH = 2000, 10_000, 100
"""Experiments without an effect, their units, and the units between looks."""
SHARES = {"50/50": 0.5, "90/10": 0.1, "99/1": 0.01}
ROWS = 3
"""The most rows of a unit; one to so many come, all equally likely."""
ABREAST = 2e6
"""Units that are simulated together."""
LOOKS = 200
"""How often an experiment with an effect is looked at, until it has twice the units of a fixed test."""

WRONG = Line("no effect: ever declares a winner at alpha 0.05, worst", (Bar("ever", 0.05),))
FOUND = Line("the minimum effect: found within twice a fixed test's units, worst", (Bar("share", 0.8, at_least=True),))
SOON = Line("the minimum effect: median units against a fixed test's, worst", (Bar("ratio", 1.3),))


class Kind(NamedTuple):
    """Outcomes of one kind: what is declared of them, and what they are. A rate of None is of numbers."""

    effect: Effect
    spread: Spread
    rate: float | None = None

    def rows(self, shape: tuple[int, ...], rng: np.random.Generator) -> Floats:
        """Values without an effect."""
        if self.rate is not None:
            return (rng.random(shape) < self.rate).astype(np.float64)
        normal = rng.standard_normal(shape)
        return normal if isinstance(self.effect, Difference) else np.exp(normal)

    def changed(self, value: Floats, treated: Floats) -> Floats:
        """Numbers with the minimum effect at the treated."""
        minimum = self.effect.minimum
        return value + minimum * treated if isinstance(self.effect, Difference) else value * (1 + minimum * treated)


KINDS = {
    "normal": Kind(Difference(0.1), Spread(0, 1)),
    "lognormal": Kind(Ratio(0.1), Spread(math.exp(0.5), math.e * (math.e - 1))),
    "20 %": Kind(Ratio(0.1), Spread.of_rate(0.2), 0.2),
    "1 %": Kind(Ratio(0.3), Spread.of_rate(0.01), 0.01),
    "0.2 %": Kind(Ratio(0.5), Spread.of_rate(0.002), 0.002),
}
"""The minimum effects: a tenth of a standard deviation, then 10 %, 10 %, 30 % and 50 % more."""


def errors(kind: Kind, share: float, runs: int, units: int, rng: np.random.Generator) -> float:
    """The share of experiments without an effect that ever declare a winner, looked at after every 100 units, with repeated rows per unit."""
    wrong, left = 0, runs
    while left:
        some = min(left, max(1, int(ABREAST // units)))
        value, treated = folded(kind, share, some, units, rng)
        bets = AssignmentBets(kind.effect, experiments=(some,))
        for start in range(0, units, EACH):
            piece = slice(start, start + EACH)
            bets.look(value[:, piece], treated[:, piece], share)
        wrong += int((bets.best[:, 0] >= bar(ALPHA)).sum())
        left -= some
    return wrong / runs


def folded(kind: Kind, share: float, runs: int, units: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Outcomes and arms of units, folded from their rows as an experiment folds them. Numbers of one unit resemble each other."""
    count = runs * units
    arm = (rng.random(count) < share).astype(np.int64)
    many = rng.integers(1, ROWS + 1, count)
    entity = np.repeat(np.arange(count), many)
    own = kind.rows((count,), rng)
    value = (
        kind.rows((len(entity),), rng) if kind.rate is not None else (own[entity] + kind.rows((len(entity),), rng)) / 2
    )
    nothing = np.zeros(len(entity), np.int64)
    rows = Rows(
        time=nothing,
        known=nothing,
        entity=entity,
        arm=arm[entity],
        revision=nothing,
        value=value,
        forced=np.zeros(len(entity), bool),
        inclusion=np.ones(len(entity)),
    )
    unit = fold(rows, "mean" if kind.rate is None else "any", window=1, wait=0, now=1)
    return unit.value.reshape(runs, units), unit.arm.reshape(runs, units).astype(np.float64)


class Found(NamedTuple):
    """Of experiments with the minimum effect: the units of a fixed test, the share that is found within twice as many, and the median of units against it."""

    fixed: int
    runs: int
    found: float
    median: float


def power(kind: Kind, share: float, runs: int, rng: np.random.Generator) -> Found:
    """Run experiments with the minimum effect to twice the units of a fixed test; those that find nothing count as twice."""
    fixed = plan(kind.effect, kind.spread, share, ALPHA).fixed
    abreast = runs if kind.rate is not None else max(1, int(ABREAST * LOOKS / (8 * fixed)))
    taken = np.concatenate(
        [_taken(kind, share, min(abreast, runs - start), fixed, rng) for start in range(0, runs, abreast)]
    )
    return Found(fixed, runs, float(np.isfinite(taken).mean()), float(np.median(np.minimum(taken / fixed, 2))))


def _taken(kind: Kind, share: float, runs: int, fixed: int, rng: np.random.Generator) -> Floats:
    """The units that each experiment takes to find the effect, infinite for those that do not."""
    each = math.ceil(2 * fixed / LOOKS)
    bets = AssignmentBets(kind.effect, experiments=(runs,))
    taken, units = np.full(runs, np.inf), 0
    for look in range(LOOKS):
        size = min(each, 2 * fixed - look * each)
        if size <= 0:
            break
        _more(bets, kind, share, runs, size, rng)
        units += size
        found = (bets.best[:, 0] >= bar(ALPHA)) & (bets.leaning()[:, 0] == 1)
        taken = np.where(found, np.minimum(taken, units), taken)
    return taken


def _more(bets: AssignmentBets, kind: Kind, share: float, runs: int, size: int, rng: np.random.Generator) -> None:
    """So many units more for each experiment; of outcomes that are 0 or 1 it is enough to count them."""
    if kind.rate is None:
        treated = (rng.random((runs, size)) < share).astype(np.float64)
        bets.look(kind.changed(kind.rows((runs, size), rng), treated), treated, share)
        return
    given = rng.binomial(size, share, runs)
    ours = rng.binomial(given, kind.rate * (1 + kind.effect.minimum))
    theirs = rng.binomial(size - given, kind.rate)
    value, treated = np.tile([0.0, 1.0, 0.0, 1.0], (runs, 1)), np.tile([0.0, 0.0, 1.0, 1.0], (runs, 1))
    bets.look(value, treated, share, count=np.stack([size - given - theirs, theirs, given - ours, ours], axis=1))


class Job(NamedTuple):
    """So many experiments of one kind of outcomes at one split, with random numbers of their own."""

    outcome: str
    split: str
    runs: int
    units: int
    seed: int

    def source(self) -> np.random.Generator:
        """Its random numbers, which no other job has."""
        return np.random.default_rng([self.seed, *f"{self.outcome} {self.split}".encode()])


def without(job: Job) -> dict[str, Any]:
    """A row of the table of experiments without an effect."""
    ever = errors(KINDS[job.outcome], SHARES[job.split], job.runs, job.units, job.source())
    return {"outcome": job.outcome, "split": job.split, "runs": job.runs, "units": job.units, "ever": ever}


def with_effect(job: Job) -> dict[str, Any]:
    """A row of the table of experiments with the minimum effect."""
    found = power(KINDS[job.outcome], SHARES[job.split], job.runs, job.source())
    return {"outcome": job.outcome, "split": job.split, **found._asdict()}


def enough(outcome: str, split: str, options: Options) -> int:
    """How many experiments with an effect: numbers are drawn one by one, so of those that take long there are fewer."""
    kind, runs = KINDS[outcome], options.sized(RUNS, 20)
    if kind.rate is not None:
        return runs
    fixed = plan(kind.effect, kind.spread, SHARES[split], ALPHA).fixed
    return max(20, min(runs, int(2e8 * options.scale / fixed)))


def measure(options: Options) -> Measured:
    """The figures: the worst of each table."""
    units = max(1000, round(UNITS * min(1, 2 * options.scale)))
    pairs = [(outcome, split) for outcome in KINDS for split in SHARES]
    calm = [Job(*pair, options.sized(RUNS, 20), units, options.seed) for pair in pairs]
    effects = [Job(*pair, enough(*pair, options), 0, options.seed + 1) for pair in pairs]
    nothing = list(over(without, calm, options.workers))
    found = list(over(with_effect, effects, options.workers))
    return Measured(
        [
            WRONG.judged({"ever": max(row["ever"] for row in nothing)}),
            FOUND.judged({"share": min(row["found"] for row in found)}),
            SOON.judged({"ratio": max(row["median"] for row in found)}),
        ],
        {"experiments without an effect": nothing, "experiments with the minimum effect": found},
    )


PART = Part("experiments, with and without an effect", (WRONG, FOUND, SOON), measure)

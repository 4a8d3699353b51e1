"""How often the 95 % intervals of what another policy would have earned hold the truth: fixed logging, and Thompson sampling.

Entities come once to three times, their rows resemble each other, and all meet the arm that the entity drew. In a Thompson run weights are published after every
batch, from the rewards of all batches but the last, which come late; so what is logged depends on what was earned. Hard cases are among them: arms
that are equally good, between which Thompson sampling never decides, policies that choose what was hardly logged, rewards with long tails. The truth is known since
rewards are drawn; the effective sample size is at least 200 in every run, by design and not by choosing runs.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.judgement import Bar, Line, Measured, Options, Part
from bench.parallel import over
from hyperplan.evaluation.evaluate import effective_size, estimates
from hyperplan.evaluation.logged import Logged
from hyperplan.exploration.block import Exploration
from hyperplan.exploration.evidence import Evidence, earned_of
from hyperplan.exploration.policies import shares
from hyperplan.outcomes import Coded

Floats = NDArray[np.float64]

RUNS = 2000
ROWS = 3
"""The most rows of an entity; one to so many come, all equally likely."""
ALIKE = 0.5
"""The correlation of an entity's rows."""
MORE = 1.5
"""How many times as much everything earns in the second of the two values of the slice."""
BATCH = 250
"""Entities between two publications of weights."""
CHUNK = 50
"""Runs that a worker takes at a time."""


class Setting(NamedTuple):
    """One case: what arms earn on average, how rewards are spread, how arms are weighted, whom the policy chooses, and how many entities come.

    `logging` are fixed weights; None is Thompson sampling with this `floor`. A policy may be another one in the second slice.
    """

    name: str
    rewards: str
    means: tuple[float, ...]
    policy: tuple[float, ...]
    entities: int
    logging: tuple[float, ...] | None = None
    elsewhere: tuple[float, ...] | None = None
    floor: float = 0.05


SETTINGS = (
    Setting("an arm of a tenth, 20 %", "binary", (0.2, 0.22), (0, 1), 3_600, (0.9, 0.1)),
    Setting("an arm of a twentieth, 5 %", "binary", (0.05, 0.05, 0.08), (0, 0, 1), 8_000, (0.75, 0.2, 0.05)),
    Setting("weights against the grain", "normal", (0.0, 0.1, 0.2), (0.1, 0.1, 0.8), 6_400, (0.7, 0.25, 0.05)),
    Setting("another arm by slice", "normal", (0.5, 0.6), (0, 1), 2_000, (0.8, 0.2), elsewhere=(1, 0)),
    Setting("long tails", "lognormal", (1.0, 1.1), (0.2, 0.8), 2_400, (0.8, 0.2)),
    Setting("Thompson, arms alike, 20 %", "binary", (0.2, 0.2, 0.2), (0, 0, 1), 6_000),
    Setting("Thompson, the worst arm, 20 %", "binary", (0.2, 0.25), (1, 0), 6_000),
    Setting("Thompson, the best arm, 5 %", "binary", (0.05, 0.05, 0.08), (0, 0, 1), 6_000),
    Setting("Thompson, arms alike, normal", "normal", (0.3, 0.3), (0, 1), 6_000),
    Setting("Thompson, all arms alike often", "normal", (0.0, 0.1, 0.2), (1 / 3, 1 / 3, 1 / 3), 6_000),
    Setting("Thompson, another arm by slice", "normal", (0.5, 0.6), (0, 1), 6_000, elsewhere=(1, 0)),
    Setting("Thompson, long tails", "lognormal", (1.0, 1.1), (0.8, 0.2), 6_000),
)

COVERED = {
    name: Line(
        f"{words}: least and greatest coverage of 95 % intervals, fixed and Thompson logging",
        (Bar("least", 0.93, at_least=True), Bar("greatest", 0.97)),
    )
    for name, words in {"ips": "IPS", "snips": "SNIPS", "dr": "doubly robust"}.items()
}


def truth(setting: Setting) -> float:
    """What the policy earns on average; half of the entities are in each slice."""
    here, there = np.dot(setting.policy, setting.means), np.dot(setting.elsewhere or setting.policy, setting.means)
    return float(here + MORE * there) / 2


def drawn(setting: Setting, mean: Floats, entity: NDArray[np.int64], rng: np.random.Generator) -> Floats:
    """Rewards of these means; those of one entity are correlated."""
    shared, own = rng.standard_normal(int(entity.max()) + 1), rng.standard_normal(len(entity))
    normal = np.sqrt(ALIKE) * shared[entity] + np.sqrt(1 - ALIKE) * own
    if setting.rewards == "binary":  # rows are drawn from one level of their entity, or each from its own
        level = np.where(rng.random(len(entity)) < ALIKE, rng.random(len(shared))[entity], rng.random(len(entity)))
        return (level < mean).astype(np.float64)
    reward: Floats = mean * np.exp(normal - 0.5) if setting.rewards == "lognormal" else mean + normal
    return reward


def logs(setting: Setting, rng: np.random.Generator) -> Logged:
    """The log of one run."""
    count = setting.entities
    entity = np.repeat(np.arange(count), rng.integers(1, ROWS + 1, count))
    there = (rng.random(count) < 0.5).astype(np.int64)
    batch = np.zeros(count, np.int64) if setting.logging else np.arange(count) // BATCH
    weighted = _Weights(setting, int(batch.max()) + 1)
    arm = np.zeros(count, np.int64)
    reward = np.zeros(len(entity))
    begins = np.searchsorted(entity, np.arange(count + 1))
    for number in range(len(weighted.logging)):
        weighted.publish(number)
        (those,) = np.nonzero(batch == number)
        arm[those] = rng.choice(len(setting.means), len(those), p=weighted.logging[number])
        rows = slice(begins[those[0]], begins[those[-1] + 1])
        mean = np.array(setting.means)[arm[entity[rows]]] * np.where(there[entity[rows]], MORE, 1.0)
        reward[rows] = drawn(setting, mean, entity[rows] - entity[rows][0], rng)
        weighted.earned(number, arm[entity[rows]], reward[rows], entity[rows])
    target = np.where(there[:, None], setting.elsewhere or setting.policy, setting.policy)
    return Logged(
        arm=arm[entity],
        propensity=weighted.logging[batch[entity], arm[entity]],
        reward=reward,
        requests=np.ones(len(entity)),
        entity=entity,
        regime=batch[entity],
        logging=weighted.logging,
        target=target[entity].astype(np.float64),
        slices=(Coded(there[entity].astype(np.int32), ("here", "there")),),
    )


class _Weights:
    """The weights of each batch: fixed ones, or what Thompson sampling publishes of what was earned before the last batch."""

    def __init__(self, setting: Setting, batches: int) -> None:
        self._setting = setting
        arms = len(setting.means)
        self.logging = np.tile(np.array(setting.logging or [1 / arms] * arms), (batches, 1))
        self._names = tuple(f"{number}" for number in range(arms))
        self._known: list[tuple[Any, Any, Any, Any]] = []

    def publish(self, number: int) -> None:
        """Set the weights of a batch."""
        if self._setting.logging is None and number > 1:
            arm, reward, entity, weight = (
                np.concatenate(each) for each in zip(*self._known[: number - 1], strict=True)
            )
            found = [
                earned_of(reward[arm == each], weight[arm == each], entity[arm == each])
                for each in range(len(self._names))
            ]
            evidence = Evidence(self._names, tuple(found), self._setting.rewards == "binary")
            block = Exploration(policy="thompson", floor=self._setting.floor)
            self.logging[number] = list(shares(block, evidence).values())

    def earned(self, number: int, arm: Any, reward: Floats, entity: Any) -> None:
        """What a batch earned."""
        self._known.append((arm, reward, entity, 1 / self.logging[number, arm]))


class Chunk(NamedTuple):
    """Some runs of one setting."""

    setting: int
    runs: int
    seed: tuple[int, ...]


def covered(chunk: Chunk) -> dict[str, Any]:
    """How often each interval held the truth, and the least effective sample size."""
    setting, rng = SETTINGS[chunk.setting], np.random.default_rng(chunk.seed)
    true, hits, least = truth(setting), dict.fromkeys(COVERED, 0), np.inf
    low = dict.fromkeys(COVERED, 0)
    widths = dict.fromkeys(COVERED, 0.0)
    for _ in range(chunk.runs):
        rows = logs(setting, rng)
        least = min(least, effective_size(rows))
        for name, found in estimates(rows).items():
            hits[name] += found.low <= true <= found.high
            low[name] += found.high < true
            widths[name] += found.high - found.low
    return {"setting": setting.name, "runs": chunk.runs, "hits": hits, "low": low, "widths": widths, "effective": least}


def measure(options: Options) -> Measured:
    """The figures: the worst of all settings."""
    runs = options.sized(RUNS, 20)
    chunks = [
        Chunk(number, min(CHUNK, runs - start), (options.seed, number, start))
        for number in range(len(SETTINGS))
        for start in range(0, runs, CHUNK)
    ]
    found = list(over(covered, chunks, options.workers))
    rows = []
    for setting in SETTINGS:
        those = [one for one in found if one["setting"] == setting.name]
        row: dict[str, Any] = {
            "what": setting.name,
            "logging": "fixed" if setting.logging else "Thompson",
            "runs": runs,
            "least effective sample size": round(min(one["effective"] for one in those), 1),
        }
        for name in COVERED:
            row[name] = sum(one["hits"][name] for one in those) / runs
            row[f"{name}, all below"] = sum(one["low"][name] for one in those) / runs
            row[f"{name}, width"] = sum(one["widths"][name] for one in those) / runs
        rows.append(row)
    smallest = min(row["least effective sample size"] for row in rows)
    beside = {"least effective sample size": smallest, "runs of each setting": runs}
    figures = [
        line.judged({"least": min(row[name] for row in rows), "greatest": max(row[name] for row in rows)}, beside)
        for name, line in COVERED.items()
    ]
    return Measured(figures, {"coverage of intervals of what another policy would have earned": rows})


PART = Part("intervals of what another policy would have earned", tuple(COVERED.values()), measure)

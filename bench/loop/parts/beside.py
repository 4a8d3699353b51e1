"""statsmodels and MABWiser on the same simulations.

Experiments without an effect, as in the part `experiments`: how often a winner is declared by our experiments, by the t-test that one looks at once, and by the same test
looked at as often as ours. Bandits on the same rewards: what is earned by prediction, ours in batches with a floor for every arm, MABWiser's in batches too, as it
chooses when asked for one unit after the other.
"""

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.environments import Environments
from bench.judgement import Measured, Options, Part
from bench.loop.parts.experiments import ALPHA, EACH, KINDS, SHARES, UNITS, folded
from bench.parallel import over
from cli.failure import Failure
from hyperplan.experiments.assignment import AssignmentBets
from hyperplan.experiments.wealth import bar
from hyperplan.exploration.block import Exploration
from hyperplan.exploration.evidence import Evidence, earned_of
from hyperplan.exploration.policies import shares

RUNS = 200
PEERS = Environments.of("loop")
BATCH, EPSILON = 250, 0.1
BANDITS: Mapping[str, tuple[float, ...]] = {
    "20 % and 25 %": (0.2, 0.25),
    "5, 5 and 8 %": (0.05, 0.05, 0.08),
    "all alike, 20 %": (0.2, 0.2, 0.2),
}
BANDIT_UNITS = 6_000


class Job(NamedTuple):
    """So many experiments of an outcome at a split, or of a bandit."""

    name: str
    split: str
    runs: int
    units: int
    seed: int


def experiments(job: Job) -> dict[str, Any]:
    """How often each declares a winner where there is none."""
    kind, share = KINDS[job.name], SHARES[job.split]
    rng = np.random.default_rng([job.seed, *f"{job.name} {job.split}".encode()])
    value, treated = folded(kind, share, job.runs, job.units, rng)
    bets = AssignmentBets(kind.effect, experiments=(job.runs,))
    for start in range(0, job.units, EACH):
        bets.look(value[:, start : start + EACH], treated[:, start : start + EACH], share)
    row = {"outcome": job.name, "split": job.split, "runs": job.runs, "units": job.units}
    row["hyperplan, every look"] = float((bets.best[:, 0] >= bar(ALPHA)).mean())
    said = _asked(
        "statsmodels_looks",
        {"value": value, "treated": treated},
        {"alpha": ALPHA, "looks": list(range(EACH, job.units + 1, EACH))},
    )
    return row | {
        "statsmodels, once": said.get("once"),
        "statsmodels, every look": said.get("ever"),
        "error": said.get("error"),
    }


def bandits(job: Job) -> dict[str, Any]:
    """What each earns by prediction."""
    rates = BANDITS[job.name]
    rng = np.random.default_rng([job.seed, *job.name.encode()])
    rewards = (rng.random((job.runs, job.units, len(rates))) < rates).astype(np.float64)
    row: dict[str, Any] = {"arms earn": job.name, "runs": job.runs, "units": job.units, "evenly": float(rewards.mean())}
    for policy in ("thompson", "epsilon"):
        block = Exploration(policy=policy, epsilon=EPSILON)
        row[f"hyperplan, {policy}"] = float(np.mean([_earned(one, block, rng) for one in rewards]))
    said = _asked("mabwiser_batches", {"rewards": rewards}, {"batch": BATCH, "epsilon": EPSILON, "seed": job.seed})
    return (
        row
        | {f"MABWiser, {name}": value for name, value in said.get("earned", {}).items()}
        | {"error": said.get("error")}
    )


def _earned(rewards: NDArray[np.float64], block: Exploration, rng: np.random.Generator) -> float:
    units, arms = rewards.shape
    names = tuple(map(str, range(arms)))
    weights = np.full(arms, 1 / arms)
    chosen, propensity = np.zeros(units, np.int64), np.zeros(units)
    got = np.zeros(units)
    for start in range(0, units, BATCH):
        batch = slice(start, start + BATCH)
        chosen[batch] = rng.choice(arms, len(rewards[batch]), p=weights)
        propensity[batch] = weights[chosen[batch]]
        got[batch] = rewards[np.arange(units)[batch], chosen[batch]]
        end = min(start + BATCH, units)
        found = [
            earned_of(got[:end][mine], 1 / propensity[:end][mine], np.arange(int(mine.sum())))
            for mine in (chosen[:end] == arm for arm in range(arms))
        ]
        weights = np.array(list(shares(block, Evidence(names, tuple(found), True)).values()))
    return float(got.mean())


def _asked(script: str, arrays: Mapping[str, NDArray[Any]], job: Mapping[str, Any]) -> dict[str, Any]:
    """What a peer says of arrays; why not, if it cannot."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "given.npz"
        np.savez(file, **arrays)  # type: ignore[arg-type]
        try:
            said: dict[str, Any] = PEERS.run("peers", script, {"file": str(file), **job})
        except Failure as failure:
            return {"error": str(failure)}
    return said


def measure(options: Options) -> Measured:
    """The tables; they have no bar."""
    runs = options.sized(RUNS, 10)
    units = max(1_000, round(UNITS * min(1, 2 * options.scale)))
    looked = [Job(name, split, runs, units, options.seed) for name in KINDS for split in ("50/50", "90/10")]
    chosen = [Job(name, "", runs, BANDIT_UNITS, options.seed) for name in BANDITS]
    return Measured(
        [],
        {
            "a winner is declared where there is none, beside statsmodels": list(
                over(experiments, looked, options.workers)
            ),
            "earned by prediction, beside MABWiser": list(over(bandits, chosen, options.workers)),
        },
    )


PART = Part("statsmodels and MABWiser on the same simulations", (), measure)

"""Let MABWiser's bandits choose arms of which every reward is known, taught after each batch. A job comes on stdin, JSON goes out."""

import json
import sys
from importlib.metadata import version

import numpy as np
from mabwiser.mab import MAB, LearningPolicy


def main():
    """Read a job, and answer it."""
    job = json.load(sys.stdin)
    rewards = np.load(job["file"])["rewards"]
    policies = {
        "thompson": LearningPolicy.ThompsonSampling(),
        "epsilon": LearningPolicy.EpsilonGreedy(epsilon=job["epsilon"]),
    }
    earned = {name: float(np.mean([run(one, policy, job) for one in rewards])) for name, policy in policies.items()}
    print(json.dumps({"version": version("mabwiser"), "earned": earned}))


def run(rewards, policy, job):
    units, arms = rewards.shape
    bandit = MAB(list(range(arms)), policy, seed=job["seed"])
    source = np.random.default_rng(job["seed"])
    total = 0.0
    for start in range(0, units, job["batch"]):
        batch = rewards[start : start + job["batch"]]
        chosen = source.integers(0, arms, len(batch)) if start == 0 else np.array([bandit.predict() for _ in batch])
        got = batch[np.arange(len(batch)), chosen]
        (bandit.fit if start == 0 else bandit.partial_fit)(chosen, got)
        total += got.sum()
    return total / units


main()

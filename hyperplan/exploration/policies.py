"""From evidence to weights: epsilon-greedy (Watkins 1989), and Thompson's (1933), taken in batches.

A batch of Thompson sampling need not draw: the share of the traffic that drawing would give an arm is the probability that it is the best, and with that as its
weight the propensities are known. Every arm keeps the floor, so none starves, and estimates from the samples stay possible.
"""

from collections.abc import Mapping

import numpy as np

from hyperplan.exploration.best import chances
from hyperplan.exploration.block import Exploration
from hyperplan.exploration.evidence import Evidence

NOTICEABLE = 0.02
"""The share of the traffic that must change its arm for new weights to be worth a revision."""


def shares(exploration: Exploration, found: Evidence) -> dict[str, float]:
    """The share of the traffic that each arm is to get; they sum to 1, and none is below the floor."""
    match exploration.policy:
        case "thompson":
            wanted = chances(found)
        case "epsilon":
            means = np.array([earned.mean for earned in found.earned])
            best = np.isclose(means, np.nanmax(means), rtol=0, atol=0) if not np.isnan(means).all() else np.isnan(means)
            wanted = (1 - exploration.epsilon) * best / best.sum() + exploration.epsilon / len(means)
    left = 1 - exploration.floor * len(found.arms)
    return dict(zip(found.arms, (exploration.floor + left * wanted).tolist(), strict=True))


def moved(before: Mapping[str, float], after: Mapping[str, float]) -> float:
    """The share of the traffic that gets another arm, both given as weights: the total variation distance between them."""
    old, new = sum(before.values()), sum(after.values())
    arms = {*before, *after}
    return sum(abs(before.get(arm, 0.0) / old - after.get(arm, 0.0) / new) for arm in arms) / 2

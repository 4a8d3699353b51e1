"""What each arm earned, from outcomes that were chosen with changing probabilities.

Weights follow rewards, so arms are tried more at some times than at others; if everything earns more on some days, a plain average takes an arm's good
days for its merit. So each row counts 1 / its propensity (and 1 / its inclusion probability), as if the arm had been chosen always: the
self-normalised estimate (Hajek 1971). Rows of one entity resemble each other, and may count for fewer than they are.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from hyperplan.exploration.block import Reward
from hyperplan.exploration.rewards import rewards
from hyperplan.outcomes import Floats, Ints, Outcomes


class Earned(NamedTuple):
    """What an arm earned: the mean, its standard deviation over rows, and how many rows that all alike were worth as much would tell as much. `rows` are those that there are."""

    mean: float
    deviation: float
    effective: float
    rows: int


class Evidence(NamedTuple):
    """What is known of some arms, in their order. `binary`: every reward was 0 or 1."""

    arms: tuple[str, ...]
    earned: tuple[Earned, ...]
    binary: bool


NOTHING = Earned(float("nan"), float("nan"), 0.0, 0)


def evidence(outcomes: Outcomes, arms: Sequence[str], reward: Reward) -> Evidence:
    """What arms earned, higher being better: where lower is, rewards come with the other sign (1 minus the reward where all are 0 or 1).

    Forced requests are left out, which nobody drew, and rows whose reward is not known.
    """
    found = rewards(outcomes, reward)
    known = ~np.isnan(found) & ~outcomes.forced & (outcomes.propensity > 0) & (outcomes.inclusion > 0)
    outcomes, found = outcomes.where(known), found[known]
    binary = bool(np.isin(found, (0.0, 1.0)).all())
    if reward.better == "lower":
        found = 1 - found if binary else -found
    weight = 1.0 / (outcomes.propensity * outcomes.inclusion)
    entity = outcomes.entities()
    earned = []
    for arm in arms:
        mask = outcomes.arm.equal(arm)
        earned.append(earned_of(found[mask], weight[mask], entity[mask]))
    return Evidence(tuple(arms), tuple(earned), binary)


def earned_of(reward: Floats, weight: Floats, entity: Ints) -> Earned:
    """What rows of one arm earned, each of its weight."""
    if not len(reward):
        return NOTHING
    total = weight.sum()
    mean = float((weight * reward).sum() / total)
    variance = float((weight * (reward - mean) ** 2).sum() / total)
    per_entity = np.bincount(entity, weight)
    fewest, most = total**2 / (per_entity**2).sum(), total**2 / (weight**2).sum()
    error = float((np.bincount(entity, weight * (reward - mean)) ** 2).sum() / total**2)
    effective = min(max(variance / error, fewest), most) if error > 0 else fewest
    return Earned(mean, variance**0.5, float(effective), len(reward))

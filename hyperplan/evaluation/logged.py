"""What is evaluated: rows that were drawn with known probabilities, as arrays.

Rows that nobody drew, or whose reward is not known, say nothing and are left out. So are rows of times at which the policy could not have been followed, because an arm
that it chooses had no share of the traffic: about those nothing was seen.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from hyperplan.evaluation.policy import Policy
from hyperplan.exploration.block import Reward
from hyperplan.exploration.rewards import rewards
from hyperplan.outcomes import Coded, Floats, Ints, Outcomes

Logging = Mapping[int, Mapping[str, float]]
"""By revision of the endpoint the probability of each arm that had one."""


class Logged(NamedTuple):
    """Rows in the order of time.

    - `arm` (a column of `logging` and `target`), `propensity` with which it was chosen, `reward` that it earned.
    - `requests`: how many requests the row stands for. `entity`: whose it is, from 0.
    - `regime`: the row of `logging` that held: the probability of each arm. Regimes are in order of time, from 0.
    - `target`: the probability with which the policy would have chosen each arm for each row.
    - `slices`: what is known of the rows beside.
    """

    arm: Ints
    propensity: Floats
    reward: Floats
    requests: Floats
    entity: Ints
    regime: Ints
    logging: Floats
    target: Floats
    slices: tuple[Coded, ...] = ()

    @property
    def weight(self) -> Floats:
        """How much more often the policy would have chosen what was chosen."""
        return self.target[np.arange(len(self.arm)), self.arm] / self.propensity

    def by_entity(self, values: Floats) -> Floats:
        """The sum of a value of each row, for each entity."""
        return np.bincount(self.entity, values).astype(np.float64)


class LeftOut(NamedTuple):
    """How many rows were left out: whose request named its arm, whose reward is not known, and where the policy could not have been followed."""

    forced: int
    unrewarded: int
    unsupported: int


def logged(outcomes: Outcomes, logging: Logging, policy: Policy, reward: Reward) -> tuple[Logged, LeftOut]:
    """The rows that tell what a policy would have earned. Revisions that `logging` does not know are not supported."""
    found = rewards(outcomes, reward)
    known = ~np.isnan(found) & ~np.isnan(outcomes.propensity) & (outcomes.arm.codes >= 0)
    drawn = outcomes.where(known & ~outcomes.forced)
    found = found[known & ~outcomes.forced]
    arms = list(dict.fromkeys([*(arm for shares in logging.values() for arm in shares), *policy.arms()]))
    target = policy.probabilities(drawn, arms)
    column = np.array([arms.index(arm) if arm in arms else -1 for arm in drawn.arm.names], np.int64)
    arm = column[drawn.arm.codes] if len(drawn) else np.zeros(0, np.int64)
    numbers, place = np.unique(drawn.revision, return_inverse=True)
    table = np.array([[logging.get(int(number), {}).get(arm, 0.0) for arm in arms] for number in numbers])
    table = table.reshape(len(numbers), len(arms))
    shares = table[place]
    supported = (arm >= 0) & ~((target > 0) & (shares <= 0)).any(axis=1)
    kept = np.flatnonzero(supported)
    kept = kept[np.argsort(drawn.time[kept], kind="stable")]
    regimes, regime = _regimes(table, place[kept])
    rows = drawn.where(kept)
    made = Logged(
        arm=arm[kept],
        propensity=rows.propensity,
        reward=found[kept],
        requests=rows.weight,
        entity=rows.entities(),
        regime=regime,
        logging=regimes,
        target=target[kept],
        slices=tuple(rows.slices.values()),
    )
    forced, rewarded = int(outcomes.forced.sum()), int(known[~outcomes.forced].sum())
    return made, LeftOut(forced, len(outcomes) - forced - rewarded, rewarded - len(kept))


def _regimes(table: Floats, revision: Ints) -> tuple[Floats, Ints]:
    """Probabilities without repetitions, and which of them each row has: revisions one after another with the same weights are one regime."""
    used = np.unique(revision)
    if not len(used):
        return table[:0], revision
    changed = np.r_[True, (np.abs(np.diff(table[used], axis=0)) > 1e-9).any(axis=1)]
    number = np.zeros(len(table), np.int64)
    number[used] = np.cumsum(changed) - 1
    return table[used[changed]], number[revision]

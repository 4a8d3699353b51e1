"""What a policy would have earned, with intervals; or in words why that cannot be said."""

import math

import msgspec

from hyperplan.comparison.rate import kish
from hyperplan.evaluation.estimators import ESTIMATORS, dr, sums
from hyperplan.evaluation.interval import interval
from hyperplan.evaluation.logged import LeftOut, Logged, Logging, logged
from hyperplan.evaluation.policy import Policy
from hyperplan.exploration.block import Reward
from hyperplan.outcomes import Outcomes

FEWEST = 50
"""The effective sample size below which nothing is said."""
LEVEL = 0.95


class Earnings(msgspec.Struct, frozen=True, kw_only=True):
    """What was or would have been earned by a prediction, on average, and the bounds of the 95 % interval."""

    value: float
    low: float
    high: float


class Evaluation(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a policy.

    `rows` and `entities` are those that count; `left_out` says which do not, by why. `effective` is how many entities, all of equal weight, would tell as much. `logged` is what
    was earned on the same rows, and `estimates` what the policy would have: `ips`, `snips` and `dr`, and how much `more` than was, by `dr`. It is empty when nothing can be
    said. `words` is the answer in a sentence.
    """

    policy: str
    rows: int
    entities: int
    effective: float
    left_out: dict[str, int]
    logged: Earnings | None = None
    estimates: dict[str, Earnings] = {}
    more: Earnings | None = None
    words: str


def evaluate(outcomes: Outcomes, logging: Logging, policy: Policy, reward: Reward) -> Evaluation:
    """Evaluate a policy on outcomes, given how arms were weighted at each revision."""
    rows, left_out = logged(outcomes, logging, policy, reward)
    effective = effective_size(rows)
    enough = effective >= FEWEST
    found, gain = (estimates(rows), more(rows)) if enough else ({}, None)
    before = observed(rows) if len(rows.arm) else None
    said = _sentence(found["dr"], before, gain) if before and gain else _refusal(rows, left_out, effective, policy)
    return Evaluation(
        policy=policy.text,
        rows=len(rows.arm),
        entities=int(rows.entity.max(initial=-1)) + 1,
        effective=effective,
        left_out=left_out._asdict(),
        logged=before,
        estimates=found,
        more=gain,
        words=said,
    )


def estimates(rows: Logged) -> dict[str, Earnings]:
    """What the policy would have earned, by each estimator."""
    found, size = {}, effective_size(rows)
    for name, estimator in ESTIMATORS.items():
        value, low, high = interval(*sums(rows, estimator(rows)), size, LEVEL)
        found[name] = Earnings(value=value, low=low, high=high)
    return found


def more(rows: Logged) -> Earnings:
    """How much more the policy would have earned than was, on the same rows: the doubly robust estimate less the reward, row by row."""
    terms = dr(rows)
    above, below = sums(rows, terms)
    was, _ = sums(rows, terms._replace(above=rows.reward))
    value, low, high = interval(above - was, below, effective_size(rows), LEVEL)
    return Earnings(value=value, low=low, high=high)


def observed(rows: Logged) -> Earnings:
    """What was earned."""
    value, low, high = interval(
        rows.by_entity(rows.requests * rows.reward),
        rows.by_entity(rows.requests),
        kish(rows.by_entity(rows.requests)),
        LEVEL,
    )
    return Earnings(value=value, low=low, high=high)


def effective_size(rows: Logged) -> float:
    """The effective sample size of a policy over entities; 0 if it would have chosen nothing that was chosen."""
    return kish(rows.by_entity(rows.requests * rows.weight))


def _sentence(found: Earnings, before: Earnings, gain: Earnings) -> str:
    compared = "more than" if gain.low > 0 else "less than" if gain.high < 0 else "not clearly more or less than"
    return (
        f"would have earned {found.value:.4g} by prediction ({found.low:.4g} to {found.high:.4g}), "
        f"{compared} the {before.value:.4g} that was earned"
    )


def _refusal(rows: Logged, left_out: LeftOut, effective: float, policy: Policy) -> str:
    arms = " or ".join(policy.arms())
    if not len(rows.arm) and left_out.unsupported:
        return f"{arms} took no traffic in this time, so nothing was seen of what it would earn; give it a weight, or ask about a time in which it had one"
    if not len(rows.arm):
        return (
            "no prediction has a reward here whose arm was drawn by the weights; send feedback, ask about a longer time, "
            "or about all labels instead of the ripe ones only"
        )
    needed = math.ceil(FEWEST / max(effective, 1e-9)) if effective else 0
    more = f"; about {needed} times as much of the same traffic would do" if 1 < needed <= 1000 else ""
    return (
        f"too little is known: what was chosen tells of this policy as much as {effective:.3g} entities would, and {FEWEST} are the fewest; "
        f"give {arms} more of the traffic, or wait{more}"
    )

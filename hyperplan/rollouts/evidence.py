"""The evidence that a canary breaks a guardrail: gathered look by look, carried over the steps of a rollout, ready for a canary that turns bad late.

Each look bets on what was counted since the one before, as `hyperplan.experiments.rates` does: given the requests of both arms, a failure falls on
the canary with at most a known probability if its rate is no more than `margin` times that of the control arm. That is an e-process
whatever the rates are and however they move, so the first time that it reaches 1 / alpha may end the rollout, and a sound one is ended by it with a probability of at most alpha.

A canary that was sound for long has lost what was bet against it. So the bettors **share** (Herbster and Warmuth, Tracking the Best Expert, Machine Learning 32, 1998): with each request of
the canary each gives away a small part of what it has, which goes to all in the proportion of the stakes; and one of them bets nothing, so that there is something to give. The part gets smaller as requests
become many, or all would be lost in the end: what there is falls with their number, not exponentially. Giving is decided before the next look and the sum stays
what it was, so its mean is at most 1 as before.

Plain floats and no numpy: a look is five bets.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from hyperplan.experiments.rates import BETS

IDLE = 0.1
"""What the one who bets nothing begins with."""
SHARING = 1000
"""After how many requests of the canary half was given away; half of the rest after twice as many more, and so on."""

_STAKES = (IDLE, *((1 - IDLE) * stake for stake in BETS.values()))


class Counts(NamedTuple):
    """What was counted of both arms while their weights were the same: of so many requests, so many that a guardrail counts."""

    hits: int
    requests: int
    control_hits: int
    control_requests: int


class Evidence(msgspec.Struct, frozen=True):
    """What each bettor has, the one who bets nothing first, and the most they ever had together, as logarithms; and how many requests
    of the canary they have seen."""

    wealth: tuple[float, ...] = tuple(map(math.log, _STAKES))
    peak: float = 0.0
    requests: int = 0

    def after(self, counts: Counts, margin: float) -> "Evidence":
        """The evidence after one more look."""
        won = tuple(has + won for has, won in zip(self.wealth, _won(counts, margin), strict=True))
        total = _log_sum(won)
        if not counts.requests:
            return Evidence(won, max(self.peak, total), self.requests)
        requests = self.requests + counts.requests
        kept = (SHARING + self.requests) / (SHARING + requests)
        shared = tuple(
            total + math.log(kept * math.exp(has - total) + (1 - kept) * stake)
            for has, stake in zip(won, _STAKES, strict=True)
        )
        return Evidence(shared, max(self.peak, total), requests)


def _won(counts: Counts, margin: float) -> tuple[float, ...]:
    """What a unit staked on each ratio becomes, as a logarithm; see `hyperplan.experiments.rates.excess`."""
    hits, n, others, m = counts
    if not n or not m:
        return (0.0,) * len(_STAKES)
    won = []
    for times in BETS:
        # With a bet of q = t n / (t n + m) in place of what is allowed, n / (n + m), n being weighted by the margin.
        base = math.log((margin * n + m) / (margin * times * n + m))
        won.append(hits * (base + math.log(times)) + others * base)
    return (0.0, *won)


def _log_sum(logs: Sequence[float]) -> float:
    most = max(logs)
    return most + math.log(sum(math.exp(each - most) for each in logs))

"""The evidence that a canary breaks a guardrail: gathered look by look, carried over the steps of a rollout, ready for a canary that turns bad late.

Each look bets on what was counted since the one before, as `hyperplan.experiments.rates` does: given the requests of both arms, a failure falls on
the canary with at most a known probability if its rate is no more than `margin` times that of the control arm. That is an e-process
whatever the rates are and however they move, so the first time that it reaches 1 / alpha may end the rollout, and a sound one is ended by it with a probability of at most alpha.

A canary that was sound for long has lost what was bet against it. So the bettors **share** (Herbster and Warmuth, Tracking the Best Expert, Machine Learning 32, 1998): for each request of
the canary each gives away a small part of what it has, which goes to all in the proportion of the stakes; and one of them, who bets nothing, keeps what it has. Giving is decided before
the next look and the sum stays what it was, so its mean is at most 1 as before.

Plain floats and no numpy: a look is five bets.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from hyperplan.experiments.rates import BETS

IDLE = 0.1
"""What the one who bets nothing begins with."""
SHARED = 1 / 1000
"""The part that is given away for each request of the canary."""

_STAKES = (IDLE, *((1 - IDLE) * stake for stake in BETS.values()))


class Counts(NamedTuple):
    """What was counted of both arms while their weights were the same: of so many requests, so many that a guardrail counts."""

    hits: int
    requests: int
    control_hits: int
    control_requests: int


class Evidence(msgspec.Struct, frozen=True):
    """What each bettor has, the one who bets nothing first, and the most they ever had together; logarithms."""

    wealth: tuple[float, ...] = tuple(map(math.log, _STAKES))
    peak: float = 0.0

    def after(self, counts: Counts, margin: float) -> "Evidence":
        """The evidence after one more look."""
        won = tuple(has + won for has, won in zip(self.wealth, _won(counts, margin), strict=True))
        total = _log_sum(won)
        kept = math.log1p(-SHARED) * counts.requests
        given = total + _log1mexp(kept)
        shared = tuple(_log_sum((has + kept, given + math.log(stake))) for has, stake in zip(won, _STAKES, strict=True))
        return Evidence(shared, max(self.peak, total))


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


def _log1mexp(negative: float) -> float:
    """log(1 - exp(x)) of an x of 0 or less."""
    return math.log(-math.expm1(negative)) if negative < 0 else -math.inf

"""Guardrails: is a rate of the treatment's higher than that of the control arm, by more than a margin? Anytime-valid, from counters of all traffic.

Failed attempts, requests slower than so many milliseconds, violations, predictions in a certain range: of so many, so many. If the rate of the
treatment is at most `margin` times that of the control arm, then, given the requests of both, a failure falls on the treatment with a probability of
at most q = margin * treated / (margin * treated + control). The bet is on a larger ratio of rates, and pays the ratio of the likelihoods of where failures fell: Wald's
sequential test of a binomial share. Several ratios share the stake. The least of them is 1.5: an arm that is worse by a
tenth is seldom stopped, even with a margin of 1.

**It is exact** for any rate, small or not: with a and b what a failure pays on the treatment and on the control arm, n and m their requests and p the rate of the
control arm, the mean of the product is at most `(1 + margin p (a - 1))^n (1 + p (b - 1))^m <= exp(p (margin n (a - 1) + m (b - 1)))`, and what is in the
brackets is 0, because the two likelihoods sum to one. So it is at most 1 for whatever rate each tick has: an outage that hits both
arms alike is no evidence, and neither is a slow night.

**Assumed** is that requests fail independently of each other within a tick, given its rate. A single client that is always on the treatment and
fails a thousand times is no thousand failures: where that happens, count entities with a failure, not failures.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import logsumexp

Floats = NDArray[np.float64]

BETS = {1.5: 0.1, 2.0: 0.3, 3.0: 0.45, 5.0: 0.1, 10.0: 0.05}
"""What is staked on each ratio."""
TIMES: Floats = np.array(list(BETS))
"""How many times more than what the margin allows is bet upon. The least loses as long as it is less than 1.23 times more."""
STAKES: Floats = np.log(list(BETS.values()))
"""The logarithms of what is staked on each."""


def excess(
    treated_hits: ArrayLike, treated: ArrayLike, control_hits: ArrayLike, control: ArrayLike, margin: float
) -> Any:
    """The log e-values, after each tick, that the treatment's rate is more than `margin` times that of the control arm.

    Counts are those of each tick, on the last axis. Hits are of the requests of the same tick.

    >>> bool(excess([30], [1000], [10], [1000], 1.0)[-1] > math.log(20))
    True
    >>> bool(excess([10], [1000], [10], [1000], 1.0)[-1] < 0)
    True
    """
    hits, n, others, m = (np.asarray(x, np.float64) for x in (treated_hits, treated, control_hits, control))
    total = n + m
    some = total > 0
    allowed = margin * n / np.where(some, margin * n + m, 1.0)
    bet = (margin * TIMES[:, None]) * n[..., None, :]
    bet = bet / np.where(some[..., None, :], bet + m[..., None, :], 1.0)
    on_treated = _log_ratio(bet, allowed[..., None, :])
    on_control = _log_ratio(1 - bet, 1 - allowed[..., None, :])
    won = (hits[..., None, :] * on_treated + others[..., None, :] * on_control).cumsum(axis=-1)
    return logsumexp(won + STAKES[:, None], axis=-2)


def shifted(treated: ArrayLike, control: ArrayLike, margin: float) -> Any:
    """The log e-values, after each tick, that predictions moved: that some bin's share is more than `margin` times that of the control arm, or less than 1 / margin.

    Counts of predictions by bin (next to last axis) and tick (last axis). Each bin and direction has the same part of the stake.
    """
    ours, theirs = np.asarray(treated, np.float64), np.asarray(control, np.float64)
    n = np.broadcast_to(ours.sum(axis=-2, keepdims=True), ours.shape)
    m = np.broadcast_to(theirs.sum(axis=-2, keepdims=True), theirs.shape)
    both = [excess(ours, n, theirs, m, margin), excess(theirs, m, ours, n, margin)]
    return logsumexp(both, axis=(0, -2)) - math.log(2 * ours.shape[-2])


def _log_ratio(bet: Floats, allowed: Floats) -> Floats:
    """The log of bet / allowed, 0 where a failure cannot fall or cannot fall elsewhere."""
    possible = (allowed > 0) & (bet > 0)
    return np.asarray(np.log(np.where(possible, bet, 1.0) / np.where(possible, allowed, 1.0)))

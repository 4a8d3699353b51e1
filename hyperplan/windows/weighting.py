"""Buckets whose rows were sampled with different probabilities, as one profile of all traffic.

A row that was sampled with probability p stands for w = 1 / p rows (Horvitz and Thompson, "A generalization of sampling without
replacement from a finite universe", 1952): weighted so, shares are unbiased for all traffic, however the probability followed the load.
But n weighted rows say less than n rows drawn evenly. They say as much as (sum w)^2 / sum w^2 of them (Kish, "Survey Sampling", 1965),
the effective sample size, and that is how many rows the profile has: so whoever weighs evidence does not overstate it.

What comes out is again rows of one inclusion probability, the effective size over sum w. Both sums can be had back from the two,
so results combine further, in any grouping, to the same as all at once but for the rounding of counts. Rows of a single probability
are only merged, exactly.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from hyperplan.profile import Profile, Scale, phases


class Weighted(NamedTuple):
    """Rows that were all sampled with one probability, or that say as much as so many rows would."""

    inclusion: float
    profile: Profile


def combined(parts: Iterable[Weighted]) -> Weighted:
    """The rows of several, each weighted by 1 / its inclusion probability. Of nothing, no rows."""
    groups: defaultdict[float, list[Profile]] = defaultdict(list)
    for inclusion, profile in parts:
        if _rows(profile):
            groups[inclusion].append(profile)
    merged = [Weighted(inclusion, Profile.merged(profiles)) for inclusion, profiles in sorted(groups.items())]
    if len(merged) < 2:
        return merged[0] if merged else Weighted(1.0, Profile())
    return _reweighted(merged)


def _reweighted(parts: Sequence[Weighted]) -> Weighted:
    weights = [1 / part.inclusion for part in parts]
    rows = [_rows(part.profile) for part in parts]
    total = sum(weight * count for weight, count in zip(weights, rows, strict=True))
    squares = sum(weight * weight * count for weight, count in zip(weights, rows, strict=True))
    # Each row gets its share of the effective size: w / sum w * (sum w)^2 / sum w^2.
    profile = Profile.merged(
        part.profile.scaled(Scale(weight * total / squares, phase))
        for part, weight, phase in zip(parts, weights, phases(len(parts)), strict=True)
    )
    return Weighted(total / squares, profile)


def _rows(profile: Profile) -> int:
    """Rows, and what stood in place of one."""
    return profile.rows + profile.broken

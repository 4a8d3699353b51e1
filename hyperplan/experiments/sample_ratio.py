"""Sample-ratio mismatch: do the arms get the units that their weights say? Anytime-valid.

An arm that loses units (a crash before the answer is logged, a label that comes to one arm only, a bucket that was never random) is compared on those that
are left, and no comparison survives that. Counts of units by arm are held against the declared shares by a multinomial test with a Dirichlet prior
around them: the ratio of the two likelihoods is an e-value at all times (Lindon and Malek, "Anytime-valid inference for multinomial count
data", 2022). Several concentrations share the stake: a narrow prior sees small mismatches of large experiments, a wide one large mismatches early. Each routing
revision has its own shares, so its own likelihoods, and the evidence is their product.

Counted are units, not requests: requests of one user all go to one arm.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from hyperplan.skew.evidence import average, log_likelihood

Floats = NDArray[np.float64]

CONCENTRATIONS = (10.0, 100.0, 1_000.0, 10_000.0)
"""How near to the declared shares the true ones are bet to be: mismatches of some 10, 3, 1 and 0.3 percentage points."""
ALPHA = 0.001
"""How often a sound experiment may be called broken: a mistake there costs all of it."""


def mismatch(counts: Mapping[int, Mapping[str, int]], shares: Mapping[int, Mapping[str, float]]) -> float:
    """The log e-value that units do not come as declared. Both by routing revision, then arm; shares are weights of any sum.

    Infinite if an arm of weight 0 has units.

    >>> mismatch({1: {"a": 5000, "b": 5050}}, {1: {"a": 1, "b": 1}}) < 0
    True
    >>> mismatch({1: {"a": 5000, "b": 4500}}, {1: {"a": 1, "b": 1}}) > 6.9
    True
    """
    won = np.zeros(len(CONCENTRATIONS))
    for revision, units in counts.items():
        weights = shares[revision]
        if any(count for arm, count in units.items() if not weights.get(arm)):
            return float("inf")
        arms = [arm for arm, weight in weights.items() if weight > 0]
        total = sum(weights[arm] for arm in arms)
        share = np.array([weights[arm] / total for arm in arms])
        seen = np.array([units.get(arm, 0) for arm in arms], np.float64)
        won += mismatches(seen, share)
    return float(average(won))


def mismatches(counts: Floats, share: Floats) -> Floats:
    """The log e-value for each concentration (a new last axis); arms are on the last axis of the counts."""
    null = (counts * np.log(share)).sum(axis=-1)
    return np.stack([log_likelihood(counts, concentration * share) - null for concentration in CONCENTRATIONS], axis=-1)

"""What a policy would have earned: three estimates, each a ratio of sums over rows.

- `ips`: inverse propensity scoring (Horvitz and Thompson 1952): each reward counts as often as the policy would have earned it. Unbiased.
- `snips`: the same, divided by what the weights sum to (Hajek 1971; Swaminathan and Joachims 2015): steadier, and never outside of the rewards.
- `dr`: doubly robust (Dudik, Langford and Li 2011): a model of rewards, corrected by what it was wrong about; right if either is.

Weights that follow rewards make estimates that are not normal: how well an arm is known depends on how it did (Hadad et al., "Confidence intervals for policy
evaluation in adaptive experiments", PNAS 2021). So rows of each regime count with 1 / the standard deviation that its propensities give them
(Bibaut et al. 2021): the sum then has a variance that is known beforehand, and a martingale's central limit theorem holds. While weights do not change there is one
regime, and all rows count alike.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from hyperplan.evaluation.logged import Logged
from hyperplan.evaluation.outcome_model import expected
from hyperplan.outcomes import Floats


class Terms(NamedTuple):
    """A row's part of the sum above and of that below; and what is left of its reward, which its weight multiplies, and of its expectation, which it does not."""

    above: Floats
    below: Floats
    weighted: Floats
    plain: Floats


def ips(rows: Logged) -> Terms:
    """Inverse propensity scoring."""
    nothing = np.zeros(len(rows.arm))
    return Terms(rows.weight * rows.reward, np.ones(len(rows.arm)), rows.reward, nothing)


def snips(rows: Logged) -> Terms:
    """Self-normalised inverse propensity scoring."""
    weight = rows.weight
    mean = (rows.requests * weight * rows.reward).sum() / (rows.requests * weight).sum()
    return Terms(weight * rows.reward, weight, rows.reward - mean, np.zeros(len(weight)))


def dr(rows: Logged) -> Terms:
    """Doubly robust."""
    model = expected(rows)
    plain = (rows.target * model).sum(axis=1)
    left = rows.reward - model[np.arange(len(rows.arm)), rows.arm]
    return Terms(plain + rows.weight * left, np.ones(len(rows.arm)), left, plain)


ESTIMATORS: Mapping[str, Callable[[Logged], Terms]] = MappingProxyType({"ips": ips, "snips": snips, "dr": dr})


def sums(rows: Logged, terms: Terms) -> tuple[Floats, Floats]:
    """What each entity adds to the sum above and to that below, regimes of equal standing."""
    steady = rows.requests / deviations(rows, terms)[rows.regime]
    return rows.by_entity(steady * terms.above), rows.by_entity(steady * terms.below)


def deviations(rows: Logged, terms: Terms) -> Floats:
    """The standard deviation of a row's part in each regime, up to a factor that is the same in all.

    Each arm's second moment is taken from all rows, as if it had been chosen always; only how often it was chosen differs between regimes.
    """
    chosen = rows.target[np.arange(len(rows.arm)), rows.arm]
    total = rows.requests.sum()
    second = rows.requests * chosen**2 * terms.weighted**2 / rows.propensity
    by_arm = np.bincount(rows.arm, second, rows.target.shape[1]) / total
    mean = (rows.requests * terms.plain).sum() / total
    plain = (rows.requests * (terms.plain - mean) ** 2).sum() / total
    inverse = np.divide(1.0, rows.logging, out=np.zeros_like(rows.logging), where=rows.logging > 0)
    variance: Floats = inverse @ by_arm + plain
    if terms.below.std() == 0 and not terms.plain.any():  # of the plain estimate the mean is part of each row
        variance = variance - ((rows.requests * terms.above).sum() / total) ** 2
    floor = 1e-3 * variance.max(initial=0.0)
    if floor <= 0:
        return np.ones(len(rows.logging))
    steady: Floats = np.sqrt(np.maximum(variance, floor))
    return steady

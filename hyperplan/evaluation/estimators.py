"""What a policy would have earned: three estimates, each a ratio of sums over rows.

- `ips`: inverse propensity scoring (Horvitz and Thompson 1952): each reward counts as often as the policy would have earned it. Unbiased.
- `snips`: the same, divided by what the weights sum to (Hajek 1971; Swaminathan and Joachims 2015): steadier, and never outside of the rewards.
- `dr`: doubly robust (Dudik, Langford and Li 2011): a model of rewards, corrected by what it was wrong about; right if either is.

Weights that follow rewards make estimates that are not normal: how well an arm is known depends on how it did (Hadad et al., "Confidence intervals for policy
evaluation in adaptive experiments", PNAS 2021). So rows of each regime count with 1 / the standard deviation that its propensities give them, as far as that is known
beforehand: for one arm always, the root of its propensity. The sum then has a variance that does not depend on what was earned, and a martingale's central limit theorem holds.
Variances of rewards are not estimated for it: an outlier would take away the weight that it has. While weights do not change there is one regime, and all rows count alike.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from hyperplan.evaluation.logged import Logged
from hyperplan.evaluation.outcome_model import expected
from hyperplan.outcomes import Floats


class Terms(NamedTuple):
    """A row's part of the sum above, and of that below."""

    above: Floats
    below: Floats


def ips(rows: Logged) -> Terms:
    """Inverse propensity scoring."""
    return Terms(rows.weight * rows.reward, np.ones(len(rows.arm)))


def snips(rows: Logged) -> Terms:
    """Self-normalised inverse propensity scoring."""
    return Terms(rows.weight * rows.reward, rows.weight)


def dr(rows: Logged) -> Terms:
    """Doubly robust."""
    model = expected(rows)
    left = rows.reward - model[np.arange(len(rows.arm)), rows.arm]
    return Terms((rows.target * model).sum(axis=1) + rows.weight * left, np.ones(len(rows.arm)))


ESTIMATORS: Mapping[str, Callable[[Logged], Terms]] = MappingProxyType({"ips": ips, "snips": snips, "dr": dr})


def sums(rows: Logged, terms: Terms) -> tuple[Floats, Floats]:
    """What each entity adds to the sum above and to that below, regimes of equal standing."""
    steady = rows.requests / deviations(rows)[rows.regime]
    return rows.by_entity(steady * terms.above), rows.by_entity(steady * terms.below)


def deviations(rows: Logged) -> Floats:
    """The standard deviation of a row's weight in each regime, about 0: of what the policy would have chosen, over how often that was."""
    chosen = np.average(rows.target**2, axis=0, weights=rows.requests)
    inverse = np.divide(1.0, rows.logging, out=np.zeros_like(rows.logging), where=rows.logging > 0)
    found: Floats = np.sqrt(inverse @ chosen)
    return found

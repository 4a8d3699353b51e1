"""What an unknown field would hold if it were no feature by another name: the likelihood that renames are held against.

Nobody knows what somebody else's column looks like, but a schema is full of examples: the other features, over the same rows, are what columns of
this feed look like. They are sorted into the bins of the feature that went (`unhashing`), as the field is, and say two things.

- **How near columns come here.** Where all are integers of one range, as the irradiances of a weather station, falling into the feature's
  bins proves little; where none shares a value with it, as volts do with no other reading of a meter, it proves much. So the weights of what another
  column may be are learnt from them (empirical Bayes; Robbins, 1956): of its values, whether some, none or all are such as the feature has; and
  of these, whether they lie anywhere, or about where the feature's do, as a sibling's.
- **What they look like themselves.** The field may be distributed like one of them: a column that is nearly always zero is likelier another such
  than anything else.

Without other features, the weights are what one begins with: all alike.
"""

import math
from collections.abc import Sequence

import numpy as np
from scipy.special import logsumexp

from hyperplan.skew.evidence import average, log_likelihood
from hyperplan.skew.unhashing import Floats, Shares, Sorted

OF_KINDS = np.array([(1.0, 1.0, 1.0), (1e-3, 1e-3, 1.0), (1.0, 1e-3, 1e-3)])
"""Another column may share some values with the feature, none, or all: integers are everywhere."""
ANYWHERE = (0.1, 1.0)
"""Concentrations, for each bin, of values that may lie anywhere: in few bins, or in any number."""
SIBLINGS = (1.0, 3.0, 10.0)
"""How closely those of a sibling follow the feature's."""
BEGINNING = 0.5
"""How many columns what one begins with is worth. Half of it are siblings."""
LIKE_OTHERS = 0.7
"""The weight of being distributed like one of the other features."""
CLOSELY = (4.0, 16.0, 64.0)
"""How closely, then."""


def as_another(found: Sorted, expected: Sequence[Shares], others: Sequence[Sorted]) -> float:
    """The log likelihood of what was found if it is another column. `expected` says what the feature would hold, `others` what other features do."""
    told = [other for other in others if other.kinds().sum()]
    anything = _mixed(found, expected, told)
    if not told:
        return anything
    like = float(average([_like(found, other) for other in told]))
    return float(np.logaddexp(anything + math.log(1 - LIKE_OTHERS), like + math.log(LIKE_OTHERS)))


def _mixed(found: Sorted, expected: Sequence[Shares], others: Sequence[Sorted]) -> float:
    """The likelihood under what another column may be, weighed by what the others are."""
    prior = _beginning()
    weights = BEGINNING * prior
    for other in others:
        fits = _fits(other, expected) + np.log(prior)
        weights = weights + np.exp(fits - logsumexp(fits))
    return float(logsumexp(_fits(found, expected) + np.log(weights / weights.sum())))


def _beginning() -> Floats:
    where = [0.5 / len(ANYWHERE)] * len(ANYWHERE) + [0.5 / len(SIBLINGS)] * len(SIBLINGS)
    return np.outer(np.full(len(OF_KINDS), 1 / len(OF_KINDS)), where).ravel()


def _fits(column: Sorted, expected: Sequence[Shares]) -> Floats:
    """The log likelihood of a column under each of the things that it may be, in the order of `_beginning`."""
    kinds = log_likelihood(column.kinds()[None], OF_KINDS)
    anywhere = [float(log_likelihood(column.bins, np.full(column.bins.size, each))) for each in ANYWHERE]
    sibling = [
        float(average([float(log_likelihood(column.bins, each * shares.bins)) for shares in expected]))
        for each in SIBLINGS
    ]
    return np.asarray(np.add.outer(kinds, np.array([*anywhere, *sibling])).ravel(), np.float64)


def _like(found: Sorted, other: Sorted) -> float:
    """The log likelihood of what was found if it is distributed like another feature."""
    shares = other.shares()
    return float(
        average(
            [
                float(log_likelihood(found.kinds(), each * shares.kinds))
                + float(log_likelihood(found.bins, each * shares.bins))
                for each in CLOSELY
            ]
        )
    )

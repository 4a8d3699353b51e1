"""AUC: the probability that a row of class 1 gets a higher score than one of class 0, ties counted half.

The influence of a row is how much of the other class it is on the right side of, its *placement* (DeLong, DeLong and Clarke-Pearson, "Comparing the
areas under two or more correlated receiver operating characteristic curves", 1988), here with weights.
"""

import numpy as np
from numpy.typing import NDArray

from hyperplan.performance.estimate import Clustered, Floats, Statistic


def auc(rows: Clustered, score: Floats, label: Floats) -> Statistic | None:
    """The area under the curve; None unless there are rows of both classes.

    >>> rows = Clustered(np.ones(4), np.arange(4))
    >>> auc(rows, np.array([0.1, 0.4, 0.35, 0.8]), np.array([0.0, 0.0, 1.0, 1.0])).value
    0.75
    """
    positive = label == 1
    if not positive.any() or positive.all():
        return None
    of_positive = rows.weight * positive
    of_negative = rows.weight * ~positive
    below, above = _placed(score, of_negative), _placed(-score, of_positive)
    value = float((of_positive * below).sum() / of_positive.sum())
    influence = of_positive * (below - value) / of_positive.sum() + of_negative * (above - value) / of_negative.sum()
    return Statistic(value, influence, min(rows.size(positive), rows.size(~positive)))


def _placed(score: Floats, weight: Floats) -> Floats:
    """For each score the share of a weight that is below it, half of what is level with it included."""
    _, place = np.unique(score, return_inverse=True)
    held = np.bincount(place, weight)
    upto = np.cumsum(held)
    placed: NDArray[np.float64] = ((upto - held / 2) / upto[-1])[place]
    return placed

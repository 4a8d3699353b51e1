"""What each arm would earn for each row: the model that the doubly robust estimate corrects.

Ridge regression by arm on the slices (additive), drawn to the mean of all arms. No row is judged by a model that saw its entity, nor by one that saw what came after
its regime: later choices depend on earlier rewards, and a model of them would carry that back (Bibaut et al., "Post-contextual-bandit inference", 2021).
"""

import numpy as np

from hyperplan.evaluation.logged import Logged
from hyperplan.outcomes import Floats

FOLDS = 5
RIDGE = 2.0
"""How many rows the mean of all arms counts for, against each coefficient of an arm."""
VALUES = 20
"""Values of a slice that have a coefficient, the commonest; the others share none."""


def expected(rows: Logged) -> Floats:
    """The reward that each arm (columns) is expected to earn for each row."""
    design = _design(rows)
    regimes, arms, size = len(rows.logging), rows.target.shape[1], design.shape[1]
    fold = rows.entity % FOLDS
    cell = (rows.regime * FOLDS + fold) * arms + rows.arm
    shape = (regimes, FOLDS, arms)
    moments = np.empty((*shape, size, size))
    sums = np.empty((*shape, size))

    def summed(values: Floats) -> Floats:
        found = np.bincount(cell, values, regimes * FOLDS * arms).reshape(shape).cumsum(axis=0)
        without: Floats = found.sum(axis=1, keepdims=True) - found
        return without

    counts, totals = summed(np.ones(len(cell))).sum(-1), summed(rows.reward).sum(-1)
    centre = np.where(counts > 0, totals / np.maximum(counts, 1), 0.0)
    for one in range(size):
        ones = summed(design[:, one])
        sums[..., one] = summed(design[:, one] * rows.reward) - centre[..., None] * ones
        for other in range(one, size):
            moments[..., one, other] = moments[..., other, one] = summed(design[:, one] * design[:, other])
    coefficients = np.linalg.solve(moments + RIDGE * np.eye(size), sums[..., None])[..., 0]
    found: Floats = centre[rows.regime, fold][:, None] + np.einsum(
        "nap,np->na", coefficients[rows.regime, fold], design
    )
    return found


def _design(rows: Logged) -> Floats:
    """A column of ones, and one for each of the commonest values of each slice but the first."""
    columns = [np.ones(len(rows.arm))]
    for coded in rows.slices:
        counts = np.bincount(coded.codes + 1, minlength=len(coded.names) + 1)[1:]
        common = np.argsort(-counts, kind="stable")[1:VALUES]
        columns += [(coded.codes == code).astype(np.float64) for code in common if counts[code] > 0]
    return np.stack(columns, axis=1)

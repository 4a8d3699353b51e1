"""Estimates with intervals, for rows that are weighted and come in clusters.

Every metric here is a smooth function of weighted means, so each row has an *influence*: by how much the metric would move with a
little more of that row (Hampel, "The influence curve and its role in robust estimation", 1974). Influences add up within a
cluster (an entity, or a request without one), since rows that belong together go right or wrong together, and the sum of the squares of these sums
is the variance (Huber, 1967; Liang and Zeger, 1986). One recipe thus serves all metrics, and none needs a formula of its own.

Intervals are of 95 %. A share gets Wilson's, which stays within 0 and 1, for the number of independent observations that would vary as much (Korn and
Graubard, "Confidence intervals for proportions with small expected number of positive counts estimated from survey data", 1998).
Few clusters say little of their own spread: quantiles are Student's with one degree of freedom less than there are clusters.
"""

import math
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from hyperplan.comparison.rate import Z, kish, wilson

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class Estimate(msgspec.Struct, frozen=True):
    """A metric and the interval that holds its true value with a probability of 95 %; no interval where rows are too few to tell."""

    value: float
    low: float | None = None
    high: float | None = None


class Statistic(NamedTuple):
    """The value of a metric, the influence of each row, and how many independent observations it rests on (Kish, 1965)."""

    value: float
    influence: Floats
    size: float


class Clustered(NamedTuple):
    """Rows: the weight of each, and the number of the cluster that it belongs to."""

    weight: Floats
    cluster: Ints

    def ratio(self, parts: ArrayLike, wholes: ArrayLike = 1.0) -> Statistic | None:
        """The sum of parts over the sum of wholes, given for each row; None when there is nothing to share."""
        parts, wholes = (np.broadcast_to(np.asarray(x, np.float64), self.weight.shape) for x in (parts, wholes))
        held = self.weight * wholes
        total = float(held.sum())
        if not total > 0:
            return None
        value = float((self.weight * parts).sum()) / total
        return Statistic(value, self.weight * (parts - value * wholes) / total, self._size(held))

    def share(self, found: Statistic | None) -> Estimate | None:
        """A statistic that is between 0 and 1."""
        if found is None:
            return None
        value = min(max(found.value, 0.0), 1.0)
        variance, freedom = self._variance(found.influence)
        if freedom < 1:
            return Estimate(value)
        size = value * (1 - value) / variance if variance > 0 and 0 < value < 1 else found.size
        return Estimate(value, *wilson(value, size * (Z / _student(freedom)) ** 2))

    def mean(self, found: Statistic | None) -> Estimate | None:
        """A statistic that may be anywhere."""
        if found is None:
            return None
        variance, freedom = self._variance(found.influence)
        if freedom < 1:
            return Estimate(found.value)
        half = _student(freedom) * math.sqrt(variance)
        return Estimate(found.value, found.value - half, found.value + half)

    def loss(self, found: Statistic | None) -> Estimate | None:
        """A statistic that is never negative and may be large: its logarithm is what is nearly normal."""
        if found is None:
            return None
        variance, freedom = self._variance(found.influence)
        if freedom < 1 or not found.value > 0:
            return Estimate(found.value)
        times = math.exp(min(_student(freedom) * math.sqrt(variance) / found.value, 700.0))
        return Estimate(found.value, found.value / times, found.value * times)

    def size(self, chosen: NDArray[np.bool_]) -> float:
        """How many independent observations some of the rows are."""
        return self._size(self.weight * chosen)

    def _size(self, held: Floats) -> float:
        return kish(np.bincount(self.cluster, held))

    def _variance(self, influence: Floats) -> tuple[float, int]:
        """The variance of a statistic, and its degrees of freedom."""
        clusters = int(np.count_nonzero(np.bincount(self.cluster)))
        if clusters < 2:
            return 0.0, 0
        sums = np.bincount(self.cluster, influence)
        return float((sums**2).sum()) * clusters / (clusters - 1), clusters - 1


def _student(freedom: int) -> float:
    return float(stats.t.ppf(0.975, freedom))

"""Differences: by how much the numbers of two models differ."""

import math
from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from hyperplan.comparison.quantiles import quantile
from hyperplan.comparison.rows import Compared

FEWEST_CORRELATED = 10
"""Rows of which a correlation is told. That of two rows is 1 or -1 whatever they are."""

Numbers = NDArray[np.float64]


class Differences(msgspec.Struct, frozen=True, kw_only=True):
    """The shadow's numbers less the primary's, over the rows that have numbers by both, weighted by the requests they stand for.

    A row with several numbers counts once for each. `correlation` is Pearson's, of the numbers themselves; like a
    quantile it is null where rows are too few to tell, and where one model always says the same.
    """

    rows: int
    mean: float
    mean_absolute: float
    p5: float | None
    p25: float | None
    p50: float | None
    p75: float | None
    p95: float | None
    correlation: float | None


def differences(requests: Sequence[Compared]) -> Differences | None:
    """The differences on some requests; None when no row of them has numbers."""
    primary: list[float] = []
    shadow: list[float] = []
    weights: list[float] = []
    count = 0
    for weight, rows in requests:
        for row in rows:
            primary += row.primary.numbers
            shadow += row.shadow.numbers
            weights += [weight] * len(row.primary.numbers)
            count += bool(row.primary.numbers)
    if not count:
        return None
    return _measured(count, np.array(primary), np.array(shadow), np.array(weights))


def _measured(rows: int, primary: Numbers, shadow: Numbers, weights: Numbers) -> Differences:
    gaps = shadow - primary

    def at(share: float) -> float | None:
        return quantile(gaps, weights, share)  # type: ignore[arg-type]

    return Differences(
        rows=rows,
        mean=float(np.average(gaps, weights=weights)),
        mean_absolute=float(np.average(np.abs(gaps), weights=weights)),
        p5=at(0.05),
        p25=at(0.25),
        p50=at(0.5),
        p75=at(0.75),
        p95=at(0.95),
        correlation=_correlation(primary, shadow, weights) if rows >= FEWEST_CORRELATED else None,
    )


def _correlation(one: Numbers, other: Numbers, weights: Numbers) -> float | None:
    if np.ptp(one) == 0 or np.ptp(other) == 0:
        return None
    covariance = np.cov(one, other, aweights=weights)
    spread = math.sqrt(covariance[0, 0]) * math.sqrt(covariance[1, 1])
    return float(np.clip(covariance[0, 1] / spread, -1, 1)) if spread else None

"""Reliability: whether what gets a score of 0.2 happens in one case of five, score by score."""

import msgspec
import numpy as np

from hyperplan.performance.estimate import Clustered, Estimate, Floats

BINS = 10
"""Bins of a curve, each with as many of the requests as any other."""


class ReliabilityBin(msgspec.Struct, frozen=True):
    """Rows of neighbouring scores: how many, their mean score, and the rate of the class 1 among them."""

    rows: int
    score: float
    rate: Estimate


def reliability(rows: Clustered, score: Floats, label: Floats) -> list[ReliabilityBin]:
    """The curve, in order of score. Equal scores are never parted, so there may be fewer bins."""
    if not score.size:
        return []
    shares = np.arange(1, BINS) / BINS
    edges = np.unique(np.quantile(score, shares, weights=rows.weight, method="inverted_cdf"))
    place = np.searchsorted(edges, score, "left")
    found = []
    for part in np.unique(place):
        chosen = place == part
        rate = rows.share(rows.ratio(label * chosen, chosen))
        mean = rows.ratio(score * chosen, chosen)
        assert rate is not None, "a bin without rows"
        assert mean is not None, "a bin without rows"
        found.append(ReliabilityBin(int(chosen.sum()), mean.value, rate))
    return found

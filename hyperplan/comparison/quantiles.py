"""Quantiles of weighted values, where there are enough values to have them."""

from collections.abc import Sequence

import numpy as np


def quantile(values: Sequence[float], weights: Sequence[float], share: float) -> float | None:
    """The smallest value below or at which that share of the weight lies; None with too few values.

    With fewer than 1 / share values (or 1 / (1 - share), in the upper half) it would be just the smallest or the largest.

    >>> quantile([3.0, 1.0, 2.0], [1.0, 1.0, 1.0], 0.5)
    2.0
    >>> quantile([3.0, 1.0, 2.0], [1.0, 1.0, 1.0], 0.99)
    """
    if len(values) < round(1 / min(share, 1 - share)):
        return None
    return float(np.quantile(values, share, weights=weights, method="inverted_cdf"))

"""The chi-square statistic of homogeneity.

Pearson, "On the criterion that a given system of deviations ...", 1900: how far the counts of both sides lie from those that one population would
give on average. With nothing changed it is about the number of bins less one; it grows with the number of rows, so that of a million
even a small difference has a large one. That makes it evidence and no size.
"""

import numpy as np

from hyperplan.skew.bins import Bins


def chi_square_statistic(bins: Bins) -> float:
    """The sum over both sides and all bins of (found - expected)² / expected, bins that are empty on both sides left out.

    >>> import numpy as np
    >>> round(chi_square_statistic(Bins(np.array([50.0, 50.0]), np.array([25.0, 75.0]))), 3)
    13.333
    """
    found = np.stack([bins.reference, bins.serving])
    found = found[:, found.sum(axis=0) > 0]
    expected = found.sum(axis=1, keepdims=True) * found.sum(axis=0) / found.sum()
    return float(np.sum((found - expected) ** 2 / expected))

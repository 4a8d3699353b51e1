"""The population stability index (PSI).

The symmetrised Kullback-Leibler divergence (Jeffreys, 1946) of two binned distributions, known by this name from credit scoring; see Yurdakul, "Statistical
properties of the population stability index", 2018. At least 0; without bound above. Folklore reads less than 0.1 as no
change and more than 0.25 as a large one, but it depends on the number of rows: with nothing changed it is about
(bins - 1) * (1 / rows of one + 1 / rows of the other).
"""

import numpy as np

from hyperplan.skew.bins import Bins

SMOOTHING = 0.5
"""Rows added to every bin of both sides, or an empty bin would make the index infinite (Krichevsky and Trofimov 1981)."""


def population_stability_index(bins: Bins) -> float:
    """The sum over bins of (p - q) ln(p / q), bins that are empty on both sides left out.

    >>> round(population_stability_index(Bins(np.array([500.0, 500.0]), np.array([400.0, 600.0]))), 3)
    0.04
    """
    filled = (bins.reference + bins.serving) > 0
    p, q = bins.reference[filled] + SMOOTHING, bins.serving[filled] + SMOOTHING
    p, q = p / p.sum(), q / q.sum()
    return float(np.sum((p - q) * np.log(p / q)))

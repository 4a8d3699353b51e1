"""Skew: how far what a model is served differs from what it was trained on.

Measures compare two profiles, never raw data. Each has a module of its own with its definition, its source and its
bounds. `compare` applies them to one feature.

Detectors (`detect`) say what is wrong, in a sentence. What a change must be to be news is in `evidence`, in `movement` and, over time, in `onset`.
"""

from hyperplan.skew.bins import Bins, bins_of
from hyperplan.skew.compare import FEWEST_ROWS, FeatureSkew, compare
from hyperplan.skew.jensen_shannon import jensen_shannon_distance
from hyperplan.skew.population_stability import population_stability_index

__all__ = [
    "FEWEST_ROWS",
    "Bins",
    "FeatureSkew",
    "bins_of",
    "compare",
    "jensen_shannon_distance",
    "population_stability_index",
]

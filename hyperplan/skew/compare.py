"""All measures of skew of one feature."""

import msgspec

from hyperplan.profile import FeatureProfile
from hyperplan.skew.bins import bins_of
from hyperplan.skew.jensen_shannon import jensen_shannon_distance
from hyperplan.skew.population_stability import population_stability_index

FEWEST_ROWS = 100
"""Rows that each side must have. With fewer, noise alone would look like a change."""


class FeatureSkew(msgspec.Struct, frozen=True):
    """How far serving is from the reference; None where there is too little data to tell."""

    psi: float | None = None
    jensen_shannon: float | None = None


def compare(reference: FeatureProfile, serving: FeatureProfile) -> FeatureSkew:
    """Measure one feature of serving against the reference."""
    if min(reference.rows, serving.rows) < FEWEST_ROWS:
        return FeatureSkew()
    bins = bins_of(reference, serving)
    return FeatureSkew(population_stability_index(bins), jensen_shannon_distance(bins))

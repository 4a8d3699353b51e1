"""All measures of skew of one feature."""

import msgspec

from hyperplan.profile import FeatureProfile
from hyperplan.skew.bins import bins_of, holds_texts, numbers_of
from hyperplan.skew.chi_square import chi_square_statistic
from hyperplan.skew.jensen_shannon import jensen_shannon_distance
from hyperplan.skew.kolmogorov_smirnov import kolmogorov_smirnov_distance
from hyperplan.skew.l_infinity import l_infinity_distance
from hyperplan.skew.population_stability import population_stability_index
from hyperplan.skew.wasserstein import wasserstein_distance

FEWEST_ROWS = 100
"""Rows that each side must have. With fewer, noise alone would look like a change."""


class FeatureSkew(msgspec.Struct, frozen=True):
    """How far serving is from the reference; None where there is too little data to tell, or where a measure has no meaning.

    `kolmogorov_smirnov` and `wasserstein`, which is in the feature's unit, are of the usable numbers; the others are of all rows, those without
    a usable value included.
    """

    psi: float | None = None
    jensen_shannon: float | None = None
    l_infinity: float | None = None
    chi_square: float | None = None
    kolmogorov_smirnov: float | None = None
    wasserstein: float | None = None


def compare(reference: FeatureProfile, serving: FeatureProfile) -> FeatureSkew:
    """Measure one feature of serving against the reference."""
    if min(reference.rows, serving.rows) < FEWEST_ROWS:
        return FeatureSkew()
    bins = bins_of(reference, serving)
    numbers, served = numbers_of(reference), numbers_of(serving)
    ordered = not holds_texts(reference) and min(numbers.moments.count, served.moments.count) >= FEWEST_ROWS
    return FeatureSkew(
        psi=population_stability_index(bins),
        jensen_shannon=jensen_shannon_distance(bins),
        l_infinity=l_infinity_distance(bins),
        chi_square=chi_square_statistic(bins),
        kolmogorov_smirnov=kolmogorov_smirnov_distance(numbers, served) if ordered else None,
        wasserstein=wasserstein_distance(numbers, served) if ordered else None,
    )

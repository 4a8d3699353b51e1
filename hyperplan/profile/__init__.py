"""Profiles: small summaries of sets of rows that can be added up.

Every summary here is an immutable value with an `of` that makes it from data and a `merged` that adds any number of
them up, in any order and any grouping, to what `of` makes from all the data at once. So a sidecar's minute, a day and a
training set are the same kind of thing, and comparing them needs no raw data.

One summary per module: `QuantileSketch` (where the numbers lie), `Moments` (mean, deviation, extremes), `Resolution` (how
finely they are given), `FrequentNumbers` (which come often), `SampledNumbers` (a few of them, and how many there are), `SampledNumbers` (a few of them), `CategoryCounts` (which values, how
often). `FeatureProfile` joins those that one feature needs, `Profile` the features
of a set of rows, and `Reference` the profiles of the training data of a model.
"""

from hyperplan.profile.categories import CategoryCounts
from hyperplan.profile.columns import Column
from hyperplan.profile.feature import FeatureProfile
from hyperplan.profile.frequent import FrequentNumbers
from hyperplan.profile.hashed import profile_of_column, profile_of_hashes
from hyperplan.profile.moments import Moments
from hyperplan.profile.numbers import Numbers
from hyperplan.profile.profile import Profile
from hyperplan.profile.quantiles import QuantileSketch
from hyperplan.profile.reference import Reference
from hyperplan.profile.resolution import Resolution
from hyperplan.profile.sampled import SampledNumbers
from hyperplan.profile.scaling import Scale, phases

__all__ = [
    "CategoryCounts",
    "Column",
    "FeatureProfile",
    "FrequentNumbers",
    "Moments",
    "Numbers",
    "Profile",
    "QuantileSketch",
    "Reference",
    "Resolution",
    "SampledNumbers",
    "Scale",
    "phases",
    "profile_of_column",
    "profile_of_hashes",
]

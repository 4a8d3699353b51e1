"""What is kept of the numbers of a feature.

Where they lie (a sketch), their moments, how finely they are given, which of them come often, how many different ones there are, and a few of
them as they are.
"""

from collections.abc import Iterable

import msgspec
import numpy as np
from numpy.typing import ArrayLike

from hyperplan.profile.decimals import meant
from hyperplan.profile.distinct import Distinct
from hyperplan.profile.frequent import FrequentNumbers
from hyperplan.profile.moments import Moments
from hyperplan.profile.quantiles import QuantileSketch
from hyperplan.profile.resolution import Resolution
from hyperplan.profile.sampled import SampledNumbers
from hyperplan.profile.scaling import Scale


class Numbers(msgspec.Struct, frozen=True, array_like=True):
    """Finite numbers, summarised.

    What was encoded before there were the last four, and components of lists, have them empty: `resolution.count`, not
    `moments.count`, says of how many numbers they tell.

    >>> Numbers.merged([Numbers.of([1.0]), Numbers.of([3.0])]).moments.mean
    2.0
    """

    sketch: QuantileSketch = QuantileSketch()
    moments: Moments = Moments()
    resolution: Resolution = Resolution()
    frequent: FrequentNumbers = FrequentNumbers()
    distinct: Distinct = Distinct()
    sample: SampledNumbers = SampledNumbers()

    @staticmethod
    def of(values: ArrayLike) -> "Numbers":
        """The summary of finite numbers."""
        numbers = np.asarray(values, np.float64)
        different, counts = np.unique(meant(numbers), return_counts=True)
        return Numbers(
            QuantileSketch.of(numbers),
            Moments.of(numbers),
            Resolution.of(numbers),
            FrequentNumbers.counted(different, counts),
            Distinct.of(numbers),
            SampledNumbers.counted(different, counts),
        )

    @staticmethod
    def outline(values: ArrayLike) -> "Numbers":
        """Where finite numbers lie, and their moments: what is kept of each of many."""
        return Numbers(QuantileSketch.of(values), Moments.of(values))

    @staticmethod
    def merged(numbers: Iterable["Numbers"]) -> "Numbers":
        """The summary of all the numbers of several."""
        parts = list(numbers)
        return Numbers(
            QuantileSketch.merged(part.sketch for part in parts),
            Moments.merged(part.moments for part in parts),
            Resolution.merged(part.resolution for part in parts),
            FrequentNumbers.merged(part.frequent for part in parts),
            Distinct.merged(part.distinct for part in parts),
            SampledNumbers.merged(part.sample for part in parts),
        )

    def scaled(self, scale: Scale) -> "Numbers":
        """The summary of so many times as many numbers of the same kind."""
        return Numbers(
            self.sketch.scaled(scale),
            self.moments.scaled(scale),
            self.resolution.scaled(scale),
            self.frequent.scaled(scale),
            self.distinct,
            self.sample.scaled(scale),
        )

"""What is kept of the numbers of a feature.

Where they lie (a sketch), their moments, how finely they are given, which of them come often, and a few of them as they are.
"""

from collections.abc import Iterable

import msgspec
import numpy as np
from numpy.typing import ArrayLike, NDArray

from hyperplan.profile.decimals import Decimals
from hyperplan.profile.frequent import FrequentNumbers
from hyperplan.profile.moments import Moments
from hyperplan.profile.quantiles import QuantileSketch
from hyperplan.profile.resolution import Resolution
from hyperplan.profile.sampled import SampledNumbers
from hyperplan.profile.scaling import Scale
from hyperplan.profile.tally import tally


class Numbers(msgspec.Struct, frozen=True, array_like=True):
    """Finite numbers, summarised.

    What was encoded before there were the last three, and components of lists, have them empty: `resolution.count`, not
    `moments.count`, says of how many numbers they tell.

    >>> Numbers.merged([Numbers.of([1.0]), Numbers.of([3.0])]).moments.mean
    2.0
    """

    sketch: QuantileSketch = QuantileSketch()
    moments: Moments = Moments()
    resolution: Resolution = Resolution()
    frequent: FrequentNumbers = FrequentNumbers()
    sampled: SampledNumbers = SampledNumbers()

    @staticmethod
    def of(values: ArrayLike) -> "Numbers":
        """The summary of finite numbers; of many, piece by piece."""
        numbers = np.ascontiguousarray(values, np.float64)
        if numbers.size <= _PIECE:
            return _of_piece(numbers)
        return Numbers.merged(_of_piece(numbers[at : at + _PIECE]) for at in range(0, numbers.size, _PIECE))

    @staticmethod
    def outline(values: ArrayLike) -> "Numbers":
        """Where finite numbers lie, and their moments: what is kept of each of many."""
        return Numbers(QuantileSketch.of(values), Moments.of(values))

    @staticmethod
    def merged(numbers: Iterable["Numbers"]) -> "Numbers":
        """The summary of all the numbers of several."""
        parts = list(numbers)
        frequent = FrequentNumbers.merged(part.frequent for part in parts)
        return Numbers(
            QuantileSketch.merged(part.sketch for part in parts),
            Moments.merged(part.moments for part in parts),
            Resolution.merged(part.resolution for part in parts),
            frequent,
            SampledNumbers() if frequent.complete else SampledNumbers.merged(part.sample for part in parts),
        )

    @property
    def sample(self) -> SampledNumbers:
        """A sample of the different numbers, which is all of them when there are few. That of several is that of their samples."""
        return SampledNumbers.counted(self.frequent.counts) if self.frequent.complete else self.sampled

    def distinct(self) -> float:
        """How many different numbers there were: exact up to 64, to within 13 % above."""
        return self.sample.distinct()

    def scaled(self, scale: Scale) -> "Numbers":
        """The summary of so many times as many numbers of the same kind."""
        return Numbers(
            self.sketch.scaled(scale),
            self.moments.scaled(scale),
            self.resolution.scaled(scale),
            self.frequent.scaled(scale),
            self.sampled.scaled(scale),
        )


_PIECE = 1 << 17
"""Numbers that are summarised at once, so that they stay in the processor's cache."""


def _of_piece(numbers: NDArray[np.float64]) -> Numbers:
    different, counts = tally(numbers) or (numbers, None)
    meant = Decimals.of(different, counts)
    frequent = FrequentNumbers.of_decimals(meant)
    return Numbers(
        QuantileSketch.of(numbers) if counts is None else QuantileSketch.of_tally(different, counts),
        Moments.of(different, counts),
        Resolution.of_decimals(meant),
        frequent,
        SampledNumbers() if frequent.complete else SampledNumbers.of_decimals(meant),
    )

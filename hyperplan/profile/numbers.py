"""What is kept of the numbers of a feature: a sketch of where they lie, and their moments."""

from collections.abc import Iterable

import msgspec
from numpy.typing import ArrayLike

from hyperplan.profile.moments import Moments
from hyperplan.profile.quantiles import QuantileSketch


class Numbers(msgspec.Struct, frozen=True, array_like=True):
    """Finite numbers, summarised.

    >>> Numbers.merged([Numbers.of([1.0]), Numbers.of([3.0])]).moments.mean
    2.0
    """

    sketch: QuantileSketch = QuantileSketch()
    moments: Moments = Moments()

    @staticmethod
    def of(values: ArrayLike) -> "Numbers":
        """The summary of finite numbers."""
        return Numbers(QuantileSketch.of(values), Moments.of(values))

    @staticmethod
    def merged(numbers: Iterable["Numbers"]) -> "Numbers":
        """The summary of all the numbers of several."""
        parts = list(numbers)
        return Numbers(
            QuantileSketch.merged(part.sketch for part in parts), Moments.merged(part.moments for part in parts)
        )

"""How finely numbers are given: in whole ones, in tenths, or in all digits that there are.

A change of unit, or a feed that rounds, shows here before it shows anywhere else: seconds made from whole minutes are whole, minutes
made from seconds are not. The counts are exact sums of what each number is by itself (`decimals`), so they merge by adding up.
"""

from collections.abc import Iterable

import msgspec
import numpy as np
from numpy.typing import ArrayLike, NDArray

from hyperplan.profile.decimals import Decimals
from hyperplan.profile.scaling import Scale


class Resolution(msgspec.Struct, frozen=True, array_like=True):
    """How many of `count` finite numbers are multiples of 1, of 0.1, of 0.01 and of 0.001; a multiple of 1 is one of all.

    >>> Resolution.of([1.0, 2.5, 0.125, 1 / 3])
    Resolution(count=4, ones=1, tenths=2, hundredths=2, thousandths=3)
    """

    count: int = 0
    ones: int = 0
    tenths: int = 0
    hundredths: int = 0
    thousandths: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.ones <= self.tenths <= self.hundredths <= self.thousandths <= self.count:
            raise ValueError("a resolution counts more of the coarse than of the fine")

    @staticmethod
    def of(values: ArrayLike) -> "Resolution":
        """The resolution of finite numbers."""
        return Resolution.of_decimals(Decimals.of(np.asarray(values, np.float64)))

    @staticmethod
    def of_decimals(numbers: Decimals) -> "Resolution":
        """The resolution of numbers as they were meant."""
        count, thousandths = numbers.size(), numbers.total(numbers.decimal)
        found = [thousandths]
        for step in (10.0, 100.0, 1000.0):
            found.append(found[-1] and numbers.total(numbers.decimal & _multiples(numbers, step)))
        large = 0 if numbers.large is None else numbers.total(numbers.large)
        return Resolution(count, *(each + large for each in reversed(found)))

    @staticmethod
    def merged(several: Iterable["Resolution"]) -> "Resolution":
        """The resolution of all the numbers of several."""
        return Resolution(*map(sum, zip(*map(msgspec.structs.astuple, several), strict=True)))

    def scaled(self, scale: Scale) -> "Resolution":
        """The resolution of so many times as many numbers."""
        return Resolution(*map(scale.total, msgspec.structs.astuple(self)))


def _multiples(numbers: Decimals, step: float) -> NDArray[np.bool_]:
    steps = numbers.units / step
    return np.equal(steps, np.rint(steps))

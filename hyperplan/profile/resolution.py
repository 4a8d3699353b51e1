"""How finely numbers are given: in whole ones, in tenths, or in all digits that there are.

A change of unit, or a feed that rounds, shows here before it shows anywhere else: seconds made from whole minutes are whole, minutes
made from seconds are not. The counts are exact sums of what each number is by itself (`decimals`), so they merge by adding up.
"""

from collections.abc import Iterable

import msgspec
import numpy as np
from numpy.typing import ArrayLike

from hyperplan.profile.decimals import LARGEST, thousandths
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
        numbers = np.asarray(values, np.float64)
        are, units = thousandths(numbers)
        units = units[are]
        large = int((numbers[np.abs(numbers) >= LARGEST] % 1 == 0).sum())
        ones, tenths, hundredths = (int((units % step == 0).sum()) for step in (1000, 100, 10))
        return Resolution(int(numbers.size), ones + large, tenths + large, hundredths + large, int(units.size) + large)

    @staticmethod
    def merged(several: Iterable["Resolution"]) -> "Resolution":
        """The resolution of all the numbers of several."""
        parts = list(several)
        return Resolution(
            sum(part.count for part in parts),
            sum(part.ones for part in parts),
            sum(part.tenths for part in parts),
            sum(part.hundredths for part in parts),
            sum(part.thousandths for part in parts),
        )

    def scaled(self, scale: Scale) -> "Resolution":
        """The resolution of so many times as many numbers."""
        return Resolution(
            scale.total(self.count),
            scale.total(self.ones),
            scale.total(self.tenths),
            scale.total(self.hundredths),
            scale.total(self.thousandths),
        )

"""How many different numbers there were, without keeping them.

HyperLogLog (Flajolet, Fusy, Gandouet and Meunier, 2007): each of 128 registers holds the longest run of leading zeros among the
hashes that fall to it. A register is a maximum, so merging is associative, commutative and idempotent. The estimate is Ertl's ("New
cardinality estimation algorithms for HyperLogLog sketches", 2017), which is unbiased from one number to 2**64; its standard
error is 9 %. Where `FrequentNumbers` is complete it knows the number exactly, and is the one to ask.
"""

import math
from collections.abc import Iterable

import msgspec
import numpy as np
from numpy.typing import ArrayLike, NDArray

from hyperplan.profile.decimals import meant
from hyperplan.profile.hashing import mixed

_BITS = 7
REGISTERS = 1 << _BITS
_LONGEST = 64 - _BITS + 1
"""The value of a register when all of the hash behind its number is zero."""


class Distinct(msgspec.Struct, frozen=True, array_like=True):
    """A summary of a set of numbers, each taken for the decimal it was meant to be (`decimals`).

    >>> round(Distinct.of([1.0, 2.0, 2.0, 3.0]).estimate())
    3
    """

    registers: bytes = b""

    def __post_init__(self) -> None:
        if len(self.registers) not in (0, REGISTERS) or max(self.registers, default=0) > _LONGEST:
            raise ValueError("not the registers of a count of distinct numbers")

    @staticmethod
    def of(values: ArrayLike) -> "Distinct":
        """The summary of finite numbers."""
        numbers = np.asarray(values, np.float64)
        return Distinct(registers_of(mixed(meant(numbers))).tobytes()) if numbers.size else Distinct()

    @staticmethod
    def merged(several: Iterable["Distinct"]) -> "Distinct":
        """The summary of all the numbers of several."""
        parts = [np.frombuffer(part.registers, np.uint8) for part in several if part.registers]
        return Distinct(np.maximum.reduce(parts).tobytes()) if parts else Distinct()

    def estimate(self) -> float:
        """How many different numbers there were."""
        if not self.registers:
            return 0.0
        filled = np.bincount(np.frombuffer(self.registers, np.uint8), minlength=_LONGEST + 1).tolist()
        total = REGISTERS * _tau(1 - filled[_LONGEST] / REGISTERS)
        for count in reversed(filled[1:_LONGEST]):
            total = (total + count) / 2
        total += REGISTERS * _sigma(filled[0] / REGISTERS)
        return REGISTERS * REGISTERS / (2 * math.log(2) * total) if math.isfinite(total) else 0.0


def registers_of(hashes: NDArray[np.uint64]) -> NDArray[np.uint8]:
    """The registers that hashes fill."""
    rest = hashes >> np.uint64(_BITS)
    # The exponent of a double is the position of its leading bit; bits that rounding could carry over are cut off first.
    _, lengths = np.frexp((rest & ~(rest >> np.uint64(2))).astype(np.float64))
    runs = 64 - _BITS + 1 - lengths
    cells = np.bincount((hashes & np.uint64(REGISTERS - 1)).astype(np.int64) * 64 + runs, minlength=64 * REGISTERS)
    filled = cells.reshape(REGISTERS, 64) > 0
    longest = 63 - np.argmax(filled[:, ::-1], axis=1)
    return np.where(filled.any(axis=1), longest, 0).astype(np.uint8)


def _sigma(x: float) -> float:
    if x == 1:
        return math.inf
    y, z, before = 1.0, x, -1.0
    while z != before:
        x *= x
        before = z
        z += x * y
        y += y
    return z


def _tau(x: float) -> float:
    if x in (0, 1):
        return 0.0
    y, z, before = 1.0, 1 - x, -1.0
    while z != before:
        x = math.sqrt(x)
        before = z
        y /= 2
        z -= (1 - x) ** 2 * y
    return z / 3

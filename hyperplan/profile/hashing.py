"""The hash by which summaries choose among numbers: the same everywhere and for ever, since encoded profiles rest on it.

The bits of a double, through the finaliser of SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators",
OOPSLA 2014): quick on arrays, and each bit of the result depends on all of the number's. Nobody's secret hangs on it.
"""

import numpy as np
from numpy.typing import NDArray


def mixed(values: NDArray[np.float64]) -> NDArray[np.uint64]:
    """The hash of each number."""
    bits = np.ascontiguousarray(values).view(np.uint64).copy()
    bits ^= bits >> _SHIFTS[0]
    bits *= _FACTORS[0]
    bits ^= bits >> _SHIFTS[1]
    bits *= _FACTORS[1]
    bits ^= bits >> _SHIFTS[2]
    return bits


_SHIFTS = np.array([30, 27, 31], np.uint64)
_FACTORS = np.array([0xBF58476D1CE4E5B9, 0x94D049BB133111EB], np.uint64)

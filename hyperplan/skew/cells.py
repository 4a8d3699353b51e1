"""Where numbers lie, as a function of a change of scale: the second of three witnesses.

The cells of a sketch grow by a constant factor, so that multiplying numbers shifts them from cell to cell: how well serving fits the
reference after *each* factor, likely or not, is one correlation of two arrays. The best fit of all is what serving looks like when
nobody is asked for an opinion; a unit has to be close to it, and "nothing changed" far from it.

The reference is smoothed before: integers leave most cells between them empty, and 200 rows see only some of the values. It is
a mixture of a narrow and a wide kernel and a floor that is flat over all orders of magnitude, so that no single row can speak
louder than the others together.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from hyperplan.profile import QuantileSketch
from hyperplan.profile.packing import Integers
from hyperplan.profile.quantiles import ACCURACY, keys_of

Floats = NDArray[np.float64]

STEP = float(np.log((1 + ACCURACY) / (1 - ACCURACY)))
"""Natural logarithm of the ratio of neighbouring cells."""
KERNELS = ((0.6, 4.0), (0.3, 20.0))
"""Share and width, in cells, of the kernels that smooth the reference: 8 % and 40 %."""
FLOOR = 0.1
"""The share that may lie anywhere."""
REACH = 1200
"""Cells between the smallest and the largest factor, either way: ten orders of magnitude."""
_ZERO = 1 << 20
"""What keys of positive numbers are counted from (`hyperplan.profile.quantiles`)."""
_SPAN = 2400
"""Cells between the middle and either end of the arrays; further out lies what is beyond 1e20 times the median."""


class Cells:
    """The smoothed reference, by sign and cell."""

    def __init__(self, reference: QuantileSketch) -> None:
        keys, counts = reference.cells()
        self.middle = _middle(keys, counts)
        sides = np.stack([_dense(keys, counts, sign, self.middle) for sign in (1, -1)])
        zero = float(counts[keys == 0].sum())
        total = sides.sum() + zero
        smooth = sum(share * gaussian_filter1d(sides, width, axis=1, mode="nearest") for share, width in KERNELS)
        flat = FLOOR * sides.sum(axis=1, keepdims=True) / sides.shape[1]
        rare = 0.5 / max(total, 1.0) / sides.size
        self._logs: Floats = np.log((smooth + flat) / max(total, 1.0) + rare)
        self._zero = float(np.log((zero + 0.5) / (total + 1.5)))

    def log_chances(self, numbers: Floats) -> Floats:
        """The logarithm of the probability of the cell of each number."""
        return self._of_keys(keys_of(numbers))

    def fit(self, serving: QuantileSketch) -> tuple[Floats, float]:
        """The mean logarithm of the probability of the cells of serving, after division by each factor in turn; of those not zero.

        The first array is indexed by the cells that the factor spans, from -`REACH` to `REACH`. The second result is how many
        numbers they are. Zeros fit any factor.
        """
        keys, counts = serving.cells()
        sides = np.stack([_dense(keys, counts, sign, self.middle) for sign in (1, -1)])
        total = float(sides.sum())
        fits = np.zeros(2 * REACH + 1)
        for served, logs in zip(sides, self._logs, strict=True):
            for at in np.flatnonzero(served):
                cells = np.clip(at - np.arange(-REACH, REACH + 1), 0, logs.size - 1)
                fits += served[at] * logs[cells]
        return fits / max(total, 1.0), total

    def _of_keys(self, keys: Integers) -> Floats:
        at = np.clip(np.abs(keys) - _ZERO - self.middle + _SPAN, 0, 2 * _SPAN)
        return np.where(keys == 0, self._zero, np.where(keys > 0, self._logs[0][at], self._logs[1][at]))


def _middle(keys: Integers, counts: Integers) -> int:
    """The median exponent of the numbers that are not zero."""
    exponents, weights = np.abs(keys[keys != 0]) - _ZERO, counts[keys != 0]
    if not exponents.size:
        return 0
    order = np.argsort(exponents)
    below = np.cumsum(weights[order])
    return int(exponents[order][np.searchsorted(below, below[-1] / 2)])


def _dense(keys: Integers, counts: Integers, sign: int, middle: int) -> Floats:
    mine = np.sign(keys) == sign
    at = np.clip(np.abs(keys[mine]) - _ZERO - middle + _SPAN, 0, 2 * _SPAN)
    return np.bincount(at, counts[mine], 2 * _SPAN + 1).astype(np.float64)

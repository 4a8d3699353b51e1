"""Where numbers lie, as a function of a change of scale: the second of three witnesses.

The cells of a sketch grow by a constant factor, so that multiplying numbers shifts them from cell to cell: how well serving fits the
reference after *each* factor, likely or not, is one correlation of two arrays. The best fit of all is what serving looks like when
nobody is asked for an opinion; a unit has to be close to it, and "nothing changed" far from it.

The reference is smoothed before: integers leave most cells between them empty, and 200 rows see only some of the values. It is
a mixture of a narrow and a wide kernel and a floor that is flat over all orders of magnitude, so that no single row can speak
louder than the others together.
"""

from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from hyperplan.profile import QuantileSketch
from hyperplan.profile.packing import Integers
from hyperplan.profile.quantiles import ACCURACY, keys_of, values_of
from hyperplan.skew.units import Line

Floats = NDArray[np.float64]

STEP = float(np.log((1 + ACCURACY) / (1 - ACCURACY)))
"""Natural logarithm of the ratio of neighbouring cells."""
KERNELS = ((0.6, 0.3, 0.5, 4.0), (0.3, 1.5, 1.5, 20.0))
"""Of each kernel that smooths the reference its share, its width as a part of the reference's own, and the least and the most width in cells.

At most 8 % and 40 % of a number; but kelvins, volts and hectopascals all lie within a few cells.
"""
FLOOR = 0.1
"""The share that may lie anywhere."""
SAME = Line(1.0)
"""The line of what did not change."""
FEWEST = 30
"""Numbers other than zero from which on the best factor is looked for."""
_FURTHEST, _EVERY = 1200, 3
_SHIFTS = np.arange(-_FURTHEST, _FURTHEST + 1, _EVERY)
"""The factors that are tried, in cells: ten orders of magnitude either way, 6 % apart."""
_ZERO = 1 << 20
"""What keys of positive numbers are counted from (`hyperplan.profile.quantiles`)."""
_SPAN = 2400
"""Cells between the middle and either end of the arrays; further out lies what is beyond 1e20 times the median."""


class Placed(NamedTuple):
    """The factor by which numbers fit the reference best, as a logarithm, and the mean log probability of their cells then."""

    shift: float
    fit: float


class Cells:
    """The smoothed reference, by sign and cell."""

    def __init__(self, reference: QuantileSketch) -> None:
        keys, counts = reference.cells()
        self.middle = _middle(keys, counts)
        sides = np.stack([_dense(keys, counts, sign, self.middle) for sign in (1, -1)])
        zero = float(counts[keys == 0].sum())
        total = sides.sum() + zero
        spread = _spread(sides.sum(axis=0))
        smooth = sum(
            share * gaussian_filter1d(sides, np.clip(part * spread, least, most), axis=1, mode="nearest")
            for share, part, least, most in KERNELS
        )
        flat = FLOOR * sides.sum(axis=1, keepdims=True) / sides.shape[1]
        rare = 0.5 / max(total, 1.0) / sides.size
        logs = np.log((smooth + flat) / max(total, 1.0) + rare)
        wide = np.pad(logs, ((0, 0), (_FURTHEST, _FURTHEST)), mode="edge")
        self._logs: Floats = wide[:, _FURTHEST:-_FURTHEST]
        # What each cell becomes after each of the shifts is a view of the same numbers.
        self._shifted = sliding_window_view(wide, 2 * _FURTHEST + 1, axis=1)[:, :, ::-_EVERY]
        self._zero = float(np.log((zero + 0.5) / (total + 1.5)))

    def log_chances(self, numbers: Floats) -> Floats:
        """The logarithm of the probability of the cell of each number."""
        return self._of_keys(keys_of(numbers))

    def placed(self, serving: QuantileSketch, line: Line = SAME) -> Placed | None:
        """Where serving, led back along a line, fits best; None with too few numbers that are not zero."""
        keys, counts = serving.cells()
        if line.offset != 0:
            keys = keys_of((values_of(keys) - line.offset) / line.factor)
        keys, counts = keys[keys != 0], counts[keys != 0]
        if counts.sum() < FEWEST:
            return None
        at = np.minimum(np.maximum(np.abs(keys) - _ZERO - self.middle + _SPAN, 0), 2 * _SPAN)
        fits = counts @ self._shifted[(keys < 0).astype(np.intp), at] / counts.sum()
        best = int(fits.argmax())
        factor = np.log(line.factor) if line.offset == 0 else 0.0
        return Placed(float(_SHIFTS[best] * STEP - factor), float(fits[best]))

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


def _spread(counts: Floats) -> float:
    """The standard deviation of the cells of numbers that are not zero."""
    at = np.arange(counts.size)
    total = max(float(counts.sum()), 1.0)
    middle = float((counts * at).sum()) / total
    return float(np.sqrt((counts * (at - middle) ** 2).sum() / total))


def _dense(keys: Integers, counts: Integers, sign: int, middle: int) -> Floats:
    mine = np.sign(keys) == sign
    at = np.clip(np.abs(keys[mine]) - _ZERO - middle + _SPAN, 0, 2 * _SPAN)
    return np.bincount(at, counts[mine], 2 * _SPAN + 1).astype(np.float64)

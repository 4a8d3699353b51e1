"""Losses of one row, by which two models are compared where both saw it (`paired`). Each is bounded, or cut at a bound.

Brier's (1950) and the logarithmic one are proper: a model loses least by saying what it believes. An error is only about which side of the
threshold a row fell on, so it takes more rows to tell two models apart by.
"""

from collections.abc import Callable, Mapping
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Loss = Literal["brier", "error", "log", "absolute", "squared"]


def brier(score: Floats, label: Floats) -> Floats:
    """The squared distance of a probability from what happened, 0 or 1."""
    return np.asarray((score - label) ** 2)


def error(score: Floats, label: Floats) -> Floats:
    """1 where a probability lies on the wrong side of a half, else 0."""
    return np.asarray(((score >= 0.5) != (label >= 0.5)).astype(np.float64))


def log(score: Floats, label: Floats) -> Floats:
    """Minus the logarithm of the probability that was given to what happened, in nats."""
    return -np.log(np.maximum(np.where(label >= 0.5, score, 1 - score), 1e-300))


def absolute(score: Floats, label: Floats) -> Floats:
    """The absolute distance of a number from the true one."""
    return np.abs(score - label)


def squared(score: Floats, label: Floats) -> Floats:
    """The squared distance of a number from the true one."""
    return np.asarray((score - label) ** 2)


LOSSES: Mapping[Loss, Callable[[Floats, Floats], Floats]] = {
    "brier": brier,
    "error": error,
    "log": log,
    "absolute": absolute,
    "squared": squared,
}


def difference(loss: Loss, first: Floats, second: Floats, label: Floats, bound: float = 1.0) -> Floats:
    """The loss of the second model minus that of the first, each cut at the bound, NaN where one of them or the label is.

    >>> difference("error", np.array([0.9, 0.1]), np.array([0.2, 0.2]), np.array([1.0, 0.0])).tolist()
    [1.0, 0.0]
    """
    lost = [np.minimum(LOSSES[loss](score, label), bound) for score in (first, second)]
    return np.where(np.isnan(first) | np.isnan(second) | np.isnan(label), np.nan, lost[1] - lost[0])

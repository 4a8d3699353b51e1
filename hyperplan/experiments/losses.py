"""Losses of one row, by which two models are compared where both saw it (`paired`). Each is bounded, or cut at a bound.

Brier's (1950) and the logarithmic one are proper: a model loses least by saying what it believes. An error is only about which side of the
threshold a row fell on, so it takes more rows to tell two models apart by.
"""

from collections.abc import Callable, Mapping
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from hyperplan.endpoint import Task
from hyperplan.outcomes import Outcomes

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


OF_TASK: Mapping[Task, tuple[Loss, ...]] = {
    "binary": ("brier", "error", "log"),
    "multiclass": ("error", "log"),
    "regression": ("absolute", "squared"),
}
"""Which losses there are for a task, the usual one first."""
BOUNDS: Mapping[Loss, float] = {"brier": 1.0, "error": 1.0, "log": 5.0}
"""Where losses are cut unless somebody says otherwise: of a logarithmic one where a probability is less than 0.7 %. Those of numbers have no bound of their own."""


def lost(loss: Loss, outcomes: Outcomes) -> Floats:
    """The loss of each row, NaN where its prediction or its label is not known.

    Of a multiclass task, an error is another class than the true one, and the logarithmic loss is that of the probability of the true class, where the model said it.
    """
    if outcomes.task == "multiclass":
        unknown = np.isnan(outcomes.label) | (outcomes.predicted < 0)
        if loss == "error":
            return np.where(unknown, np.nan, (outcomes.predicted != outcomes.label).astype(np.float64))
        return -np.log(np.maximum(outcomes.truth_score, 1e-300))
    unknown = np.isnan(outcomes.score) | np.isnan(outcomes.label)
    return np.where(unknown, np.nan, LOSSES[loss](outcomes.score, outcomes.label))


def difference(first: Floats, second: Floats, bound: float) -> Floats:
    """The loss of the second model minus that of the first, each cut at the bound; NaN where one of them is.

    >>> difference(np.array([0.0, 1.0]), np.array([7.0, 0.5]), 1.0).tolist()
    [1.0, -0.5]
    """
    return np.minimum(second, bound) - np.minimum(first, bound)

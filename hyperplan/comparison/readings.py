"""What a prediction says, by the task: which class, and which numbers.

Models say the same thing in different forms: a probability, the probabilities of both classes, a label. Forms that
mean the same by the task alone are read alike. Others are kept apart: whether the label `late` is the class 1, only its
model knows, and a guess would turn up as a disagreement of the models.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

from hyperplan.endpoint import Task

THRESHOLD = 0.5
"""From this score on a prediction of a binary task counts as the class 1, unless another threshold is asked for."""
LARGEST_NUMBER = 1e100
"""Numbers beyond this are no predictions; their squares could not be summed."""


class Reading(NamedTuple):
    """A prediction as it is compared. Only readings of one `form` can be; `label` is the class, None where there is none."""

    form: str
    label: str | None
    numbers: tuple[float, ...]


Read = Callable[[Any], Reading | None]
"""Reads a prediction; None for one that says nothing by this task."""


def reader(task: Task, threshold: float) -> Read:
    """How predictions of a task are read."""
    match task:
        case "regression":
            return _regression
        case "multiclass":
            return _multiclass
        case "binary":
            return lambda prediction: _binary(prediction, threshold)


def _regression(prediction: Any) -> Reading | None:
    numbers = _numbers(prediction)
    return Reading(f"{len(numbers)} numbers", None, numbers) if numbers else None


def _binary(prediction: Any, threshold: float) -> Reading | None:
    """A score is that of the class 1, which is the second where there are two."""
    numbers = _numbers(prediction)
    if not 0 < len(numbers) <= 2:
        return _multiclass(prediction)
    score = numbers[-1]
    return Reading("score", "1" if score >= threshold else "0", (score,))


def _multiclass(prediction: Any) -> Reading | None:
    """A list has a probability for each class, and its largest is the class (the first of equals); anything else is a label."""
    numbers = _numbers(prediction)
    if isinstance(prediction, list):
        return Reading(f"{len(numbers)} probabilities", str(numbers.index(max(numbers))), numbers) if numbers else None
    if isinstance(prediction, str):
        return Reading("label", prediction, ())
    return Reading("label", f"{numbers[0]:.15g}", ()) if numbers else None


def _numbers(prediction: Any) -> tuple[float, ...]:
    """The numbers of a number or of a list of them; none if one of them is none."""
    items = prediction if isinstance(prediction, list) else [prediction]
    if not all(isinstance(item, int | float) and math.isfinite(item) for item in items):
        return ()
    return tuple(map(float, items)) if all(abs(item) <= LARGEST_NUMBER for item in items) else ()

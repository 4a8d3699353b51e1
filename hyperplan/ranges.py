"""Into which range a prediction falls, and into which a time: few enough to be counted for all traffic, in a fraction of a microsecond.

Arms are compared by the shares of these ranges (`hyperplan.experiments.rates.shifted`). What matters is not how a prediction is best described, which
profiles of samples do, but that there is a fixed, small number of ranges whatever a model says:

- **binary**: ten of a probability;
- **regression**: the powers of two, by sign, and 0;
- **multiclass**: the class, by a hash of its name into sixteen.
"""

import bisect
import math
import zlib
from collections.abc import Mapping
from typing import Any

from hyperplan.endpoint import Task

UNKNOWN = -1
"""The range of what is no prediction of this task, or was not read."""

_TENTHS = 10
_SMALLEST, _LARGEST = -8, 23
_POWERS = _LARGEST - _SMALLEST + 1
_CLASSES = 16

RANGES: Mapping[Task, int] = {"binary": _TENTHS, "regression": 2 * _POWERS + 1, "multiclass": _CLASSES}
"""How many ranges there are, by task."""

LATENCIES: tuple[float, ...] = tuple(round(10 ** (step / 10 - 3), 6) for step in range(51))
"""The bounds, in seconds, of the times that are told apart: ten to a power of ten, from a millisecond to 100 seconds."""


def range_of(task: Task, prediction: Any) -> int:
    """The range of a prediction, from 0; `UNKNOWN` for what is none.

    >>> range_of("binary", 0.25), range_of("binary", [0.1, 0.9]), range_of("regression", 0.0), range_of("binary", "yes")
    (2, 9, 32, -1)
    """
    if type(prediction) is float and task == "binary" and 0.0 <= prediction < 1.0:  # nearly all there are
        return int(prediction * _TENTHS)
    if type(prediction) is list:
        return _of_several(task, prediction)
    if task == "multiclass":
        return _CLASSES - 1 & zlib.crc32(str(prediction).encode()) if isinstance(prediction, str | int) else UNKNOWN
    if not isinstance(prediction, float | int) or prediction != prediction:
        return UNKNOWN
    if task == "binary":
        return int(min(max(prediction, 0.0), 0.999) * _TENTHS)
    if prediction == 0:
        return _POWERS
    size = min(abs(prediction), 2.0**_LARGEST)
    power = min(max(math.frexp(size)[1], _SMALLEST), _LARGEST) - _SMALLEST
    return _POWERS + 1 + power if prediction > 0 else _POWERS - 1 - power


def _of_several(task: Task, numbers: list[Any]) -> int:
    """Of the probabilities of several classes: the largest, or that of the second class of two."""
    if not numbers or not all(type(number) in (float, int) for number in numbers):
        return UNKNOWN
    if task == "multiclass":
        return numbers.index(max(numbers)) % _CLASSES
    return range_of(task, numbers[-1]) if len(numbers) <= (2 if task == "binary" else 1) else UNKNOWN


def latency_of(seconds: float) -> int:
    """The position in `LATENCIES` of the first bound that a time does not exceed; one more than the last if there is none.

    >>> LATENCIES[latency_of(0.02)], latency_of(1e9)
    (0.025119, 51)
    """
    return bisect.bisect_left(LATENCIES, seconds)

"""From samples with their feedback to arrays: what each prediction said, by the task, and what turned out."""

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec
import numpy as np

from hyperplan.comparison.readings import THRESHOLD, Reading, reader
from hyperplan.endpoint import Task
from hyperplan.feedback import Feedback
from hyperplan.outcomes import Coded, Outcomes
from hyperplan.sample import Sample


class Labelled(NamedTuple):
    """What is read of a sample, and feedback about it. `body` is the sample as it was encoded."""

    prediction_id: str
    time: int
    entity: str | None
    chosen: str | None
    answered: str | None
    revision: int
    propensity: float | None
    inclusion: float
    forced: bool
    body: bytes
    feedback: Feedback


class _Said(msgspec.Struct):
    """What a sample says of its answer and its slices; all else is passed over."""

    predictions: list[Any] = []
    slices: dict[str, str] = {}


_said = msgspec.msgpack.Decoder(_Said).decode


def outcomes_of(task: Task, pairs: Sequence[Labelled]) -> Outcomes:
    """Pairs as arrays, in their order."""
    said = [_read(pair.body) for pair in pairs]
    read = reader(task, THRESHOLD)
    readings = [_reading(read, one, pair.feedback.row) for one, pair in zip(said, pairs, strict=True)]
    told = [pair.feedback for pair in pairs]
    labels = Coded.of([one.label if isinstance(one.label, str) else None for one in told])
    predicted = Coded.of([one.label if one and task == "multiclass" else None for one in readings])
    classes = tuple(sorted({*labels.names, *predicted.names}))
    index = {name: number for number, name in enumerate(classes)}
    truths = [_truth(one, index) for one in told]
    parts = sorted({part for one in said for part in one.slices})
    return Outcomes(
        task=task,
        prediction_id=np.array([pair.prediction_id for pair in pairs], object),
        row=np.array([one.row for one in told], np.int32),
        time=np.array([pair.time for pair in pairs], np.int64),
        labelled_at=np.array([one.time for one in told], np.int64),
        entity=Coded.of([pair.entity for pair in pairs]),
        arm=Coded.of([pair.chosen for pair in pairs]),
        answered=Coded.of([pair.answered for pair in pairs]),
        revision=np.array([pair.revision for pair in pairs], np.int64),
        propensity=_numbers([pair.propensity for pair in pairs]),
        inclusion=_numbers([pair.inclusion for pair in pairs]),
        forced=np.array([pair.forced for pair in pairs], np.bool_),
        score=_numbers([_score(task, one) for one in readings]),
        label=_numbers(truths),
        reward=_numbers([one.reward for one in told]),
        predicted=np.array([-1 if name is None else index[name] for name in predicted.texts()], np.int32),
        truth_score=_numbers([_probability(one, feedback) for one, feedback in zip(readings, told, strict=True)]),
        classes=classes,
        slices={part: Coded.of([one.slices.get(part) for one in said]) for part in parts},
        probabilities=_probabilities(readings) if task == "multiclass" else None,
    )


def _read(body: bytes) -> _Said:
    try:
        return _said(body)
    except (msgspec.DecodeError, UnicodeDecodeError):  # text that UTF-8 cannot hold, which only `Sample.decode` reads
        sample = Sample.decode(body)
        return _Said(sample.predictions, sample.slices)


def _reading(read: Any, said: _Said, row: int) -> Reading | None:
    reading: Reading | None = read(said.predictions[row]) if row < len(said.predictions) else None
    return reading


def _score(task: Task, reading: Reading | None) -> float | None:
    if reading is None or not reading.numbers:
        return None
    if task == "multiclass":
        return max(reading.numbers)
    return reading.numbers[0] if len(reading.numbers) == 1 else None


def _probability(reading: Reading | None, feedback: Feedback) -> float | None:
    """The probability that a multiclass model gave the true class; classes of a list are its indexes."""
    if reading is None or not isinstance(feedback.label, str) or not feedback.label.isdecimal():
        return None
    place = int(feedback.label)
    return reading.numbers[place] if place < len(reading.numbers) else None


def _probabilities(readings: Sequence[Reading | None]) -> Any:
    """The probabilities of all classes; those of a model that gives as many as most do, NaN for other rows."""
    forms = Counter(len(one.numbers) for one in readings if one and len(one.numbers) > 1)
    if not forms:
        return None
    ((width, _),) = forms.most_common(1)
    unknown = (math.nan,) * width
    return np.array([one.numbers if one and len(one.numbers) == width else unknown for one in readings], np.float64)


def _truth(feedback: Feedback, index: dict[str, int]) -> float | None:
    return index[feedback.label] if isinstance(feedback.label, str) else feedback.label


def _numbers(values: Sequence[float | None]) -> Any:
    return np.array([math.nan if value is None else value for value in values], np.float64)

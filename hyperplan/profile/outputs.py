"""Profiles of what models answered.

Predictions are read by the task, as comparisons of models read them (`hyperplan.comparison.readings`), and then profiled like values of a
feature that no schema declares: scores and values as numbers, labels as texts, several numbers in one as a list.
"""

from collections.abc import Sequence
from typing import Any

from hyperplan.comparison.readings import THRESHOLD, Reading, reader
from hyperplan.endpoint import Task
from hyperplan.profile.columns import WRONG, Column
from hyperplan.profile.feature import FeatureProfile
from hyperplan.schema import AnyFeature, Float, String

PREDICTION = "prediction"
"""The score of a binary model, the value of a regression, the class of a multiclass model."""
CONFIDENCE = "confidence"
"""The probability that a multiclass model gives the class it names, of those predictions that say one."""

LABEL = "label"
"""What turned out, of the rows for which the truth is known."""


def feature_of_outputs(task: Task) -> AnyFeature:
    """How a column of predictions or labels of training data is read, so that its profile is like that of what models answer."""
    return String() if task == "multiclass" else Float(nullable=True)


def outputs_of(task: Task, predictions: Sequence[Any]) -> dict[str, FeatureProfile]:
    """The profile of each thing that predictions say; of none, nothing."""
    if not predictions:
        return {}
    read = reader(task, THRESHOLD)
    readings = [read(prediction) for prediction in predictions]
    said = [
        (None if prediction is None else WRONG) if reading is None else _said(task, reading)
        for prediction, reading in zip(predictions, readings, strict=True)
    ]
    outputs = {PREDICTION: Column(None, said).profile()}
    if task == "multiclass":
        sure = [max(reading.numbers) for reading in readings if reading is not None and reading.numbers]
        if sure:
            outputs[CONFIDENCE] = Column(None, sure).profile()
    return outputs


def _said(task: Task, reading: Reading) -> Any:
    if task == "multiclass" or not reading.numbers:
        return reading.label
    return reading.numbers[0] if len(reading.numbers) == 1 else list(reading.numbers)

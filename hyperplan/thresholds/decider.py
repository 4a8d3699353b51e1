"""Decides: what a model said of each row, and its threshold, make a decision.

Of a binary task a score is that of the class 1, and from the threshold on it is positive. Of several classes that one is decided whose probability
times its weight is the greatest (the first of equals); a class without a weight has 1. Predictions are read as everything else here
reads them (`hyperplan.comparison.readings`); of what says nothing by the task there is no decision. Made once for an endpoint, for the sidecar,
so pure Python.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

from hyperplan.thresholds.block import NAME, START, Setting, Thresholds

DECISION_HEADER = "x-hyperplan-decision"
"""The header of an answer that says what was decided: of several rows one after the other, with commas."""
LONGEST_HEADER = 8000
"""Characters of that header at most; decisions about more rows are in the answer's field alone."""

_Decide = Callable[[Any, Any], str | None]


class Decider:
    """Decides for the models of an endpoint."""

    def __init__(self, task: str, thresholds: Thresholds) -> None:
        self.field = thresholds.field
        self._thresholds = thresholds
        self._start: Setting = START if task == "binary" else {}
        self._decide: _Decide = self._binary if task == "binary" else _of_several
        self._positive = thresholds.names.positive
        self._negative = thresholds.names.negative

    def setting(self, model: str) -> Setting:
        """The threshold of a model, or the weights of its classes; that of a beginning where there is none yet."""
        found = self._thresholds.setting(model)
        return self._start if found is None else found

    def decide(self, model: str, predictions: Sequence[Any]) -> list[str | None]:
        """The decision for each prediction of a model; None for one that says nothing that could be decided on."""
        setting, decide = self.setting(model), self._decide
        return [decide(prediction, setting) for prediction in predictions]

    def _binary(self, prediction: Any, threshold: Any) -> str | None:
        if type(prediction) is list:
            if not 0 < len(prediction) <= 2 or not all(_is_number(item) for item in prediction):
                return None
            prediction = prediction[-1]
        if _is_number(prediction):
            return self._positive if prediction >= threshold else self._negative
        return prediction if prediction in (self._positive, self._negative) else None


def header_of(decisions: Sequence[str | None]) -> str | None:
    """What the header says; None where nothing was decided, or about more rows than it has room for."""
    if not any(decisions):
        return None
    said = ",".join(one or "" for one in decisions)
    return said if len(said) <= LONGEST_HEADER else None


def _of_several(prediction: Any, weights: Any) -> str | None:
    if type(prediction) is list:
        if not prediction or not all(_is_number(item) for item in prediction):
            return None
        weighted = [item * weights.get(str(index), 1.0) for index, item in enumerate(prediction)]
        return str(weighted.index(max(weighted)))
    if type(prediction) is str:
        return prediction if NAME.fullmatch(prediction) else None
    return f"{float(prediction):.15g}" if _is_number(prediction) else None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value) and abs(value) <= 1e100

"""Losses that two models are compared by."""

import math
from typing import Any

import numpy as np
import pytest

from hyperplan.endpoint import Task
from hyperplan.experiments.losses import BOUNDS, OF_TASK, Loss, difference, lost
from hyperplan.experiments.paired import paired
from hyperplan.outcomes import Coded, Outcomes

NAN = math.nan


def outcomes(task: Task, score: Any, label: Any, predicted: Any = None, truth_score: Any = None) -> Outcomes:
    score, label = np.array(score, float), np.array(label, float)
    count, nothing = len(score), np.zeros(len(score))
    names = Coded.of([None] * count)
    return Outcomes(
        task=task,
        prediction_id=np.array(["p"] * count, object),
        row=nothing.astype(np.int32),
        time=nothing.astype(np.int64),
        labelled_at=nothing.astype(np.int64),
        entity=names,
        arm=names,
        answered=names,
        revision=nothing.astype(np.int64),
        propensity=nothing,
        inclusion=nothing + 1,
        forced=nothing.astype(bool),
        score=score,
        label=label,
        reward=nothing,
        predicted=np.array(predicted if predicted is not None else nothing - 1, np.int32),
        truth_score=np.array(truth_score if truth_score is not None else nothing + NAN, float),
    )


@pytest.mark.parametrize("loss", OF_TASK["binary"] + OF_TASK["regression"])
def test_rows_of_which_the_prediction_or_the_label_is_not_known_have_no_loss(loss: Loss) -> None:
    task: Task = "binary" if loss in OF_TASK["binary"] else "regression"
    found = lost(loss, outcomes(task, [0.0, 1.0, NAN, 0.5], [1.0, 1.0, 1.0, NAN]))
    assert np.isnan(found).tolist() == [False, False, True, True]
    assert found[0] > found[1] == 0


def test_the_classes_of_a_multiclass_task_are_right_or_wrong() -> None:
    several = outcomes(
        "multiclass", [0.5] * 4, [0, 1, NAN, 1], predicted=[0, 0, 0, -1], truth_score=[0.5, 0.25, NAN, NAN]
    )
    assert lost("error", several).tolist() == pytest.approx([0, 1, NAN, NAN], nan_ok=True)
    assert lost("log", several).tolist() == pytest.approx([math.log(2), math.log(4), NAN, NAN], nan_ok=True)


def test_no_difference_is_beyond_the_bound() -> None:
    first = lost("log", outcomes("binary", [0.0, 0.6], [1.0, 1.0]))
    second = lost("log", outcomes("binary", [1.0, 0.8], [1.0, 1.0]))
    assert difference(first, second, BOUNDS["log"]).tolist() == pytest.approx([-5, math.log(0.75)])


def test_a_better_calibrated_model_is_found() -> None:
    rng = np.random.default_rng(1)
    chance = rng.random(4000)
    label = (rng.random(4000) < chance).astype(float)
    worse = np.clip(chance + rng.normal(scale=0.2, size=4000), 0, 1)
    losses = [lost("brier", outcomes("binary", score, label)) for score in (worse, chance)]
    found = paired(difference(losses[0], losses[1], 1.0), 1.0, 0.01, 0.05)
    assert found.differs
    assert found.high <= 0

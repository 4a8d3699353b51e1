"""Losses that two models are compared by."""

import math

import numpy as np
import pytest

from hyperplan.experiments.losses import LOSSES, difference
from hyperplan.experiments.paired import paired

NAN = math.nan


@pytest.mark.parametrize("loss", LOSSES)
def test_no_difference_is_beyond_the_bound_and_unknown_rows_have_none(loss: str) -> None:
    first, second = np.array([0.0, 1.0, NAN, 0.5, 900.0]), np.array([1.0, 0.0, 0.5, 0.5, 0.0])
    found = difference(loss, first, second, np.array([1.0, 1.0, 1.0, NAN, 0.0]))  # type: ignore[arg-type]
    assert np.isnan(found).tolist() == [False, False, True, True, False]
    assert (np.abs(found[[0, 1, 4]]) <= 1).all()


def test_the_better_model_has_the_smaller_loss() -> None:
    assert difference("log", np.array([0.6]), np.array([0.8]), np.array([1.0]), bound=10)[0] == pytest.approx(
        math.log(0.75)
    )


def test_a_better_calibrated_model_is_found() -> None:
    rng = np.random.default_rng(1)
    chance = rng.random(4000)
    label = (rng.random(4000) < chance).astype(float)
    worse = np.clip(chance + rng.normal(scale=0.2, size=4000), 0, 1)
    found = paired(difference("brier", worse, chance, label), 1.0, 0.01, 0.05)
    assert found.differs
    assert found.high <= 0

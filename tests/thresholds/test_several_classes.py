"""Weights of several classes, against brute force and against what calibrated probabilities call for."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hyperplan.thresholds.block import Objective, Thresholds
from hyperplan.thresholds.lesson import CannotLearn, judge
from hyperplan.thresholds.several import Answers, _Aim, learn

MISSED = Objective(costs={"0": {"1": 1, "2": 1}, "1": {"0": 1, "2": 1}, "2": {"0": 8, "1": 8}})


def answers(count: int, seed: int = 1) -> Answers:
    """Calibrated probabilities of three classes."""
    rng = np.random.default_rng(seed)
    probability = rng.dirichlet([1.5, 1.0, 0.5], count)
    truth = (probability.cumsum(axis=1) < rng.random((count, 1))).sum(axis=1)
    return Answers(probability, np.minimum(truth, 2), np.ones(count), np.arange(count))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([MISSED, Objective(f_beta=1)]))
def test_no_weight_of_one_class_is_better_than_the_one_that_is_found(seed: int, objective: Objective) -> None:
    known = answers(60, seed)
    aim = _Aim(Thresholds(objective=objective), 3)
    truth = np.eye(3)[known.truth]
    found = aim.best(known.probability, truth, known.weight, np.ones(3))
    best = aim.loss(known.probability, truth, known.weight, found)
    assert best <= aim.loss(known.probability, truth, known.weight, np.ones(3)) + 1e-9
    for place, factor in itertools.product(range(3), np.geomspace(0.05, 20, 60)):
        other = found.copy()
        other[place] *= factor
        assert best <= aim.loss(known.probability, truth, known.weight, other) + 1e-9


def test_a_class_that_is_dear_to_miss_gets_the_weight_that_its_cost_calls_for() -> None:
    found = learn(Thresholds(objective=MISSED), answers(4000), {}, samples=20)
    assert isinstance(found.value, dict)
    assert found.value["2"] / found.value["0"] == pytest.approx(8, rel=0.35)
    assert judge(found, {}).change
    again = learn(Thresholds(objective=MISSED), answers(4000, seed=2), found.value, samples=20)
    assert not judge(again, found.value).change


def test_a_class_without_labels_is_named() -> None:
    known = answers(400)
    with pytest.raises(CannotLearn, match="fewer of 2"):
        learn(Thresholds(objective=MISSED), known._replace(truth=np.minimum(known.truth, 1)), {})

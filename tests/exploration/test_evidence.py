"""What arms earned is told truthfully, however their weights changed meanwhile."""

import numpy as np
import pytest

from hyperplan.exploration.block import Reward
from hyperplan.exploration.evidence import evidence
from hyperplan.outcomes import Coded
from tests.support.outcomes import outcomes

ARMS = ("a", "b")


def test_an_arm_is_not_judged_by_the_days_on_which_it_had_the_traffic() -> None:
    # On the first day everything earns 1 and a has nine tenths of the traffic, on the second nothing earns anything and a has one tenth.
    arms = ["a"] * 90 + ["b"] * 10 + ["a"] * 10 + ["b"] * 90
    propensity = np.array([0.9] * 90 + [0.1] * 20 + [0.9] * 90)
    found = evidence(outcomes(arms, [1.0] * 100 + [0.0] * 100, propensity=propensity), ARMS, Reward())
    assert [earned.mean for earned in found.earned] == pytest.approx([0.5, 0.5])
    assert found.binary


def test_rows_of_one_entity_that_are_all_alike_count_as_one() -> None:
    entity = Coded.of([f"e{index // 10}" for index in range(200)])
    reward = [float(index // 10 % 2) for index in range(200)]
    (found, _) = evidence(outcomes(["a"] * 200, reward, entity=entity), ARMS, Reward()).earned
    assert found.rows == 200
    assert found.effective == pytest.approx(20)
    (found, _) = evidence(outcomes(["a"] * 200, reward), ARMS, Reward()).earned
    assert found.effective == pytest.approx(200)


def test_where_lower_is_better_rewards_come_with_the_other_sign() -> None:
    (found, _) = evidence(outcomes(["a"] * 4, [1, 0, 0, 0]), ARMS, Reward(better="lower")).earned
    assert found.mean == 0.75
    (found, _) = evidence(outcomes(["a"] * 2, [3, 5]), ARMS, Reward(better="lower")).earned
    assert found.mean == -4


def test_forced_requests_and_those_without_a_reward_are_left_out() -> None:
    given = outcomes(["a"] * 3, [1.0, 0.0, np.nan], forced=np.array([False, True, False]))
    (found, other) = evidence(given, ARMS, Reward()).earned
    assert (found.mean, found.rows, other.rows) == (1.0, 1, 0)


def test_what_was_sampled_seldom_counts_more() -> None:
    given = outcomes(["a", "a"], [1.0, 0.0], inclusion=np.array([0.1, 0.3]))
    (found, _) = evidence(given, ARMS, Reward()).earned
    assert found.mean == pytest.approx(0.75)


@pytest.mark.parametrize(("score", "label", "correct"), [(0.7, 1, 1), (0.7, 0, 0), (0.5, 1, 1), (0.2, 0, 1)])
def test_a_binary_prediction_is_correct_on_the_side_of_its_label(score: float, label: float, correct: float) -> None:
    given = outcomes(["a"], [np.nan], score=np.array([score]), label=np.array([float(label)]))
    (found, _) = evidence(given, ARMS, Reward(of="correct")).earned
    assert found.mean == correct


def test_a_multiclass_prediction_is_correct_when_it_is_the_label() -> None:
    predicted, label = np.array([0, 1, -1], np.int32), np.array([0.0, 0.0, 0.0])
    given = outcomes(["a"] * 3, [np.nan] * 3, task="multiclass", predicted=predicted, label=label)
    (found, _) = evidence(given, ARMS, Reward(of="correct")).earned
    assert (found.mean, found.rows) == (0.5, 2)

"""Two models on the same rows."""

import numpy as np
import pytest

from hyperplan.experiments.paired import PairedBets, paired
from hyperplan.experiments.wealth import bar

NONE = np.zeros(1)


def test_equal_models_are_seldom_told_apart_at_any_look() -> None:
    rng = np.random.default_rng(1)
    for disagree in (0.2, 0.01):
        bets = PairedBets(1.0, 0.02, NONE, (500,))
        for _ in range(50):
            bets.look(rng.choice([-1.0, 0.0, 1.0], (500, 100), p=[disagree / 2, 1 - disagree, disagree / 2]))
        assert (bets.best[:, 0] >= bar(0.05)).mean() <= 0.05


def test_a_better_model_is_found_with_a_small_part_of_the_units_of_two_arms() -> None:
    """Errors of 20 % and 18 %, 6 % of rows on which they disagree: two arms need 12,000 units, a pair fewer than 3,000."""
    rng = np.random.default_rng(2)
    bets = PairedBets(1.0, 0.02, NONE, (500,))
    for _ in range(30):
        bets.look(rng.choice([-1.0, 0.0, 1.0], (500, 100), p=[0.04, 0.94, 0.02]))
    assert (bets.best[:, 0] >= bar(0.05)).mean() >= 0.8


def test_what_is_found_is_bounded() -> None:
    rng = np.random.default_rng(3)
    found = paired(rng.choice([-1.0, 0.0, 1.0], 10_000, p=[0.04, 0.94, 0.02]), 1.0, 0.02, 0.05)
    assert found.differs
    assert found.low < -0.02 < found.high <= 0
    assert found.units == 10_000


def test_the_interval_holds_the_mean_at_all_times() -> None:
    rng = np.random.default_rng(3)
    bets = PairedBets(1.0, 0.02, np.array([-1.0]), (500,))
    for _ in range(40):
        bets.look(rng.choice([-1.0, 0.0, 1.0], (500, 100), p=[0.06, 0.9, 0.04]))
    assert (bets.best[:, 0] >= bar(0.05)).mean() <= 0.05


def test_differences_beyond_the_bound_count_as_the_bound_and_unknown_ones_not_at_all() -> None:
    assert paired(np.array([5.0, -1.0, np.nan]), 1.0, 0.1, 0.05).mean == pytest.approx(0)


def test_no_rows_say_nothing() -> None:
    assert not paired(np.zeros(0), 1.0, 0.1, 0.05).differs

"""How many units before the start."""

import pytest

from hyperplan.experiments.effects import Difference, Ratio
from hyperplan.experiments.power import Spread, plan


def test_the_fixed_number_is_that_of_the_textbook() -> None:
    """20 % to 22 %, alpha 5 %, power 80 %: 6,510 in each arm (Fleiss, without continuity correction)."""
    assert plan(Ratio(0.1), Spread.of_rate(0.2), 0.5).fixed / 2 == pytest.approx(6507, rel=0.002)
    assert plan(Difference(0.1), Spread(5, 1), 0.5).fixed == pytest.approx(4 * 784.9, rel=0.001)


def test_half_of_experiments_end_before_the_fixed_number_and_most_before_twice_of_it() -> None:
    needed = plan(Difference(0.1), Spread(5, 1), 0.5)
    assert needed.half < needed.fixed < needed.most
    assert needed.found > 0.85


def test_unequal_shares_and_more_treatments_need_more_units() -> None:
    even = plan(Ratio(0.1), Spread.of_rate(0.2), 0.5)
    assert plan(Ratio(0.1), Spread.of_rate(0.2), 0.01).fixed > 20 * even.fixed
    assert plan(Ratio(0.1), Spread.of_rate(0.2), 0.5, comparisons=3).half > even.half


def test_days_are_those_until_units_have_come_and_their_windows_closed() -> None:
    needed = plan(Difference(0.1), Spread(5, 1), 0.5)
    assert needed.days(1000, 7)[0] == pytest.approx(needed.half / 1000 + 7)


def test_what_cannot_be_planned_says_why() -> None:
    with pytest.raises(ValueError, match="share of 1"):
        plan(Difference(0.1), Spread(5, 1), 1.0)
    with pytest.raises(ValueError, match="does not vary"):
        plan(Ratio(0.1), Spread(5, 0), 0.5)

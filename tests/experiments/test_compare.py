"""Arms compared by their units, revision by revision."""

import math

import numpy as np
import pytest

from hyperplan.experiments.compare import compare, pieces
from hyperplan.experiments.covariate import predicted
from hyperplan.experiments.effects import Difference, Ratio
from hyperplan.experiments.units import Units

CONTROL, TREATMENT, OTHER = 0, 1, 2
EVEN = {1: {CONTROL: 50.0, TREATMENT: 50.0}}


def units(arm: np.ndarray, value: np.ndarray, revision: np.ndarray | int = 1) -> Units:
    count = len(arm)
    return Units(
        np.arange(count), arm.astype(int), np.broadcast_to(revision, count), np.arange(count), value.astype(float)
    )


def test_an_effect_is_found_estimated_and_bounded() -> None:
    rng = np.random.default_rng(1)
    arm = (rng.random(12_000) < 0.5).astype(int)
    value = rng.random(12_000) < 0.2 * (1 + 0.2 * arm)
    found = compare(units(arm, value), CONTROL, TREATMENT, EVEN, Ratio(0.1), 0.05)
    assert found.differs
    assert found.leaning == 1
    assert found.low < 0.2 < found.high
    assert abs(found.estimate - 0.2) < 0.1
    assert found.units == 12_000


@pytest.mark.parametrize("factor", [1.5, 1 / 1.5])
def test_an_effect_of_twenty_times_the_minimum_has_one_bound_and_is_not_taken_for_one_that_changes(
    factor: float,
) -> None:
    rng = np.random.default_rng(1)
    arm = (rng.random(20_000) < 0.5).astype(int)
    value = rng.random(20_000) < 0.4 * np.where(arm, factor, 1)
    found = compare(units(arm, value), CONTROL, TREATMENT, EVEN, Ratio(0.02), 0.05)
    assert found.differs
    assert found.low < factor - 1 < found.high
    assert math.isinf(found.high if factor > 1 else found.low)


def test_an_effect_that_turns_around_is_one_that_no_one_effect_explains() -> None:
    rng = np.random.default_rng(1)
    arm = (rng.random(20_000) < 0.5).astype(int)
    value = np.where(np.arange(20_000) < 10_000, 1, -1) * arm + rng.normal(size=20_000)
    found = compare(units(arm, value), CONTROL, TREATMENT, EVEN, Difference(0.2), 0.05)
    assert math.isnan(found.low)
    assert math.isnan(found.high)


def test_a_ramp_while_everything_gets_better_is_no_effect() -> None:
    """Pooled over revisions the treatment looks far better: it got most of its units late, when all outcomes were higher."""
    rng = np.random.default_rng(2)
    revision = np.repeat([1, 2, 3], 4000)
    shares = {
        1: {CONTROL: 99.0, TREATMENT: 1.0},
        2: {CONTROL: 75.0, TREATMENT: 25.0},
        3: {CONTROL: 1.0, TREATMENT: 1.0},
    }
    arm = (rng.random(12_000) < np.array([0, 0.01, 0.25, 0.5])[revision]).astype(int)
    value = revision + rng.normal(size=12_000)
    assert value[arm == 1].mean() - value[arm == 0].mean() > 0.5
    found = compare(units(arm, value, revision), CONTROL, TREATMENT, shares, Difference(0.1), 0.05)
    assert not found.differs
    assert abs(found.estimate) < 0.1


def test_revisions_in_which_one_of_the_arms_got_everything_are_left_out() -> None:
    arm = np.repeat([0, 1], 500)
    shares = {1: {CONTROL: 1.0, TREATMENT: 0.0}, 2: {CONTROL: 0.0, TREATMENT: 1.0}}
    found = compare(units(arm, arm, arm + 1), CONTROL, TREATMENT, shares, Difference(0.1), 0.05)
    assert found.units == 0
    assert not found.differs
    assert math.isnan(found.estimate)


def test_a_third_arm_changes_nothing() -> None:
    rng = np.random.default_rng(3)
    arm, value = rng.integers(0, 3, 3000), rng.normal(size=3000)
    three = compare(units(arm, value), CONTROL, TREATMENT, {1: dict.fromkeys((0, 1, 2), 1.0)}, Difference(0.1), 0.05)
    two = compare(units(arm[arm < 2], value[arm < 2]), CONTROL, TREATMENT, EVEN, Difference(0.1), 0.05)
    assert three == two


def test_several_treatments_share_alpha() -> None:
    none = units(np.zeros(0), np.zeros(0))
    alone = compare(none, CONTROL, TREATMENT, EVEN, Difference(0.1), 0.05)
    one_of_two = compare(none, CONTROL, TREATMENT, EVEN, Difference(0.1), 0.05, comparisons=2)
    assert one_of_two.needed == alone.needed + math.log(2)


def test_pieces_cover_all_units_and_do_not_change_as_units_come() -> None:
    whole = pieces(100_000)
    assert [piece.start for piece in whole[1:]] == [piece.stop for piece in whole[:-1]]
    assert pieces(70_000)[:-1] == whole[: len(pieces(70_000)) - 1]


def test_what_was_known_before_is_used_and_only_that_of_units_before() -> None:
    rng = np.random.default_rng(4)
    before = rng.normal(size=2000)
    before[::7] = np.nan
    value = 3 * np.nan_to_num(before) + rng.normal(size=2000)
    parts = pieces(2000)
    taken = predicted(value, before, parts)
    assert (taken[parts[0]] == 0).all()
    assert (taken[::7] == 0).all()
    assert np.var((value - taken)[500:]) < 0.3 * np.var(value[500:])
    changed = value.copy()
    changed[1000:] += 100
    until = next(index for index, part in enumerate(parts) if part.stop > 1000)
    same = slice(0, parts[until].stop)
    assert (predicted(changed, before, parts)[same] == taken[same]).all()


def test_a_covariate_narrows_the_interval_and_keeps_the_estimate() -> None:
    rng = np.random.default_rng(5)
    arm = (rng.random(6000) < 0.5).astype(int)
    before = rng.normal(size=6000)
    value = 3 * before + rng.normal(size=6000) + 0.1 * arm
    raw = compare(units(arm, value), CONTROL, TREATMENT, EVEN, Difference(0.1), 0.05)
    finer = compare(units(arm, value), CONTROL, TREATMENT, EVEN, Difference(0.1), 0.05, before=before)
    assert finer.high - finer.low < 0.5 * (raw.high - raw.low)
    assert abs(finer.estimate - 0.1) < 0.08

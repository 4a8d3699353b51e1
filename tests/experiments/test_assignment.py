"""Betting on the assignment: never wrong more often than said, found when it is there, at rates and shares at which a t test fails."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from hyperplan.experiments.assignment import AssignmentBets
from hyperplan.experiments.effects import Difference, Effect, Ratio
from hyperplan.experiments.wealth import MULTIPLES, STAKES, bar, kept

Floats = NDArray[np.float64]

ALPHA = 0.05
KINDS = ("normal", "lognormal", "0.2", "0.01", "0.002")


def drawn(kind: str, shape: tuple[int, ...], rng: np.random.Generator) -> Floats:
    if kind == "normal":
        return rng.normal(size=shape)
    if kind == "lognormal":
        return np.asarray(rng.lognormal(size=shape))
    return (rng.random(shape) < float(kind)).astype(float)


def effect_of(kind: str) -> Effect:
    return Difference(0.1) if kind == "normal" else Ratio({"lognormal": 0.1, "0.2": 0.2}.get(kind, 1.0))


def looked(bets: AssignmentBets, value: Floats, treated: Floats, share: float, each: int = 100) -> Floats:
    """Take in units, so many at each look; at the end, the most ever won against no effect."""
    for start in range(0, value.shape[-1], each):
        bets.look(value[..., start : start + each], treated[..., start : start + each], share)
    return bets.best[..., 0]


def test_the_stakes_are_one_stake() -> None:
    assert np.exp(STAKES).sum() == pytest.approx(1)
    assert sorted(MULTIPLES) == sorted(-MULTIPLES)


@pytest.mark.parametrize("share", [0.5, 0.1, 0.01])
@pytest.mark.parametrize("kind", KINDS)
def test_without_an_effect_few_experiments_ever_find_one_at_any_look(kind: str, share: float) -> None:
    rng = np.random.default_rng(3)
    runs, units = 300, 3000
    bets = AssignmentBets(effect_of(kind), experiments=(runs,))
    treated = (rng.random((runs, units)) < share).astype(float)
    won = looked(bets, drawn(kind, (runs, units), rng), treated, share)
    assert (won >= bar(ALPHA)).mean() <= ALPHA


def test_arms_that_differ_in_spread_only_are_no_effect() -> None:
    rng = np.random.default_rng(4)
    runs, units = 400, 4000
    treated = (rng.random((runs, units)) < 0.2).astype(float)
    value = rng.normal(size=(runs, units)) * (1 + 3 * treated)
    won = looked(AssignmentBets(Difference(0.1), experiments=(runs,)), value, treated, 0.2)
    assert (won >= bar(ALPHA)).mean() <= ALPHA


def test_the_minimum_effect_is_mostly_found_before_a_fixed_test_would_look() -> None:
    rng = np.random.default_rng(5)
    runs, fixed = 300, 3140  # a z test of alpha 5 % and power 80 % for 0.1 standard deviations
    treated = (rng.random((runs, 2 * fixed)) < 0.5).astype(float)
    value = rng.normal(size=treated.shape) + 0.1 * treated
    found, bets = np.full(runs, 2.0), AssignmentBets(Difference(0.1), experiments=(runs,))
    for start in range(0, 2 * fixed, 157):
        piece = slice(start, start + 157)
        bets.look(value[:, piece], treated[:, piece], 0.5)
        found = np.where(bets.best[:, 0] >= bar(ALPHA), np.minimum(found, start / fixed), found)
    assert (found < 2).mean() >= 0.8
    assert np.median(found) <= 1.3
    assert (bets.leaning()[found < 2, 0] == 1).all()


@settings(max_examples=50, deadline=None)
@given(
    values=st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=6),
    share=st.floats(0.01, 0.99),
    seed=st.integers(0, 1000),
    ratio=st.booleans(),
)
def test_at_any_moment_the_next_unit_multiplies_wealth_by_one_on_average(
    values: list[float], share: float, seed: int, ratio: bool
) -> None:
    """The law of a test martingale, by enumerating the two arms that the next unit can get, whatever its outcome."""
    effect: Effect = Ratio(0.2) if ratio else Difference(0.5)
    rng = np.random.default_rng(seed)
    past, arms = rng.exponential(size=80), rng.random(80) < share

    def after(value: float, treated: float) -> Floats:
        bets = AssignmentBets(effect)
        bets.look(past, arms, share)
        bets.look(np.array([value]), np.array([treated]), share)
        return np.asarray(np.exp(bets._wealth[0]))

    for value in values:
        mean = share * after(value, 1.0) + (1 - share) * after(value, 0.0)
        assert mean == pytest.approx(np.ones(len(MULTIPLES)))


def test_of_two_values_the_factor_is_the_ratio_of_likelihoods() -> None:
    """P(arm | outcome) / share under the ratio that is bet upon, given the rate of all units."""
    share, effect = 0.1, Ratio(1.0)
    past = np.repeat([0.0, 1.0], [980, 20])
    arms = np.zeros(1000)
    bets = AssignmentBets(effect)
    bets.look(past, arms, share)
    bets.look(np.array([1.0]), np.array([1.0]), share)
    times = 2.0**MULTIPLES
    assert np.exp(bets._wealth[0]) == pytest.approx(times / (1 + share * (times - 1)))


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), share=st.sampled_from([0.5, 0.1]))
def test_counted_units_are_the_same_as_units_one_by_one(seed: int, share: float) -> None:
    rng = np.random.default_rng(seed)
    value, treated = (rng.random(600) < 0.1).astype(float), (rng.random(600) < share).astype(float)
    single, counted = AssignmentBets(Ratio(0.5)), AssignmentBets(Ratio(0.5))
    for piece in (slice(0, 200), slice(200, 600)):
        single.look(value[piece], treated[piece], share)
        kinds, counts = np.unique(np.stack([value[piece], treated[piece]]), axis=1, return_counts=True)
        counted.look(kinds[0], kinds[1], share, count=counts)
    assert counted._wealth == pytest.approx(single._wealth)


@pytest.mark.parametrize(("kind", "share"), [("normal", 0.5), ("0.2", 0.1), ("lognormal", 0.5)])
def test_the_interval_holds_the_true_effect_at_all_times(kind: str, share: float) -> None:
    rng = np.random.default_rng(6)
    runs, units, effect = 200, 3000, effect_of(kind)
    truth = float(effect.at(np.array([3.0]))[0])
    treated = (rng.random((runs, units)) < share).astype(float)
    if kind == "normal":
        value = drawn(kind, treated.shape, rng) + truth * treated
    elif kind == "lognormal":
        value = drawn(kind, treated.shape, rng) * (1 + truth * treated)
    else:
        value = (rng.random(treated.shape) < float(kind) * (1 + truth * treated)).astype(float)
    bets = AssignmentBets(effect, np.array([3.0]), (runs,))
    assert (looked(bets, value, treated, share) >= bar(ALPHA)).mean() <= ALPHA


def test_an_interval_narrows_around_the_effect() -> None:
    rng = np.random.default_rng(7)
    bets = AssignmentBets(Difference(0.1), np.linspace(-8, 8, 81))
    widths = []
    for _ in range(20):
        treated = rng.random(1000) < 0.5
        bets.look(rng.normal(size=1000) + 0.3 * treated, treated, 0.5)
        low, high = bets.interval(bar(ALPHA))
        widths.append(high - low)
    assert low < 0.3 < high
    assert widths[-1] < 0.2
    assert sorted(widths, reverse=True) == widths


def test_an_effect_beyond_the_grid_has_no_bound_there() -> None:
    nulls = np.array([-1.0, 0.0, 1.0])
    inwards = np.array([1, 1, -1])
    assert kept(nulls, np.array([9.0, 9.0, 0.0]), 3.0, inwards) == (0.0, math.inf)
    assert all(map(math.isnan, kept(nulls, np.array([9.0, 9.0, 9.0]), 3.0, inwards)))
    assert kept(nulls, np.array([9.0, 9.0, 9.0]), 3.0, np.array([1, 1, 1])) == (1.0, math.inf)
    assert kept(nulls, np.array([9.0, 9.0, 9.0]), 3.0, np.array([-1, -1, -1])) == (-math.inf, -1.0)


def test_what_was_predicted_from_before_lessens_the_units_needed() -> None:
    rng = np.random.default_rng(8)
    treated = (rng.random(3000) < 0.5).astype(float)
    before = 2 * rng.normal(size=3000)
    value = before + rng.normal(size=3000) + 0.1 * treated
    raw, adjusted = AssignmentBets(Difference(0.1)), AssignmentBets(Difference(0.1))
    for start in range(0, 3000, 100):
        piece = slice(start, start + 100)
        raw.look(value[piece], treated[piece], 0.5)
        adjusted.look(value[piece], treated[piece], 0.5, before[piece])
    assert adjusted.best[0] > raw.best[0] + 1


def test_no_units_and_units_that_are_all_alike_say_nothing() -> None:
    bets = AssignmentBets(Ratio(0.1))
    bets.look(np.zeros(0), np.zeros(0), 0.5)
    for _ in range(3):
        bets.look(np.ones(100), np.ones(100), 0.5)
    assert bets.best[0] == 0

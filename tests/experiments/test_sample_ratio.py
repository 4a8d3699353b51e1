"""Units that do not come as the weights say."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from hyperplan.experiments.sample_ratio import ALPHA, mismatch, mismatches
from hyperplan.skew.evidence import average

BAR = -math.log(ALPHA)


def ever(share: float, runs: int) -> float:
    """The share of runs called broken at any of 100 looks, the weights being 9 to 1."""
    rng = np.random.default_rng(1)
    treated = rng.binomial(100, share, (runs, 100)).cumsum(axis=-1)
    counts = np.stack([100 * np.arange(1, 101) - treated, treated], axis=-1).astype(float)
    won = average(np.moveaxis(mismatches(counts, np.array([0.9, 0.1])), -1, 0))
    return float((won.max(axis=-1) >= BAR).mean())


def test_units_that_come_as_declared_are_seldom_called_broken() -> None:
    assert ever(0.1, 4000) <= 2 * ALPHA  # 4,000 runs of a test that errs in at most 4


@settings(max_examples=50, deadline=None)
@given(units=st.integers(0, 40), share=st.floats(0.001, 0.999))
def test_wealth_is_one_on_average_if_units_come_as_declared(units: int, share: float) -> None:
    treated = np.arange(units + 1)
    counts = np.stack([units - treated, treated], axis=-1).astype(float)
    won = mismatches(counts, np.array([1 - share, share]))
    assert binom.pmf(treated, units, share) @ np.exp(won) == pytest.approx(np.ones(won.shape[-1]))


def test_an_arm_that_loses_a_fifth_of_its_units_is_found() -> None:
    assert ever(0.08, 200) > 0.95


def test_revisions_are_held_against_their_own_weights() -> None:
    counts = {1: {"a": 9_900, "b": 100}, 2: {"a": 5_000, "b": 5_000}}
    assert mismatch(counts, {1: {"a": 99, "b": 1}, 2: {"a": 1, "b": 1}}) < 0
    assert mismatch(counts, {1: {"a": 1, "b": 1}, 2: {"a": 1, "b": 1}}) > BAR


def test_units_of_an_arm_without_weight_cannot_be() -> None:
    assert mismatch({1: {"a": 5, "b": 1}}, {1: {"a": 1, "b": 0}}) == math.inf

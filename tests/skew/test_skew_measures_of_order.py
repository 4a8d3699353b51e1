"""Measures of numbers and of counts, against scipy on random data."""

import doctest
import importlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2_contingency, ks_2samp, wasserstein_distance

from hyperplan.profile import Numbers
from hyperplan.skew.bins import Bins
from hyperplan.skew.chi_square import chi_square_statistic
from hyperplan.skew.kolmogorov_smirnov import kolmogorov_smirnov_distance
from hyperplan.skew.l_infinity import l_infinity_distance
from hyperplan.skew.wasserstein import wasserstein_distance as of_sketches

MODULES = ["kolmogorov_smirnov", "wasserstein", "l_infinity", "chi_square"]
SEEDS = st.integers(0, 2**32 - 1)


@pytest.mark.parametrize("module", MODULES)
def test_the_examples_run(module: str) -> None:
    results = doctest.testmod(importlib.import_module(f"hyperplan.skew.{module}"))
    assert results.attempted
    assert not results.failed


def samples(seed: int) -> tuple[np.ndarray, np.ndarray]:
    source = np.random.default_rng(seed)
    sizes = source.integers(50, 2000, 2)
    location, scale = source.normal(0, 1), source.gamma(2)
    return source.normal(5, 2, sizes[0]), source.normal(5 + location, 2 * scale, sizes[1])


@settings(max_examples=25)
@given(SEEDS)
def test_kolmogorov_smirnov_is_that_of_scipy_but_for_the_cells(seed: int) -> None:
    one, other = samples(seed)
    found = kolmogorov_smirnov_distance(Numbers.of(one), Numbers.of(other))
    assert found == pytest.approx(ks_2samp(one, other).statistic, abs=0.03)


@settings(max_examples=25)
@given(SEEDS)
def test_kolmogorov_smirnov_of_numbers_with_cells_of_their_own_is_that_of_scipy(seed: int) -> None:
    source = np.random.default_rng(seed)
    one, other = source.poisson(4, 300).astype(float), source.poisson(6, 200).astype(float)
    found = kolmogorov_smirnov_distance(Numbers.of(one), Numbers.of(other))
    assert found == pytest.approx(ks_2samp(one, other).statistic)


@settings(max_examples=25)
@given(SEEDS)
def test_wasserstein_is_that_of_scipy_but_for_the_accuracy_of_sketches(seed: int) -> None:
    one, other = samples(seed)
    found = of_sketches(Numbers.of(one), Numbers.of(other))
    error = 0.01 * (np.abs(one).mean() + np.abs(other).mean())
    assert found == pytest.approx(wasserstein_distance(one, other), abs=error)


COUNTS = st.lists(st.tuples(st.integers(0, 500), st.integers(0, 500)), min_size=2, max_size=15).filter(
    lambda pairs: sum(a for a, _ in pairs) > 0 and sum(b for _, b in pairs) > 0
)


@given(COUNTS)
def test_chi_square_is_that_of_scipy(pairs: list[tuple[int, int]]) -> None:
    bins = Bins(*(np.array(side, np.float64) for side in zip(*pairs, strict=True)))
    table = np.array([pair for pair in pairs if sum(pair)]).T
    expected = chi2_contingency(table, correction=False).statistic if table.shape[1] > 1 else 0.0
    assert chi_square_statistic(bins) == pytest.approx(expected, abs=1e-9)


@given(COUNTS)
def test_l_infinity_is_symmetric_and_within_its_bounds(pairs: list[tuple[int, int]]) -> None:
    reference, serving = (np.array(side, np.float64) for side in zip(*pairs, strict=True))
    there, back = l_infinity_distance(Bins(reference, serving)), l_infinity_distance(Bins(serving, reference))
    assert there == back
    assert 0 <= there <= 1
    assert l_infinity_distance(Bins(reference, reference * 3)) == pytest.approx(0)

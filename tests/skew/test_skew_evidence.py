"""E-values: fair bets, sums over time and procedures over features, held to what their theory promises."""

import doctest
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import betabinom, dirichlet_multinomial

from hyperplan.skew import evidence
from hyperplan.skew.evidence import average, log_likelihood, rate_evidence, significant, since_any, smoothed, threshold

LOG_E = st.dictionaries(st.text(max_size=3), st.floats(-50, 50), max_size=30)


def test_the_examples_run() -> None:
    results = doctest.testmod(evidence)
    assert results.attempted
    assert not results.failed


@given(st.lists(st.integers(0, 50), min_size=2, max_size=6), st.floats(0.1, 100))
def test_the_likelihood_is_that_of_scipy_but_for_the_orders(counts: list[int], strength: float) -> None:
    concentrations = np.linspace(1, 2, len(counts)) * strength
    orders = math.lgamma(sum(counts) + 1) - sum(math.lgamma(count + 1) for count in counts)
    expected = dirichlet_multinomial.logpmf(counts, concentrations, sum(counts)) - orders
    assert log_likelihood(np.array(counts, np.float64), concentrations) == pytest.approx(expected, abs=1e-6)


def test_the_mean_of_a_bet_on_a_rate_is_one_when_nothing_changed() -> None:
    null = smoothed([30, 970])
    hits = np.arange(201)
    chances = betabinom.pmf(hits, 200, *null)
    bets = [math.exp(rate_evidence((30, 1000), (int(count), 200))) for count in hits]
    assert float(chances @ bets) == pytest.approx(1.0)


@given(LOG_E)
def test_what_is_found_at_many_features_has_enough_evidence_on_average(log_e: dict[str, float]) -> None:
    found = significant(log_e, 1000)
    if found:
        assert average(list(log_e.values())) >= math.log(1000) - 1e-9
    assert {key for key, value in log_e.items() if value >= threshold(len(log_e), 1000)} <= found


@given(LOG_E, st.floats(1, 1e6))
def test_more_evidence_never_finds_less(log_e: dict[str, float], run_length: float) -> None:
    more = {key: value + 1 for key, value in log_e.items()}
    assert significant(log_e, run_length) <= significant(more, run_length)


def test_the_sum_over_beginnings_takes_long_to_reach_its_threshold_by_chance() -> None:
    source = np.random.default_rng(5)
    looks, bar, runs = 40, 40.0, 4000
    # Bets that double or vanish: the hardest of fair bets.
    won = np.where(source.random((runs, looks)) < 0.5, math.log(2), -np.inf)
    stopped = np.full(runs, looks + 1)
    for look in range(looks, 0, -1):
        since = np.stack([won[:, start:look].sum(axis=1) for start in range(look)])
        stopped[since_any(since) >= math.log(bar)] = look
    # At least `bar` looks on average means that few stop early.
    assert (stopped <= looks).mean() < 0.7
    assert np.minimum(stopped, looks).mean() > 0.5 * bar

"""Guardrails on rates, from counters: sound arms are left alone at any look, broken ones are found soon."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from hyperplan.experiments.rates import excess, shifted

ALPHA = 0.01
BAR = -np.log(ALPHA)


def alarms(
    rate: float, control: float, share: float, *, margin: float = 1.0, runs: int = 1000, canary: int = 1500
) -> float:
    """The share of runs with an alarm at any of the looks after each 30 requests of the canary."""
    rng = np.random.default_rng(1)
    ticks, each, others = canary // 30, 30, round(30 * (1 - share) / share)
    hits = rng.binomial(each, rate, (runs, ticks))
    control_hits = rng.binomial(others, control, (runs, ticks))
    won = excess(hits, np.full_like(hits, each), control_hits, np.full_like(hits, others), margin)
    return float((won.max(axis=-1) >= BAR).mean())


@pytest.mark.parametrize("share", [0.01, 0.05, 0.25])
def test_a_canary_that_fails_three_times_as_often_is_found_within_1500_requests(share: float) -> None:
    assert alarms(0.03, 0.01, share) >= 0.95


@pytest.mark.parametrize("share", [0.01, 0.05, 0.25, 0.5])
@pytest.mark.parametrize("rate", [0.001, 0.01, 0.3])
def test_a_sound_canary_is_left_alone(rate: float, share: float) -> None:
    assert alarms(rate, rate, share, canary=6000) <= ALPHA


def test_a_canary_within_the_margin_is_left_alone() -> None:
    assert alarms(0.02, 0.01, 0.1, margin=2.0, canary=6000) <= ALPHA


@settings(max_examples=50, deadline=None)
@given(
    treated=st.integers(0, 12),
    control=st.integers(0, 12),
    rate=st.integers(0, 500).map(lambda thousandths: thousandths / 1000),
    margin=st.floats(1, 2),
    part=st.sampled_from([0.0, 0.5, 0.9, 1.0]),
)
def test_wealth_is_at_most_one_on_average_whatever_the_rate(
    treated: int, control: int, rate: float, margin: float, part: float
) -> None:
    """By enumerating all that can happen; the treatment's rate is up to the margin times that of the control arm."""
    ours, theirs = np.meshgrid(np.arange(treated + 1), np.arange(control + 1))
    chance = binom.pmf(ours, treated, part * margin * rate) * binom.pmf(theirs, control, rate)
    won = excess(ours[..., None], np.full((1,), treated), theirs[..., None], np.full((1,), control), margin)[..., 0]
    assert (chance * np.exp(won)).sum() <= 1 + 1e-9


def test_an_outage_that_hits_both_arms_is_no_evidence() -> None:
    rng = np.random.default_rng(2)
    rate = np.where(np.arange(60) % 10 < 3, 0.6, 0.005)
    hits, others = rng.binomial(50, rate, (1000, 60)), rng.binomial(450, rate, (1000, 60))
    won = excess(hits, np.full_like(hits, 50), others, np.full_like(others, 450), 1.0)
    assert (won.max(axis=-1) >= BAR).mean() <= ALPHA


def test_ticks_without_requests_say_nothing() -> None:
    assert excess([0, 3, 0], [0, 10, 0], [0, 0, 3], [0, 0, 10], 1.0) == pytest.approx([0, 0, 0])


def test_predictions_that_move_are_found_and_those_that_do_not_are_left_alone() -> None:
    rng = np.random.default_rng(3)

    def alarmed(shares: list[float]) -> float:
        ours = rng.multinomial(100, shares, (500, 40)).swapaxes(-1, -2)
        theirs = rng.multinomial(100, [0.25] * 4, (500, 40)).swapaxes(-1, -2)
        return float((shifted(ours, theirs, 1.25).max(axis=-1) >= BAR).mean())

    assert alarmed([0.25] * 4) <= ALPHA
    assert alarmed([0.05, 0.25, 0.25, 0.45]) >= 0.95

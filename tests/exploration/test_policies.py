"""Weights follow what arms earn, sum to one, and leave none without traffic."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from hyperplan.exploration.best import chances
from hyperplan.exploration.block import Exploration
from hyperplan.exploration.evidence import NOTHING, Earned, Evidence
from hyperplan.exploration.policies import moved, shares
from hyperplan.routing import Split

FINITE = st.floats(-1e6, 1e6)
EARNED = st.one_of(
    st.just(NOTHING), st.builds(Earned, FINITE, st.floats(0, 1e6), st.floats(1, 1e6), st.integers(1, 1_000_000))
)
RATES = st.one_of(
    st.just(NOTHING), st.builds(Earned, st.floats(0, 1), st.floats(0, 0.5), st.floats(1, 1e6), st.integers(1, 10**6))
)


def evidence_of(*earned: Earned, binary: bool = False) -> Evidence:
    return Evidence(tuple(f"m@{number}" for number in range(len(earned))), tuple(earned), binary)


EVIDENCE = st.one_of(
    st.lists(EARNED, min_size=2, max_size=6).map(lambda earned: evidence_of(*earned)),
    st.lists(RATES, min_size=2, max_size=6).map(lambda earned: evidence_of(*earned, binary=True)),
)


@given(EVIDENCE, st.sampled_from(["epsilon", "thompson"]), st.floats(0.001, 0.15), st.floats(0.01, 1))
def test_shares_sum_to_one_and_none_is_below_the_floor(
    found: Evidence, policy: str, floor: float, epsilon: float
) -> None:
    block = Exploration(policy=policy, floor=floor, epsilon=epsilon)  # type: ignore[arg-type]
    given_ = shares(block, found)
    assert sum(given_.values()) == pytest.approx(1)
    assert min(given_.values()) >= floor * (1 - 1e-9)
    assert sum(Split(given_, "salt").propensities.values()) == pytest.approx(1)


def test_the_chance_of_rates_is_that_of_their_beta_distributions() -> None:
    found = chances(evidence_of(Earned(0.2, 0.4, 100, 100), Earned(0.3, 0.46, 100, 100), binary=True))
    drawn = np.random.default_rng(1)
    first, second = drawn.beta(21, 81, 400_000), drawn.beta(31, 71, 400_000)
    assert found[1] == pytest.approx((second > first).mean(), abs=0.003)


def test_the_chance_of_numbers_is_that_of_normal_distributions() -> None:
    found = chances(evidence_of(Earned(0.0, 1.0, 10_000, 10_000), Earned(0.02, 1.0, 10_000, 10_000)))
    assert found[1] == pytest.approx(stats.norm.cdf(0.02 / np.sqrt(2 / 10_000)), abs=0.003)


def test_arms_of_which_nothing_is_known_are_alike() -> None:
    assert chances(evidence_of(NOTHING, NOTHING, NOTHING, binary=True)).tolist() == pytest.approx([1 / 3] * 3)


def test_an_arm_of_which_nothing_is_known_is_tried() -> None:
    for binary in (True, False):
        known, unknown = chances(evidence_of(Earned(0.2, 0.4, 1_000, 1_000), NOTHING, binary=binary))
        assert unknown > 0.3, binary
        assert known + unknown == pytest.approx(1)


def test_epsilon_gives_the_best_all_but_its_share() -> None:
    found = evidence_of(Earned(0.2, 0.4, 10, 10), Earned(0.3, 0.4, 10, 10), NOTHING, binary=True)
    given_ = shares(Exploration(policy="epsilon", epsilon=0.3, floor=0.01), found)
    assert list(given_.values()) == pytest.approx([0.107, 0.786, 0.107])


def test_epsilon_shares_evenly_among_the_best_and_while_nothing_is_known() -> None:
    alike = Earned(0.2, 0.4, 10, 10)
    block = Exploration(policy="epsilon", epsilon=0.2)
    assert list(shares(block, evidence_of(alike, alike)).values()) == pytest.approx([0.5, 0.5])
    assert list(shares(block, evidence_of(NOTHING, NOTHING)).values()) == pytest.approx([0.5, 0.5])


@pytest.mark.parametrize(
    ("before", "after", "share"),
    [
        ({"a": 1, "b": 1}, {"a": 50, "b": 50}, 0),
        ({"a": 1, "b": 1}, {"a": 1}, 0.5),
        ({"a": 9, "b": 1}, {"a": 7, "b": 3}, 0.2),
    ],
)
def test_what_moves_is_the_share_that_gets_another_arm(
    before: dict[str, float], after: dict[str, float], share: float
) -> None:
    assert moved(before, after) == pytest.approx(share)

"""Estimates of what another policy would have earned: their laws, their intervals, and when nothing is said."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from hyperplan.evaluation.estimators import ESTIMATORS, sums
from hyperplan.evaluation.evaluate import FEWEST, effective_size, estimates, evaluate
from hyperplan.evaluation.interval import interval
from hyperplan.evaluation.logged import Logged
from hyperplan.evaluation.outcome_model import expected
from hyperplan.evaluation.policy import parse_policy
from hyperplan.exploration.block import Reward
from hyperplan.outcomes import Coded, Outcomes
from tests.support.outcomes import outcomes

LOGGING = {1: {"a@1": 0.8, "b@1": 0.2}, 2: {"a@1": 0.3, "b@1": 0.7}, 3: {"a@1": 1.0}}
REWARD = Reward()


def log(rng: np.random.Generator, rows: int, logging: list[float], target: list[float], **columns: object) -> Logged:
    """Rows under one set of weights; arm 1 earns 1 more than arm 0."""
    arm = rng.choice(len(logging), rows, p=logging)
    made = Logged(
        arm=arm,
        propensity=np.array(logging)[arm],
        reward=rng.standard_normal(rows) + arm,
        requests=np.ones(rows),
        entity=np.arange(rows),
        regime=np.zeros(rows, np.int64),
        logging=np.array([logging]),
        target=np.tile(target, (rows, 1)).astype(np.float64),
    )
    return made._replace(**columns)  # type: ignore[arg-type]


SHARES = st.lists(st.floats(0.05, 1), min_size=2, max_size=4).map(
    lambda weights: [one / sum(weights) for one in weights]
)


@given(SHARES, st.integers(0, 2**32 - 1))
def test_what_the_logging_policy_would_have_earned_is_what_was_earned(shares: list[float], seed: int) -> None:
    rows = log(np.random.default_rng(seed), 40, shares, shares)
    for name in ("ips", "snips"):
        above, below = sums(rows, ESTIMATORS[name](rows))
        assert above.sum() / below.sum() == pytest.approx(rows.reward.mean())
    assert effective_size(rows) == pytest.approx(40)


@given(
    SHARES,
    SHARES,
    st.floats(-100, 100),
    st.floats(-10, 10).filter(lambda factor: abs(factor) > 0.1),
    st.integers(0, 2**32 - 1),
)
def test_what_is_added_to_all_rewards_is_added_to_the_self_normalised_estimate_and_factors_are_factors_of_all(
    shares: list[float], other: list[float], offset: float, factor: float, seed: int
) -> None:
    size = min(len(shares), len(other))
    shares, other = ([one / sum(given_[:size]) for one in given_[:size]] for given_ in (shares, other))
    rows = log(np.random.default_rng(seed), 200, shares, other)
    assume(len(np.unique(rows.arm)) == size)

    def value(name: str, reward: object) -> float:
        changed = rows._replace(reward=reward)  # type: ignore[arg-type]
        above, below = sums(changed, ESTIMATORS[name](changed))
        return float(above.sum() / below.sum())

    assert value("snips", rows.reward + offset) == pytest.approx(value("snips", rows.reward) + offset, abs=1e-6)
    for name in ("ips", "snips"):
        assert value(name, rows.reward * factor) == pytest.approx(value(name, rows.reward) * factor, abs=1e-6)


def test_every_estimate_finds_what_another_arm_earns() -> None:
    rows = log(np.random.default_rng(1), 20_000, [0.8, 0.2], [0.0, 1.0])
    for name, found in estimates(rows).items():
        assert found.low < 1 < found.high, name
        assert found.high - found.low < 0.15, name


def test_the_doubly_robust_estimate_is_right_where_propensities_are_wrong_but_the_model_is_not() -> None:
    rng = np.random.default_rng(2)
    rows = log(rng, 20_000, [0.5, 0.5], [0.0, 1.0])
    rows = rows._replace(propensity=np.full(20_000, 0.25))  # it was chosen twice as often as it says
    found = estimates(rows)
    assert found["ips"].value == pytest.approx(2, abs=0.1)
    assert found["dr"].value == pytest.approx(1, abs=0.05)


def test_the_doubly_robust_interval_is_shorter_where_slices_tell_what_is_earned() -> None:
    rng = np.random.default_rng(3)
    slice_ = rng.integers(0, 2, 8_000)
    rows = log(rng, 8_000, [0.8, 0.2], [0.0, 1.0])
    rows = rows._replace(reward=rows.reward + 10 * slice_, slices=(Coded(slice_.astype(np.int32), ("x", "y")),))
    found = estimates(rows)
    assert found["dr"].high - found["dr"].low < (found["snips"].high - found["snips"].low) / 2


def test_no_row_is_judged_by_a_model_that_saw_its_entity_or_what_came_later() -> None:
    rng = np.random.default_rng(4)
    rows = log(rng, 400, [0.5, 0.5], [0.0, 1.0])
    rows = rows._replace(regime=np.arange(400) // 100, logging=np.tile([0.5, 0.5], (4, 1)))
    before = expected(rows)
    for changed in (0, 150, 399):
        reward = rows.reward.copy()
        reward[changed] += 1_000
        after = expected(rows._replace(reward=reward))
        moved = np.flatnonzero((np.abs(after - before) > 1e-9).any(axis=1))
        assert changed not in moved
        assert rows.regime[moved].min(initial=9) >= rows.regime[changed]


def test_regimes_in_which_the_policy_was_hardly_followed_count_less_by_row() -> None:
    rng = np.random.default_rng(5)
    rows = log(rng, 4_000, [0.5, 0.5], [0.0, 1.0])
    late = np.arange(4_000) >= 2_000
    arm = np.where(late, rng.random(4_000) < 0.02, rows.arm == 1).astype(np.int64)
    logging = np.array([[0.5, 0.5], [0.98, 0.02]])
    regime = late.astype(np.int64)
    rows = rows._replace(
        arm=arm,
        regime=regime,
        logging=logging,
        propensity=logging[regime, arm],
        reward=rng.standard_normal(4_000) + arm,
    )
    _, below = sums(rows, ESTIMATORS["ips"](rows))
    assert below[0] / below[-1] == pytest.approx(np.sqrt(0.5 / 0.02))


# Intervals.


def test_an_interval_stays_where_values_can_be_and_is_wider_on_the_side_of_the_tail() -> None:
    hits = np.array([1.0] * 3 + [0.0] * 97)
    value, low, high = interval(hits, np.ones(100), 100)
    assert 0 < low < value < high < 1
    assert high - value > 1.5 * (value - low)


def test_where_nothing_varies_the_interval_is_the_value() -> None:
    assert interval(np.full(60, 2.0), np.ones(60), 60) == (2.0, 2.0, 2.0)


@pytest.mark.parametrize("draw", ["normal", "exponential"])
def test_nineteen_of_twenty_intervals_hold_the_truth(draw: str) -> None:
    rng = np.random.default_rng(6)
    truth = 0.0 if draw == "normal" else 1.0
    bounds = [interval(getattr(rng, f"standard_{draw}")(200), np.ones(200), 200)[1:] for _ in range(400)]
    assert 0.92 <= np.mean([low <= truth <= high for low, high in bounds]) <= 0.98


def test_fewer_entities_allow_for_more() -> None:
    values = np.random.default_rng(7).standard_normal(100)
    _, low, high = interval(values, np.ones(100), 5)
    _, wide_low, wide_high = interval(values, np.ones(100), 1_000)
    assert low < wide_low < wide_high < high


# What is evaluated, and what is not.


def many(rows: int = 400, **columns: object) -> Outcomes:
    arms = ["a@1", "a@1", "a@1", "a@1", "b@1"] * (rows // 5)
    reward = [0.0, 1.0, 0.0, 0.0, 1.0] * (rows // 5)
    propensity = np.array([0.8, 0.8, 0.8, 0.8, 0.2] * (rows // 5))
    return outcomes(arms, reward, **({"propensity": propensity} | columns))


def test_a_policy_is_evaluated_and_compared_with_what_was() -> None:
    found = evaluate(many(), LOGGING, parse_policy("b@1=1"), REWARD)
    assert (found.rows, found.entities) == (400, 400)
    assert found.effective == pytest.approx(80)
    assert found.estimates["snips"].value == pytest.approx(1)
    assert found.logged is not None
    assert found.logged.value == pytest.approx(0.4)
    assert found.more is not None
    assert found.more.low > 0
    assert "more than the 0.4 that was earned" in found.words


def test_below_an_effective_size_of_fifty_nothing_is_said_but_why() -> None:
    found = evaluate(many(200), LOGGING, parse_policy("b@1=1"), REWARD)
    assert (found.estimates, found.more) == ({}, None)
    assert found.effective < FEWEST
    assert "as much as 40 entities" in found.words
    assert "about 2 times as much" in found.words


def test_rows_of_one_entity_are_one() -> None:
    entity = Coded.of([f"e{number // 20}" for number in range(400)])
    found = evaluate(many(entity=entity), LOGGING, parse_policy("b@1=1"), REWARD)
    assert found.entities == 20
    assert found.effective == pytest.approx(20)
    assert not found.estimates


def test_forced_requests_and_rows_without_a_reward_are_left_out_and_counted() -> None:
    given_ = many(forced=np.arange(400) < 50)
    given_.reward[-10:] = np.nan
    found = evaluate(given_, LOGGING, parse_policy("a@1=1"), REWARD)
    assert (found.rows, found.left_out) == (340, {"forced": 50, "unrewarded": 10, "unsupported": 0})


def test_times_at_which_an_arm_of_the_policy_had_no_share_are_left_out() -> None:
    revision = np.where(np.arange(400) < 100, 3, 1)
    found = evaluate(many(revision=revision), LOGGING, parse_policy("b@1=1"), REWARD)
    assert (found.rows, found.left_out["unsupported"]) == (300, 100)
    # An arm that the policy does not choose need not have been tried.
    found = evaluate(many(revision=revision), LOGGING, parse_policy("a@1=1"), REWARD)
    assert found.rows == 400


def test_an_arm_that_never_had_a_share_is_said_to_have_been_unseen() -> None:
    found = evaluate(many(), LOGGING, parse_policy("new@1=1"), REWARD)
    assert found.words.startswith("new@1 took no traffic in this time")
    assert found.logged is None


def test_without_any_reward_that_is_said() -> None:
    found = evaluate(outcomes([], []), {}, parse_policy("a@1=1"), REWARD)
    assert "send feedback" in found.words


def test_what_was_sampled_seldom_counts_more() -> None:
    given_ = many()
    inclusion = np.where(given_.reward > 0, 0.1, 1.0)
    found = evaluate(many(inclusion=inclusion), LOGGING, parse_policy("a@1=80, b@1=20"), REWARD)
    assert found.estimates["snips"].value == pytest.approx(1_600 / 1_840)


def test_revisions_with_the_same_weights_are_one_regime() -> None:
    logging = LOGGING | {2: LOGGING[1]}
    whole = evaluate(many(), LOGGING, parse_policy("b@1=1"), REWARD)
    revision = np.where(np.arange(400) < 200, 1, 2)
    parted = evaluate(many(revision=revision), logging, parse_policy("b@1=1"), REWARD)
    assert whole.estimates == parted.estimates

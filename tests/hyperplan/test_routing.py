"""The laws of choosing: weights are kept, keys stay where they are as long as they can, propensities are true."""

import math
import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from hyperplan.routing import Choice, Split

KEYS = [f"N{number}".encode() for number in range(20_000)]
SOME_KEYS = KEYS[:300]

weights = st.dictionaries(st.sampled_from("abcde"), st.floats(0.01, 100), min_size=2)


def arms(split: Split, keys: list[bytes] = SOME_KEYS) -> list[str]:
    return [split.stick(key).arm for key in keys]


@given(weights, st.binary())
def test_a_key_always_gets_the_same_arm_whatever_the_order_of_the_arms(shares: dict[str, float], key: bytes) -> None:
    split = Split(shares, "salt")
    backwards = Split(dict(reversed(shares.items())), "salt")
    assert split.stick(key).arm == split.stick(key).arm == backwards.stick(key).arm


@given(weights, st.floats(1.01, 10), st.data())
def test_keys_move_only_to_an_arm_that_grows(shares: dict[str, float], factor: float, data: st.DataObject) -> None:
    grown = data.draw(st.sampled_from(sorted(shares)))
    before, after = arms(Split(shares, "s")), arms(Split(shares | {grown: shares[grown] * factor}, "s"))
    assert all(new in (old, grown) for old, new in zip(before, after, strict=True))


@given(weights, st.floats(0, 0.99), st.data())
def test_keys_move_only_from_an_arm_that_shrinks(shares: dict[str, float], factor: float, data: st.DataObject) -> None:
    shrunk = data.draw(st.sampled_from(sorted(shares)))
    before, after = arms(Split(shares, "s")), arms(Split(shares | {shrunk: shares[shrunk] * factor}, "s"))
    assert all(old in (new, shrunk) for old, new in zip(before, after, strict=True))


@given(weights, st.integers(-10, 10))
def test_scaling_all_weights_moves_no_key(shares: dict[str, float], power: int) -> None:
    scaled = {arm: weight * 2.0**power for arm, weight in shares.items()}
    assert arms(Split(shares, "s")) == arms(Split(scaled, "s"))


@given(weights, st.data())
def test_removing_an_arm_moves_only_its_keys(shares: dict[str, float], data: st.DataObject) -> None:
    removed = data.draw(st.sampled_from(sorted(shares)))
    rest = {arm: weight for arm, weight in shares.items() if arm != removed}
    before, after = arms(Split(shares, "s")), arms(Split(rest, "s"))
    assert all(old in (new, removed) for old, new in zip(before, after, strict=True))


@given(weights)
def test_an_arm_of_weight_0_is_as_good_as_absent(shares: dict[str, float]) -> None:
    split = Split({"zero": 0} | shares | {"nought": 0.0}, "s")
    assert arms(split) == arms(Split(shares, "s"))
    assert set(split.propensities) == set(shares)
    source = random.Random(1)
    assert {split.draw(source).arm for _ in range(100)} <= set(shares)


@given(weights)
def test_propensities_are_the_shares_and_sum_to_1(shares: dict[str, float]) -> None:
    split = Split(shares, "s")
    total = sum(shares.values())
    assert math.isclose(math.fsum(split.propensities.values()), 1, rel_tol=1e-12)
    assert split.propensities == pytest.approx({arm: weight / total for arm, weight in shares.items()})
    for key in SOME_KEYS[:20]:
        choice = split.stick(key)
        assert choice.propensity == split.propensities[choice.arm]


@pytest.mark.parametrize(
    "shares", [{"a": 1, "b": 1}, {"a": 90, "b": 10}, {"a": 1, "b": 2, "c": 3, "d": 4}, {"a": 1, "b": 99}]
)
@pytest.mark.parametrize("salt", ["flight-delay", "ranking"])
def test_sticky_keys_are_shared_out_by_weight(shares: dict[str, float], salt: str) -> None:
    counts = Counter(arms(Split(shares, salt), KEYS))
    total = sum(shares.values())
    expected = [len(KEYS) * weight / total for weight in shares.values()]
    assert stats.chisquare([counts[arm] for arm in shares], expected).pvalue > 1e-3


def test_how_well_keys_fit_the_split_is_luck_that_depends_on_the_endpoint_alone() -> None:
    """One endpoint and its keys are one draw for ever. Over many, p-values are uniform: no arm is favoured anywhere."""
    shares = {"gbm@1": 80, "logit@1": 20}
    keys, expected = KEYS[:2000], [1600, 400]
    fits = []
    for number in range(200):
        counts = Counter(arms(Split(shares, f"endpoint-{number}"), keys))
        fits.append(stats.chisquare([counts[arm] for arm in shares], expected).pvalue)
    assert stats.kstest(fits, "uniform").pvalue > 1e-3


@pytest.mark.parametrize("shares", [{"a": 1, "b": 1}, {"a": 90, "b": 10}, {"a": 1, "b": 2, "c": 3, "d": 4}])
def test_draws_follow_the_propensities(shares: dict[str, float]) -> None:
    split, source = Split(shares, "s"), random.Random(20130101)
    counts = Counter(split.draw(source).arm for _ in range(20_000))
    expected = [20_000 * split.propensities[arm] for arm in shares]
    assert stats.chisquare([counts[arm] for arm in shares], expected).pvalue > 1e-3


def test_the_choices_of_two_endpoints_are_independent() -> None:
    shares = {"a": 1, "b": 1}
    pairs = Counter(zip(arms(Split(shares, "one"), KEYS), arms(Split(shares, "two"), KEYS), strict=True))
    table = [[pairs[first, second] for second in "ab"] for first in "ab"]
    assert stats.chi2_contingency(table).pvalue > 1e-3


def test_salt_and_arm_cannot_be_mistaken_for_one_another() -> None:
    assert arms(Split({"bc": 1, "x": 1}, "a"), KEYS[:1000]) != arms(Split({"c": 1, "x": 1}, "ab"), KEYS[:1000])
    first = [arm == "bc" for arm in arms(Split({"bc": 1, "d": 1}, "a"), KEYS)]
    second = [arm == "c" for arm in arms(Split({"c": 1, "bd": 1}, "ab"), KEYS)]
    agreement = sum(one == other for one, other in zip(first, second, strict=True))
    assert stats.binomtest(agreement, len(KEYS)).pvalue > 1e-3


def test_a_choice_is_the_same_on_every_machine_and_in_every_version() -> None:
    """Sidecars of two versions stand side by side while one replaces the other, and must agree."""
    split = Split({"gbm@1": 90, "logit@1": 10}, "flight-delay")
    chosen = "".join("g" if split.stick(key).arm == "gbm@1" else "l" for key in KEYS[:60])
    assert chosen == "gglggggggggggggggggggggggggglgggggggggggglgggggggggggggggggg"


def test_a_lone_arm_is_chosen_with_certainty() -> None:
    split = Split({"a": 3, "b": 0}, "s")
    assert split.stick(b"key") == split.draw(random.Random(1)) == Choice("a", 1.0)


@pytest.mark.parametrize("point", [0.0, 0.5, 1 - 2**-53])
def test_a_draw_at_either_end_finds_an_arm_with_a_weight(point: float) -> None:
    class Fixed(random.Random):
        def random(self) -> float:
            return point

    shares = {"z": 0.0, **{f"a{index}": 0.1 for index in range(10)}, "y": 0.0}
    choice = Split(shares, "s").draw(Fixed())
    assert choice.arm.startswith("a")
    assert choice.propensity == pytest.approx(0.1)


@given(weights, st.binary())
def test_very_unequal_weights_are_chosen_among_without_trouble(shares: dict[str, float], key: bytes) -> None:
    split = Split(shares | {"tiny": 1e-9, "huge": 1e9}, "s")
    assert 0 < split.stick(key).propensity <= 1

"""Constants and fills: one value for all, or one value for those that nobody had."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hyperplan.schema import AnyFeature, Bool, Category, Float
from hyperplan.skew.constants import constants
from hyperplan.skew.finding import Finding
from tests.support.looks import FIVE_MINUTES, NOON, case_of

CARRIERS = ["AA", "B6", "DL", "UA"]


def numbers(rows: int, seed: int = 0) -> Any:
    return np.random.default_rng(seed).normal(50, 20, rows).round(1)


def words(rows: int, seed: int = 0) -> Any:
    return np.random.default_rng(seed).choice(CARRIERS, rows).astype(object)


def found(feature: AnyFeature, training: Any, serving: Any) -> list[Finding]:
    return list(constants(case_of({"x": feature}, {"x": training}, {"x": serving})))


def test_a_number_that_stopped_moving_is_a_constant_since_it_did() -> None:
    (finding,) = found(Float(), numbers(5000), np.concatenate([numbers(400, 1), np.full(300, 51.3)]))
    assert (finding.kind, finding.finding, finding.details["value"]) == ("feature", "constant", 51.3)
    assert finding.since == NOON + 4 * FIVE_MINUTES
    assert finding.sentence.startswith("x has been 51.3 in every row since 12:20; in training ")


def test_a_category_that_stopped_moving_is_a_constant() -> None:
    (finding,) = found(Category(), words(5000), np.concatenate([words(500, 1), np.full(400, "UA", object)]))
    assert (finding.finding, finding.details["value"]) == ("constant", "UA")
    assert finding.effect == pytest.approx(0.75, abs=0.02)


def test_a_truth_that_is_always_the_same_is_a_constant() -> None:
    training = np.random.default_rng(0).random(5000) < 0.7
    (finding,) = found(Bool(), training.astype(object), np.full(400, False, object))
    assert finding.details["value"] == "false"


def test_what_training_mostly_had_is_no_constant() -> None:
    training = np.where(np.random.default_rng(0).random(5000) < 0.1, numbers(5000), 0.0)
    assert found(Float(), training, np.zeros(300)) == []


def test_hours_of_one_value_are_no_constant_where_looks_hardly_ever_had_two() -> None:
    hours = np.repeat(np.random.default_rng(0).integers(0, 5, 60), 100).astype(float)
    assert found(Float(), hours[:5000], hours[5000:5800]) == []


@pytest.mark.parametrize("fill", [0.0, -1.0, 999.0, -9999.0, 49.4829301])
def test_a_share_of_one_fill_is_a_default(fill: float) -> None:
    served = numbers(600, 1)
    served[400::4] = fill
    (finding,) = found(Float(), numbers(5000), served)
    assert (finding.finding, finding.details["value"]) == ("default", fill)
    assert finding.effect == pytest.approx(0.25)
    assert finding.since == NOON + 4 * FIVE_MINUTES
    assert "in 25 % of the rows since 12:20; " in finding.sentence


@pytest.mark.parametrize("fill", ["unknown", "N/A", "", "None"])
def test_a_word_for_none_is_a_default(fill: str) -> None:
    served = words(400, 1)
    served[::5] = fill
    (finding,) = found(Category(values=tuple(CARRIERS)), words(5000), served)
    assert (finding.finding, finding.details["value"]) == ("default", fill)


def test_a_fill_that_training_had_in_stretches_is_none() -> None:
    """Calm nights: the wind comes from nowhere, for hours."""
    winds = numbers(8000)
    for start in range(0, 8000, 400):
        winds[start : start + 100] = np.where(np.arange(100) % 2, 0.0, winds[start : start + 100])
    assert [f for f in found(Float(), winds[:6000], winds[6000:6100]) if f.finding == "default"] == []


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.floats(-20, 20), st.floats(0.5, 2))
def test_numbers_that_only_move_have_no_fill(seed: int, further: float, wider: float) -> None:
    served = (numbers(300, seed) * wider + further).round(1)
    assert found(Float(), numbers(3000), served) == []


def test_nothing_usable_says_nothing() -> None:
    assert found(Float(), numbers(1000), np.full(200, np.nan)) == []
    assert found(Float(), np.full(1000, np.nan), numbers(200)) == []

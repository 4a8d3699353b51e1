"""Numbers that got coarser or finer."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hyperplan.schema import Float
from hyperplan.skew.detect import detect
from hyperplan.skew.finding import Finding
from hyperplan.skew.precision import precision
from tests.support.looks import FIVE_MINUTES, NOON, case_of


def numbers(rows: int, seed: int = 0) -> Any:
    return np.random.default_rng(seed).normal(50, 20, rows)


def found(training: Any, serving: Any) -> list[Finding]:
    return list(precision(case_of({"x": Float()}, {"x": training}, {"x": serving})))


@pytest.mark.parametrize(("step", "digits"), [(1.0, 1), (10.0, 2), (0.5, np.log10(5))])
def test_rounded_numbers_are_coarser(step: float, digits: float) -> None:
    served = np.concatenate([numbers(300, 1).round(1), np.rint(numbers(300, 2) / step) * step])
    (finding,) = found(numbers(5000).round(1), served)
    assert (finding.finding, finding.details) == ("precision", {"step": step, "training": 0.1})
    assert finding.effect == pytest.approx(digits)
    assert finding.since == NOON + 3 * FIVE_MINUTES
    assert finding.sentence == f"x is rounded to multiples of {step:g} since 12:15; training had multiples of 0.1"


def test_numbers_with_more_digits_are_finer() -> None:
    (finding,) = found(numbers(5000).round(), numbers(300, 1).round(2))
    assert finding.sentence == "x comes in multiples of 0.01; training had multiples of 1"
    assert finding.effect == -2


def test_numbers_that_are_not_rounded_any_more_are_finer() -> None:
    (finding,) = found(numbers(5000).round(1), numbers(300, 1))
    assert finding.sentence == "x comes with all digits that a number can have; training had multiples of 0.1"
    assert finding.details["step"] is None


def test_rounding_to_tens_is_not_taken_for_a_scale() -> None:
    case = case_of(
        {"x": Float(unit="min")}, {"x": (10 * numbers(5000)).round()}, {"x": (10 * numbers(400, 1)).round(-1)}
    )
    assert "precision" in {finding.finding for finding in detect(case)}
    assert {"unit", "scale"} & {finding.finding for finding in detect(case)} == set()


def test_a_feature_that_was_never_rounded_has_no_precision_to_gain() -> None:
    assert found(numbers(5000), numbers(300, 1)) == []


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.integers(0, 3), st.floats(0.3, 3), st.floats(-50, 50))
def test_numbers_that_only_move_keep_their_precision(seed: int, places: int, wider: float, further: float) -> None:
    assert found(numbers(3000).round(places), (numbers(300, seed) * wider + further).round(places)) == []


@pytest.mark.parametrize("served", [np.zeros(200), np.full(200, 30.0), np.full(200, np.nan), np.arange(5.0)])
def test_a_few_values_say_nothing_of_precision(served: Any) -> None:
    assert found(numbers(5000).round(1), served) == []

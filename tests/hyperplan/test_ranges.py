"""Ranges of predictions and times: few, fixed, and whatever comes falls into one or none."""

from typing import Any, get_args

from hypothesis import given
from hypothesis import strategies as st

from hyperplan.endpoint import Task
from hyperplan.ranges import LATENCIES, RANGES, UNKNOWN, latency_of, range_of

JSON = st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(), st.lists, max_leaves=5)


@given(st.sampled_from(get_args(Task)), JSON)
def test_whatever_a_model_says_is_in_a_range_or_none(task: Task, prediction: Any) -> None:
    assert UNKNOWN <= range_of(task, prediction) < RANGES[task]


@given(st.floats(allow_nan=False, allow_infinity=False), st.floats(allow_nan=False, allow_infinity=False))
def test_ranges_of_numbers_are_in_their_order(one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert range_of("regression", low) <= range_of("regression", high)
    assert range_of("binary", low) <= range_of("binary", high)


def test_classes_are_told_apart_by_name_or_by_the_largest_probability() -> None:
    assert range_of("multiclass", "cat") != range_of("multiclass", "dog")
    assert range_of("multiclass", [0.2, 0.7, 0.1]) == 1


@given(st.floats(0, 1000))
def test_a_time_does_not_exceed_its_bound(seconds: float) -> None:
    position = latency_of(seconds)
    assert position == len(LATENCIES) or seconds <= LATENCIES[position]
    assert position == 0 or seconds > LATENCIES[position - 1]

"""What a comparison says of two models, by hand where that can be done, and by the laws that it keeps."""

import doctest
import importlib
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from hyperplan.comparison import Comparison, Half, Pair, compare
from hyperplan.comparison.quantiles import quantile
from hyperplan.comparison.rate import Rate, wilson
from hyperplan.endpoint import Task


def pair(primary: list[Any], shadow: list[Any], inclusion: float = 1.0) -> Pair:
    """A pair of good answers, 10 and 30 ms after the request."""
    return Pair(inclusion, Half(primary, False, 0.01), Half(shadow, False, 0.03))


def compared(task: Task, *rows: tuple[Any, Any], threshold: float = 0.5) -> Comparison:
    """The comparison of some rows, each of a request of its own."""
    return compare(task, [pair([one], [other]) for one, other in rows], threshold)


FAILED = Half([], True, None)


@pytest.mark.parametrize("module", ["quantiles", "rate"])
def test_examples_say_what_happens(module: str) -> None:
    results = doctest.testmod(importlib.import_module(f"hyperplan.comparison.{module}"))
    assert (results.failed, results.attempted > 0) == (0, True)


# Classes.


def test_scores_on_one_side_of_the_threshold_agree() -> None:
    found = compared("binary", (0.9, 0.6), (0.1, 0.4), (0.7, 0.2), (0.3, 0.8), (0.2, 0.7)).agreement
    assert found is not None
    assert (found.rows, found.rate.estimate) == (5, 0.4)
    assert [(one.primary, one.shadow, one.rows, one.share) for one in found.disagreements] == [
        ("0", "1", 2, 0.4),
        ("1", "0", 1, 0.2),
    ]


def test_another_threshold_makes_other_classes() -> None:
    rows = [(0.9, 0.6), (0.9, 0.95)]
    assert agreement_of(compared("binary", *rows)) == 1.0
    assert agreement_of(compared("binary", *rows, threshold=0.8)) == 0.5


def agreement_of(comparison: Comparison) -> float:
    assert comparison.agreement is not None
    return comparison.agreement.rate.estimate


@pytest.mark.parametrize(
    ("primary", "shadow"), [(0.7, [0.3, 0.7]), (True, 1), ([0.7], 0.7), (1, 0.9), ("late", "late"), (0, False)]
)
def test_forms_of_a_binary_prediction_that_mean_the_same_agree(primary: Any, shadow: Any) -> None:
    assert agreement_of(compared("binary", (primary, shadow))) == 1.0


def test_the_class_of_probabilities_is_the_largest() -> None:
    found = compared("multiclass", ([0.2, 0.5, 0.3], [0.1, 0.8, 0.1]), ([0.6, 0.2, 0.2], [0.3, 0.3, 0.4]))
    assert agreement_of(found) == 0.5
    assert found.agreement is not None
    assert [(one.primary, one.shadow) for one in found.agreement.disagreements] == [("0", "2")]


@pytest.mark.parametrize(("primary", "shadow"), [("setosa", "setosa"), (3, "3"), (3, 3.0)])
def test_labels_that_read_the_same_agree(primary: Any, shadow: Any) -> None:
    assert agreement_of(compared("multiclass", (primary, shadow))) == 1.0


@pytest.mark.parametrize(
    ("task", "primary", "shadow"),
    [
        ("binary", 0.9, "late"),
        ("binary", 0.9, None),
        ("binary", 0.9, math.nan),
        ("binary", 0.9, {"score": 0.9}),
        ("multiclass", [0.1, 0.9], 1),
        ("multiclass", [0.1, 0.9], [0.1, 0.8, 0.1]),
        ("multiclass", [], []),
        ("regression", 1.0, [1.0, 2.0]),
        ("regression", "1.0", "1.0"),
        ("regression", 1e200, 1e200),
        ("regression", [1.0, None], [1.0, None]),
    ],
)
def test_forms_that_do_not_tell_whether_they_mean_the_same_are_counted_and_not_compared(
    task: Task, primary: Any, shadow: Any
) -> None:
    found = compared(task, (primary, shadow))
    assert (found.rows, found.incomparable) == (0, 1)
    assert (found.agreement, found.differences) == (None, None)


def test_only_the_commonest_disagreements_are_named() -> None:
    rows = [("a", str(label)) for label in range(30) for _ in range(label)]
    found = compared("multiclass", *rows).agreement
    assert found is not None
    assert [one.shadow for one in found.disagreements] == [str(label) for label in range(29, 19, -1)]


# Numbers.


def test_the_difference_is_the_shadows_number_less_the_primarys() -> None:
    found = compared("regression", (10, 12.0), (20, 19.0), ([30], [35.0])).differences
    assert found is not None
    assert (found.rows, found.mean) == (3, 2.0)
    assert found.mean_absolute == pytest.approx(8 / 3)
    assert (found.p50, found.p95, found.correlation) == (2.0, None, None)


def test_with_enough_rows_the_spread_and_the_correlation_are_told() -> None:
    rows = [(float(value), value * 2.0 + 1) for value in range(100)]
    found = compared("regression", *rows).differences
    assert found is not None
    assert (found.p5, found.p25, found.p50, found.p75, found.p95) == (5.0, 25.0, 50.0, 75.0, 95.0)
    assert found.correlation == pytest.approx(1.0)


def test_a_model_that_always_says_the_same_correlates_with_nothing() -> None:
    found = compared("regression", *[(float(value), 7.0) for value in range(50)]).differences
    assert found is not None
    assert found.correlation is None


def test_probabilities_of_several_classes_differ_class_by_class() -> None:
    found = compared("multiclass", ([0.2, 0.5, 0.3], [0.1, 0.8, 0.1])).differences
    assert found is not None
    assert found.rows == 1
    assert found.mean_absolute == pytest.approx(0.2)


def test_labels_have_no_differences() -> None:
    assert compared("multiclass", ("a", "b")).differences is None
    assert compared("regression", (1.0, 2.0)).agreement is None


# Requests: which are compared, and how they ended.


def test_nothing_is_said_out_of_nothing() -> None:
    found = compare("binary", [])
    assert (found.pairs, found.requests, found.rows) == (0, 0, 0)
    assert (found.agreement, found.differences) == (None, None)
    assert (found.primary.error_rate, found.primary.p50) == (None, None)


def test_requests_that_one_of_them_failed_are_errors_and_not_compared() -> None:
    good = pair([0.9], [0.9])
    found = compare("binary", [good] * 6 + [good._replace(shadow=FAILED)] * 3 + [good._replace(primary=FAILED)])
    assert (found.pairs, found.rows, found.unread) == (10, 6, 4)
    assert (found.primary.failures, found.shadow.failures) == (1, 3)
    assert found.primary.error_rate is not None
    assert found.shadow.error_rate is not None
    assert (found.primary.error_rate.estimate, found.shadow.error_rate.estimate) == (0.1, 0.3)


def test_latencies_are_of_requests_that_both_answered() -> None:
    fast_failure = Half([], True, 0.0001)
    pairs = [pair([1.0], [1.0])] * 10 + [pair([1.0], [1.0])._replace(shadow=fast_failure)] * 50
    found = compare("regression", pairs)
    assert (found.primary.p50, found.shadow.p50) == (0.01, 0.03)


@pytest.mark.parametrize(("pairs", "told"), [(1, 0), (2, 1), (19, 1), (20, 2), (99, 2), (100, 3)])
def test_a_latency_is_told_only_of_enough_requests(pairs: int, told: int) -> None:
    found = compare("regression", [pair([1.0], [1.0])] * pairs).shadow
    assert [latency is not None for latency in (found.p50, found.p95, found.p99)] == [
        index < told for index in range(3)
    ]


def test_rows_are_compared_one_by_one_and_not_when_their_number_differs() -> None:
    found = compare("binary", [pair([0.9, 0.1, 0.9], [0.9, 0.9, "?"]), pair([0.9, 0.1], [0.9])])
    assert (found.rows, found.incomparable, found.mismatched) == (2, 1, 1)
    assert agreement_of(found) == 0.5


def test_a_request_counts_for_as_many_as_it_was_sampled_from() -> None:
    rare, common = pair([0.9], [0.1], 0.1), pair([0.9], [0.9], 1.0)
    found = compare("binary", [rare, common])
    assert found.requests == 11
    assert agreement_of(found) == pytest.approx(1 / 11)
    assert found.differences is not None
    assert found.differences.mean == pytest.approx(-0.8 * 10 / 11)


def test_rows_that_came_together_make_no_interval_narrower() -> None:
    together = compare("binary", [pair([0.9] * 50, [0.9] * 50)] * 10)
    alone = compare("binary", [pair([0.9], [0.9])] * 10)
    assert together.agreement is not None
    assert alone.agreement is not None
    assert together.agreement.rate == alone.agreement.rate


# Laws.

SCORES = st.floats(0, 1, allow_subnormal=False)
PAIRS = st.lists(
    st.builds(
        lambda rows, inclusion: pair([one for one, _ in rows], [other for _, other in rows], inclusion),
        st.lists(st.tuples(SCORES, SCORES), min_size=1, max_size=4),
        st.sampled_from([0.01, 0.5, 1.0]),
    ),
    min_size=1,
    max_size=30,
)


def swapped(pairs: list[Pair]) -> list[Pair]:
    return [Pair(one.inclusion, one.shadow, one.primary) for one in pairs]


@given(PAIRS)
def test_a_model_beside_itself_agrees_in_everything(pairs: list[Pair]) -> None:
    found = compare("binary", [one._replace(shadow=one.primary) for one in pairs])
    assert agreement_of(found) == 1.0
    assert found.differences is not None
    assert (found.differences.mean, found.differences.mean_absolute) == (0.0, 0.0)
    assert found.differences.correlation in (None, pytest.approx(1.0))
    assert found.primary == found.shadow


@given(PAIRS)
def test_the_other_way_round_agreement_stays_and_differences_turn(pairs: list[Pair]) -> None:
    there, back = compare("binary", pairs), compare("binary", swapped(pairs))
    assert there.agreement is not None
    assert back.agreement is not None
    assert there.agreement.rate == back.agreement.rate
    assert there.differences is not None
    assert back.differences is not None
    assert there.differences.mean == pytest.approx(-back.differences.mean)
    assert there.differences.mean_absolute == pytest.approx(back.differences.mean_absolute)
    assert (there.primary, there.shadow) == (back.shadow, back.primary)


@given(PAIRS)
def test_every_row_is_compared_or_counted(pairs: list[Pair]) -> None:
    found = compare("binary", pairs)
    assert found.rows + found.incomparable == sum(len(one.primary.predictions) for one in pairs)


@given(PAIRS, st.sampled_from([0.25, 0.5]))
def test_sampling_all_requests_half_as_often_changes_no_rate(pairs: list[Pair], factor: float) -> None:
    rarer = [one._replace(inclusion=one.inclusion * factor) for one in pairs]
    assert agreement_of(compare("binary", rarer)) == pytest.approx(agreement_of(compare("binary", pairs)))


@given(st.integers(1, 500).flatmap(lambda size: st.tuples(st.integers(0, size), st.just(size))))
def test_the_interval_of_equal_requests_is_wilsons(seen: tuple[int, int]) -> None:
    hits, size = seen
    expected = binomtest(hits, size).proportion_ci(method="wilson")
    assert wilson(hits / size, size) == pytest.approx((expected.low, expected.high))
    rate = Rate.of([1.0] * hits + [0.0] * (size - hits), [1.0] * size)
    assert rate is not None
    assert (rate.low, rate.high) == pytest.approx((expected.low, expected.high))


@given(st.lists(st.tuples(st.integers(-50, 50), st.integers(1, 5)), min_size=2, max_size=40))
def test_a_weighted_value_is_as_many_values(values: list[tuple[int, int]]) -> None:
    repeated = [value for value, weight in values for _ in range(weight)]
    expected = np.quantile(repeated, 0.5, method="inverted_cdf")
    assert quantile([value for value, _ in values], [weight for _, weight in values], 0.5) == expected

"""What a column shows, and what is made of it."""

import doctest
import importlib
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyperplan.schema import Category, Float, Int, NumberList, String
from hyperplan.schema.inference import Seen, inferred, roomy, unlike

FINITE = st.floats(allow_nan=False, allow_infinity=False)


@pytest.mark.parametrize("module", ["hyperplan.names", "hyperplan.schema.inference"])
def test_the_examples_in_the_documentation_run(module: str) -> None:
    results = doctest.testmod(importlib.import_module(module))
    assert results.attempted
    assert not results.failed


@given(FINITE, FINITE)
def test_a_range_has_room_for_more_than_was_seen_and_keeps_its_sign(one: float, other: float) -> None:
    smallest, largest = sorted((one, other))
    low, high = roomy(smallest, largest)
    assert low is None or (math.isfinite(low) and low <= smallest and (smallest < 0 or low >= 0))
    assert high is None or (math.isfinite(high) and high >= largest and (largest > 0 or high <= 0))


@given(st.floats(-1e9, 1e9), st.floats(1e-3, 1e9))
def test_a_range_is_about_twice_as_wide_as_what_was_seen(smallest: float, width: float) -> None:
    low, high = roomy(smallest, smallest + width)
    assert low is not None
    assert high is not None
    assert high - low <= 2.25 * width + 1e-6


def test_numbers_that_differ_in_every_row_are_identifiers_without_a_range() -> None:
    assert unlike(100, 100)
    assert not unlike(99, 99)
    assert not unlike(500, 1000)
    assert inferred("id", Seen("number", "BIGINT", 1000, 0, 1.0, 1000.0, whole=True, unlike=True)) == Int()


@pytest.mark.parametrize(
    ("values", "rows", "feature"),
    [
        (("b", "a"), 20, Category(values=("a", "b"))),
        (("b", "a"), 19, String()),
        (None, 1000, String()),
        ((), 1000, String()),
        (("x" * 101,), 1000, String()),
        (tuple(map(str, range(101))), 10_000, String()),
    ],
)
def test_texts_are_a_category_if_they_are_few_short_and_repeated(
    values: tuple[str, ...] | None, rows: int, feature: object
) -> None:
    assert inferred("c", Seen("text", "VARCHAR", rows, values=values)) == feature


@pytest.mark.parametrize(("name", "unit"), [("taxi_min", "min"), ("lengthKm", "km"), ("min", None), ("admin", None)])
def test_a_name_that_ends_like_a_unit_has_the_description_ask(name: str, unit: str | None) -> None:
    feature = inferred(name, Seen("number", "DOUBLE", 10))
    assert feature == Float(description=unit and f"in {unit}? its name ends so; if so, set unit: {unit}")


def test_lists_of_several_lengths_are_no_feature() -> None:
    assert inferred("v", Seen("list", "DOUBLE[]", 10, length=3)) == NumberList(length=3)
    assert "several lengths" in str(inferred("v", Seen("list", "DOUBLE[]", 10)))

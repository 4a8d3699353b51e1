"""Served values beside logged ones: which differ, and the relation that holds."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hyperplan.skew.pairs import Comparison, Relation, compare_numbers, compare_texts, examples

LOGGED = np.random.default_rng(0).integers(-20, 300, 1000).astype(float)
FINE = np.random.default_rng(1).normal(50, 20, 1000)
WORDS = np.random.default_rng(2).choice(np.array(["AA", "B6", "dl"], object), 1000)


def relation(comparison: Comparison) -> Relation:
    assert comparison.relation is not None
    return comparison.relation


def test_equal_values_do_not_differ() -> None:
    holed = np.where(LOGGED > 200, np.nan, LOGGED)
    assert compare_numbers(holed, holed).share == 0
    assert compare_numbers(FINE * 1.1 / 1.1, FINE).relation is None
    assert compare_texts(WORDS, WORDS.copy()).share == 0


def test_a_factor_is_that_of_the_declared_unit() -> None:
    found = relation(compare_numbers(LOGGED * 60, LOGGED, "min"))
    assert (found.name, found.details["factor"]) == ("unit", 60)
    assert found.sentence == "served 60 times larger: seconds where the log has minutes"


def test_an_undeclared_factor_lists_all_units_that_it_could_be() -> None:
    found = relation(compare_numbers(FINE * 1.609344, FINE))
    assert found.name == "scale"
    assert {"from": "mi", "to": "km"} in found.details["candidates"]
    assert {"from": "mph", "to": "km/h"} in found.details["candidates"]


def test_degrees_are_told_by_factor_and_offset() -> None:
    found = relation(compare_numbers(LOGGED * 1.8 + 32, LOGGED))
    assert (found.details["factor"], found.details["offset"]) == pytest.approx((1.8, 32))
    assert "degrees Fahrenheit where the log has degrees Celsius" in found.sentence


@settings(max_examples=30)
@given(st.floats(0.01, 1000), st.floats(-1000, 1000))
def test_any_line_is_told(factor: float, offset: float) -> None:
    comparison = compare_numbers(FINE * factor + offset, FINE)
    if comparison.relation is not None:
        line = comparison.relation.details
        assert line["factor"] * FINE + line["offset"] == pytest.approx(FINE * factor + offset)
    else:
        assert comparison.share < 0.01


@pytest.mark.parametrize(("served", "sentence"), [(FINE.round(1), "rounded"), (np.trunc(FINE), "cut off")])
def test_a_rounding_is_told_from_cutting_off(served: Any, sentence: str) -> None:
    found = relation(compare_numbers(served, FINE))
    assert found.name == "precision"
    assert sentence in found.sentence


def test_a_log_that_is_rounded_is_told_too() -> None:
    assert relation(compare_numbers(FINE, FINE.round(2))).details == {
        "rounded": "logged",
        "how": "rounded",
        "step": 0.01,
    }


def test_nulls_in_the_place_of_values_are_told() -> None:
    found = relation(compare_numbers(np.where(LOGGED > 200, np.nan, LOGGED), LOGGED))
    assert found.name == "null"
    assert found.sentence.startswith("served as null in ")


def test_one_value_in_the_place_of_some_is_a_default() -> None:
    served = np.where(np.arange(1000) % 4 == 0, -1.0, LOGGED)
    comparison = compare_numbers(served, LOGGED)
    assert relation(comparison).sentence == "served as -1 whatever the log has"
    assert comparison.share == pytest.approx(0.25, abs=0.01)


@pytest.mark.parametrize("rows", [1, 7, -3])
def test_late_rows_are_told_by_how_many(rows: int) -> None:
    assert relation(compare_numbers(np.roll(FINE, rows), FINE)).details == {"rows": rows}


def test_a_column_that_hardly_moves_is_not_late() -> None:
    hourly = np.repeat(np.arange(20.0), 50)
    served = hourly.copy()
    served[::40] += 7
    assert relation(compare_numbers(served, hourly)).name == "offset"


def test_values_with_nothing_in_common_have_no_relation() -> None:
    comparison = compare_numbers(FINE, np.random.default_rng(9).normal(50, 20, 1000))
    assert (comparison.share, comparison.relation) == (1, None)


def test_another_spelling_is_told() -> None:
    lower = np.array([word.lower() for word in WORDS], object)
    found = relation(compare_texts(lower, WORDS))
    assert found.details == {"by": "case", "table": {"AA": "aa", "B6": "b6"}}


def test_a_translation_is_told_with_its_table() -> None:
    codes = {"AA": "one", "B6": "two", "dl": "three"}
    found = relation(compare_texts(np.array([codes[word] for word in WORDS], object), WORDS))
    assert found.details == {"by": "translation", "table": codes}


def test_values_that_were_mixed_up_are_no_translation() -> None:
    assert compare_texts(np.random.default_rng(3).permutation(WORDS), WORDS).relation is None


def test_null_texts_are_null() -> None:
    served = WORDS.copy()
    served[::5] = None
    assert relation(compare_texts(served, WORDS)).name == "null"


@given(st.lists(st.booleans(), max_size=50), st.integers(0, 5))
def test_examples_are_pairs_that_differ(differ: list[bool], most: int) -> None:
    found = examples(np.array(differ, np.bool_), most)
    assert len(found) == min(most, sum(differ))
    assert all(differ[at] for at in found)

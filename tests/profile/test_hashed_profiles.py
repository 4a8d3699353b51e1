"""Profiles of fields that no schema declares: hashes, and nothing that tells their values."""

import doctest
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyperplan.profile import FeatureProfile, hashed, profile_of_column, profile_of_hashes
from hyperplan.profile.hashed import HASHES_KEPT
from hyperplan.sample import observe_rows
from hyperplan.schema import Float, Schema

VALUES = st.lists(st.none() | st.integers(0, 5) | st.sampled_from(["a", "b", 2.0, True, [1.0, 2.0]]))


def test_the_examples_in_the_documentation_run() -> None:
    results = doctest.testmod(hashed)
    assert results.attempted
    assert not results.failed


@given(VALUES)
def test_a_column_gives_the_profile_that_samples_of_its_rows_give(values: list[Any]) -> None:
    rows = observe_rows(Schema(features={"x": Float()}), [{"y": value} for value in values][:100])
    hashes = [row.unknown["y"] for row in rows]
    assert profile_of_column(values[:100]) == profile_of_hashes(hashes, len(rows))


@given(VALUES, VALUES)
def test_hashed_profiles_merge_to_the_profile_of_all_values(some: list[Any], others: list[Any]) -> None:
    merged = FeatureProfile.merged([profile_of_column(some), profile_of_column(others), profile_of_column([])])
    assert merged == profile_of_column(some + others)


def test_null_is_counted_and_rows_without_the_field_are_missing() -> None:
    column = profile_of_column([None, 1, 1.0])
    assert (column.null, column.missing, column.values and len(column.values.counts)) == (1, 0, 1)
    hashes = list(column.values.counts) if column.values else []
    assert profile_of_hashes(hashes, 5).missing == 4


@pytest.mark.parametrize("count", [HASHES_KEPT, HASHES_KEPT * 4])
def test_a_field_with_many_values_keeps_some_hashes_and_counts_the_rest(count: int) -> None:
    values = profile_of_column(range(count)).values
    assert values
    assert (len(values.counts), values.total()) == (HASHES_KEPT, count)

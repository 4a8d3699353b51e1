"""Measures of skew, against their definitions applied to the raw data."""

import doctest
import importlib
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.spatial.distance import jensenshannon

from hyperplan.profile import FeatureProfile, Profile
from hyperplan.profile.columns import Column
from hyperplan.schema import Category, Float, NumberList, Schema, String
from hyperplan.skew import (
    FEWEST_ROWS,
    Bins,
    FeatureSkew,
    bins_of,
    compare,
    jensen_shannon_distance,
    population_stability_index,
)

Floats = NDArray[np.float64]


def numbers(values: Any) -> FeatureProfile:
    return Column(Float(), np.asarray(values, np.float64)).profile()


def texts(values: list[Any], listed: tuple[str, ...] | None = None) -> FeatureProfile:
    return Column(Category(values=listed), values).profile()


def same(skew: FeatureSkew) -> bool:
    """Whether every measure that has a meaning says that nothing changed."""
    said = [value for value in msgspec.structs.astuple(skew) if value is not None]
    return len(said) >= 4 and not any(said)


def direct(reference: Floats, serving: Floats) -> tuple[float, float]:
    """PSI and Jensen-Shannon distance on the true deciles of the raw reference, with the same smoothing."""
    edges = np.quantile(reference, np.arange(1, 10) / 10)
    counts = [np.bincount(np.searchsorted(edges, values), minlength=10) for values in (reference, serving)]
    p, q = ((count + 0.5) / (count + 0.5).sum() for count in counts)
    return float(np.sum((p - q) * np.log(p / q))), float(jensenshannon(counts[0], counts[1], base=2))


@pytest.mark.parametrize("module", ["population_stability", "jensen_shannon"])
def test_the_examples_of_the_measures_run(module: str) -> None:
    results = doctest.testmod(importlib.import_module(f"hyperplan.skew.{module}"))
    assert results.attempted
    assert not results.failed


@pytest.mark.parametrize(("location", "scale"), [(0, 1), (0.1, 1), (0.5, 1), (0, 2), (0, 0.5), (2, 1), (0, 1000)])
def test_measures_of_sketches_are_near_those_of_the_raw_data(location: float, scale: float) -> None:
    source = np.random.default_rng(7)
    reference, serving = source.normal(size=20_000), source.normal(location, scale, 5_000)
    skew = compare(numbers(reference), numbers(serving))
    psi, distance = direct(reference, serving)
    assert skew.psi == pytest.approx(psi, rel=0.05, abs=0.003)
    assert skew.jensen_shannon == pytest.approx(distance, rel=0.05, abs=0.005)


def test_bins_hold_about_a_tenth_of_the_reference_each() -> None:
    bins = bins_of(numbers(np.random.default_rng(0).gamma(2, 100, 50_000)), numbers([]))
    assert bins.reference.size == 11
    assert bins.reference[:-1] / 50_000 == pytest.approx(np.full(10, 0.1), abs=0.01)
    assert bins.reference[-1] == 0


def test_discrete_values_have_bins_of_their_own() -> None:
    reference = numbers([0.0] * 500 + [1.0] * 300 + [2.0] * 200)
    bins = bins_of(reference, numbers([-1.0, 0.0, 0.5, 1.0, 1.5, 2.0, 3.0]))
    assert sorted(bins.reference) == [0, 0, 0, 0, 0, 200, 300, 500]
    assert bins.serving.tolist() == [1, 1, 1, 1, 1, 1, 1, 0]


@pytest.mark.parametrize("moved", [41.0, 43.0, -42.0, 0.0])
def test_a_constant_that_moves_is_seen_on_either_side(moved: float) -> None:
    constant = numbers([42.0] * 1000)
    assert same(compare(constant, numbers([42.0] * 1000)))
    assert compare(constant, numbers([moved] * 1000)).jensen_shannon == 1.0


def test_missing_null_and_wrong_values_share_a_bin_of_their_own() -> None:
    schema = Schema(features={"x": Float()})
    rows: list[dict[str, Any]] = [{"x": 1.0}] * 50 + [{}] * 20 + [{"x": None}] * 20 + [{"x": "?"}] * 10
    profile = Profile.of_rows(schema, rows).features["x"]
    assert bins_of(numbers([1.0] * 100), profile).serving.tolist() == [0, 50, 0, 50]


def test_a_feature_that_vanishes_is_as_far_as_can_be() -> None:
    served = Column(Float(), np.full(1000, np.nan)).profile()
    skew = compare(numbers(np.arange(1000.0)), served)
    assert skew.jensen_shannon == 1.0
    assert skew.psi
    assert skew.psi > 5


def test_categories_are_compared_value_by_value_with_the_unseen_apart() -> None:
    bins = bins_of(texts(["a"] * 60 + ["b"] * 40), texts(["a"] * 30 + ["c"] * 50 + ["d"] * 20 + [None] * 10))
    assert bins.reference.tolist() == [60, 40, 0, 0, 0]
    assert bins.serving.tolist() == [30, 0, 70, 0, 10]


def test_measures_of_categories_are_those_of_their_shares() -> None:
    skew = compare(texts(["a"] * 600 + ["b"] * 400), texts(["a"] * 300 + ["b"] * 700))
    p, q = np.array([600.5, 400.5]) / 1001, np.array([300.5, 700.5]) / 1001
    assert skew.psi == pytest.approx(float(np.sum((p - q) * np.log(p / q))))
    assert skew.jensen_shannon == pytest.approx(float(jensenshannon([0.6, 0.4], [0.3, 0.7], base=2)))


def test_a_flood_of_values_that_the_schema_does_not_list_is_all_unseen() -> None:
    listed = ("a", "b")
    served = texts([*(f"new-{index}" for index in range(5000)), *["a"] * 100], listed)
    bins = bins_of(texts(["a"] * 60 + ["b"] * 40, listed), served)
    assert bins.serving.tolist() == [100, 0, 5000, 0, 0]


def test_rare_categories_of_the_reference_share_a_bin() -> None:
    values = [f"v{index}" for index in range(300) for _ in range(300 - index)]
    bins = bins_of(texts(values), texts(values))
    assert bins.reference.size == 50 + 3
    assert bins.reference[-2] > 0
    assert bins.reference.tolist() == bins.serving.tolist()


def test_summaries_that_overflowed_still_compare_equal_data_as_equal() -> None:
    values = [f"v{index}" for index in range(3000) for _ in range(3)]
    reference, serving = (Column(String(), values).profile() for _ in range(2))
    assert same(compare(reference, serving))


def test_values_lost_in_an_overflow_are_not_called_unseen() -> None:
    known = [f"v{index}" for index in range(3000)]
    reference = Column(String(), known).profile()
    unseen = bins_of(reference, Column(String(), known[:50]).profile()).serving[-3]
    assert unseen == 0


def test_lists_are_compared_by_their_norms() -> None:
    feature = NumberList(length=2)
    source = np.random.default_rng(3).normal(size=(2000, 2))
    reference, longer = (Column(feature, (source * scale).tolist()).profile() for scale in (1.0, 10.0))
    assert same(compare(reference, reference))
    assert (compare(reference, longer).jensen_shannon or 0) > 0.8


def test_too_few_rows_on_either_side_give_none() -> None:
    few, enough = numbers(np.arange(FEWEST_ROWS - 1.0)), numbers(np.arange(float(FEWEST_ROWS)))
    assert compare(few, enough) == FeatureSkew()
    assert compare(enough, few) == FeatureSkew()
    assert same(compare(enough, enough))


COUNTS = st.lists(st.tuples(st.integers(0, 1000), st.integers(0, 1000)), min_size=2).filter(
    lambda pairs: any(a for a, _ in pairs) and any(b for _, b in pairs)
)


@given(COUNTS)
def test_measures_are_symmetric_and_within_their_bounds(pairs: list[tuple[int, int]]) -> None:
    reference, serving = (np.array(side, np.float64) for side in zip(*pairs, strict=True))
    there, back = Bins(reference, serving), Bins(serving, reference)
    assert population_stability_index(there) == pytest.approx(population_stability_index(back))
    assert population_stability_index(there) >= 0
    assert jensen_shannon_distance(there) == pytest.approx(jensen_shannon_distance(back))
    assert 0 <= jensen_shannon_distance(there) <= 1 + 1e-9


VALUES = st.lists(st.none() | st.floats(-1e6, 1e6) | st.sampled_from([0.0, 1.0, 2.0]))


@given(VALUES, VALUES)
def test_every_row_is_in_one_bin(reference: list[float | None], serving: list[float | None]) -> None:
    bins = bins_of(Column(Float(), reference).profile(), Column(Float(), serving).profile())
    assert (bins.reference.sum(), bins.serving.sum()) == (len(reference), len(serving))
    assert (bins.reference >= 0).all()
    assert (bins.serving >= 0).all()


WORDS = st.lists(st.none() | st.sampled_from([f"w{index}" for index in range(200)]))


@given(WORDS, WORDS, st.booleans())
def test_every_category_is_in_one_bin(reference: list[str | None], serving: list[str | None], listed: bool) -> None:
    feature = Category(values=tuple(f"w{index}" for index in range(5))) if listed else String()
    bins = bins_of(Column(feature, reference).profile(), Column(feature, serving).profile())
    assert (bins.reference.sum(), bins.serving.sum()) == (len(reference), len(serving))
    assert (bins.reference >= 0).all()
    assert (bins.serving >= 0).all()

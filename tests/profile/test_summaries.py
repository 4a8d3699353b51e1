"""Each summary on its own: the laws of merging, accuracy, and what is refused."""

import doctest
import importlib
import math
from collections import Counter

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyperplan.profile import CategoryCounts, Moments, Numbers, QuantileSketch
from hyperplan.profile.categories import order
from hyperplan.profile.packing import packed, unpacked
from hyperplan.profile.quantiles import ACCURACY, MOST_CELLS

FLOATS = st.floats(allow_nan=False, allow_infinity=False)
PARTS = st.lists(st.lists(FLOATS, max_size=20), max_size=5)


MODULES = [
    "packing",
    "quantiles",
    "moments",
    "decimals",
    "resolution",
    "sampled",
    "tally",
    "frequent",
    "numbers",
    "categories",
    "profile",
]


@pytest.mark.parametrize("module", MODULES)
def test_the_examples_in_the_documentation_run(module: str) -> None:
    results = doctest.testmod(importlib.import_module(f"hyperplan.profile.{module}"))
    assert results.attempted
    assert not results.failed


@given(st.lists(st.integers(0, 2**61)))
def test_packed_integers_come_back(values: list[int]) -> None:
    assert unpacked(packed(np.array(values, np.int64))).tolist() == values


@pytest.mark.parametrize("data", [b"\x03\x01\x01\x01", b"\x02\x01", b"\x08" + b"\xff" * 8])
def test_bytes_that_are_no_packed_integers_are_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="packed array"):
        unpacked(data)


@given(PARTS)
def test_merged_sketches_equal_the_sketch_of_everything(parts: list[list[float]]) -> None:
    whole = QuantileSketch.of([value for part in parts for value in part])
    assert QuantileSketch.merged(map(QuantileSketch.of, parts)) == whole


@given(PARTS, st.integers(0, 5))
def test_sketches_merge_in_any_grouping_and_order(parts: list[list[float]], cut: int) -> None:
    sketches = [QuantileSketch.of(part) for part in parts]
    grouped = [QuantileSketch.merged(sketches[cut:]), QuantileSketch.merged(sketches[:cut])]
    assert QuantileSketch.merged(grouped) == QuantileSketch.merged(sketches)


@given(st.lists(FLOATS.filter(lambda x: x == 0 or 1e-290 < abs(x) < 1e290), min_size=1), st.floats(0, 1))
def test_a_quantile_is_within_the_accuracy_of_a_true_one(values: list[float], share: float) -> None:
    (found,) = QuantileSketch.of(values).quantiles([share])
    true = sorted(values)[math.floor(share * (len(values) - 1))]
    assert abs(found - true) <= ACCURACY * abs(true) * (1 + 1e-9)


def test_a_sketch_of_wild_numbers_stays_bounded_and_merges_all_the_same() -> None:
    wild = np.concatenate([np.geomspace(1e-300, 1e300, 9000), -np.geomspace(1e-300, 1e300, 9000), [0.0] * 5])
    np.random.default_rng(1).shuffle(wild)
    whole = QuantileSketch.of(wild)
    first, second, third = np.array_split(wild, 3)
    assert whole.cells()[0].size == MOST_CELLS
    assert whole.count() == wild.size
    right = QuantileSketch.merged([QuantileSketch.of(second), QuantileSketch.of(third)])
    assert QuantileSketch.merged([QuantileSketch.of(first), right]) == whole


def test_an_empty_sketch_has_no_quantiles() -> None:
    with pytest.raises(ValueError, match="empty"):
        QuantileSketch().quantiles([0.5])


@pytest.mark.parametrize(
    "cells",
    [
        (0, b"\x01\x01", b"\x01\x01"),
        (0, b"", b"\x01\x01\x01"),
        (0, b"\x01\x00", b"\x01\x01\x01"),
        (1 << 40, b"", b"\x01\x01"),
    ],
)
def test_cells_that_contradict_each_other_are_refused(cells: tuple[int, bytes, bytes]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.msgpack.decode(msgspec.msgpack.encode(cells), type=QuantileSketch)


@given(PARTS)
def test_moments_merge_up_to_rounding(parts: list[list[float]]) -> None:
    parts = [[value % 1e6 for value in part] for part in parts]
    everything = [value for part in parts for value in part]
    merged, whole = Moments.merged(map(Moments.of, parts)), Moments.of(everything)
    assert (merged.count, merged.smallest, merged.largest) == (whole.count, whole.smallest, whole.largest)
    assert merged.mean == pytest.approx(whole.mean, rel=1e-9, abs=1e-9)
    assert merged.squares == pytest.approx(whole.squares, rel=1e-6, abs=1e-3)


def test_moments_are_those_of_numpy() -> None:
    values = np.random.default_rng(0).normal(1e9, 3, 1000)
    moments = Moments.of(values)
    assert moments.mean == pytest.approx(values.mean())
    assert moments.deviation() == pytest.approx(values.std(ddof=1), rel=1e-6)
    assert Moments.of([1.0]).deviation() is None


def test_moments_of_the_largest_doubles_do_not_warn() -> None:
    assert Numbers.of([1.7e308, -1.7e308, 1.7e308]).moments.count == 3


TEXTS = st.lists(st.lists(st.text(max_size=3), max_size=12), max_size=5)


@given(TEXTS, st.integers(1, 6), st.integers(0, 5))
def test_category_counts_merge_in_any_grouping_and_order(parts: list[list[str]], limit: int, cut: int) -> None:
    counts = [CategoryCounts.of(part, limit) for part in parts]
    whole = CategoryCounts.of([value for part in parts for value in part], limit)
    empty = CategoryCounts(limit)
    grouped = [CategoryCounts.merged([empty, *counts[cut:]]), CategoryCounts.merged([*counts[:cut], empty])]
    assert CategoryCounts.merged(grouped) == CategoryCounts.merged([empty, *counts]) == whole


@given(st.lists(st.text("abcdefgh", max_size=2)), st.integers(1, 6))
def test_kept_values_are_counted_exactly_and_the_rest_as_other(values: list[str], limit: int) -> None:
    counts, true = CategoryCounts.of(values, limit), Counter(values)
    assert all(true[value] == count for value, count in counts.counts.items())
    assert counts.total() == len(values)
    assert len(counts.counts) == min(limit, len(true))
    horizon = counts.horizon()
    assert (horizon is None) == (len(true) <= limit)
    assert horizon is None or {value for value in true if order(value) <= horizon} == set(counts.counts)


def test_values_are_cut_and_made_fit_for_utf8() -> None:
    assert CategoryCounts.of(["x" * 300, "x" * 299, "\ud800"]).counts == {"x" * 256: 2, "?": 1}


def test_negative_counts_are_refused() -> None:
    with pytest.raises(ValueError, match="out of range"):
        CategoryCounts(10, {"a": -1})

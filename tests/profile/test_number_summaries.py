"""Resolution, frequent and distinct numbers: what each says, and the laws of merging."""

import math
from collections import Counter
from collections.abc import Iterable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyperplan.profile import FrequentNumbers, Numbers, Resolution, SampledNumbers, Scale
from hyperplan.profile.decimals import NOISE, Decimals
from hyperplan.profile.frequent import FILLS, LONGEST, MOST, order


def meant(numbers: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return Decimals.of(numbers).values


FINITE = st.floats(allow_nan=False, allow_infinity=False)
DECIMALS = st.integers(-2000, 2000).map(lambda units: units / 1000) | st.integers(-5000, 5000).map(float)
MIXED = FINITE | DECIMALS | st.sampled_from(sorted(FILLS))
PARTS = st.lists(st.lists(MIXED, max_size=60), max_size=5)
SUMMARIES: list[Any] = [Resolution, FrequentNumbers, SampledNumbers]


@pytest.mark.parametrize("kind", SUMMARIES)
@given(parts=PARTS, cut=st.integers(0, 5), data=st.data())
def test_summaries_of_numbers_merge_in_any_grouping_and_order(
    kind: Any, parts: list[list[float]], cut: int, data: st.DataObject
) -> None:
    shuffled = data.draw(st.permutations(parts))
    summaries = [kind.of(part) for part in shuffled]
    whole = kind.of([value for part in parts for value in part])
    assert kind.merged([kind.merged(summaries[cut:]), kind(), kind.merged(summaries[:cut])]) == whole
    assert kind.merged(summaries) == whole


@given(st.integers(-(10**9), 10**9).filter(bool), st.integers(0, 3))
def test_a_decimal_is_known_however_it_was_rounded(units: int, places: int) -> None:
    decimal = units / 10**places
    noisy = [decimal, np.nextafter(decimal, math.inf), np.nextafter(decimal, -math.inf), units * 0.1**places]
    if abs(units) < 1 << 22:
        noisy.append(float(np.float32(decimal)))
    assert set(meant(np.array(noisy)).tolist()) == {decimal}


@given(st.lists(st.floats(-1e300, 1e300)))
def test_numbers_that_are_no_decimals_stay_as_they_are(values: list[float]) -> None:
    numbers = np.array(values)
    found = meant(numbers)
    assert np.all(np.abs(found - numbers) <= np.abs(numbers) * 2.0**-22)
    thousandths = np.clip(numbers, -1e290, 1e290) * 1000
    fine = np.abs(thousandths - np.rint(thousandths)) > np.maximum(1e-3, np.abs(thousandths) * NOISE)
    single = np.clip(numbers, -1e38, 1e38).astype(np.float32).astype(np.float64) == numbers
    assert np.array_equal(found[fine & ~single], numbers[fine & ~single])


def test_the_resolution_counts_multiples() -> None:
    values = [3.0, -20.0, 0.5, 0.1 + 0.2, 12.34, 0.007, math.pi, 1e300, 2.0**60]
    assert Resolution.of(values) == Resolution(count=9, ones=4, tenths=6, hundredths=7, thousandths=8)
    assert Resolution.of(np.array([0.1, 12.34, 0.007], np.float32)).thousandths == 3


def test_random_numbers_are_multiples_of_nothing() -> None:
    resolution = Resolution.of(np.random.default_rng(0).normal(0, 1000, 100_000))
    assert (resolution.count, resolution.thousandths) == (100_000, 0)


@given(st.lists(MIXED, max_size=300))
def test_frequent_numbers_are_counted_exactly_in_their_order(values: list[float]) -> None:
    frequent, true = FrequentNumbers.of(values), Counter(meant(np.array(values)).tolist())
    assert all(true[value] == count for value, count in frequent.counts.items())
    assert frequent.total() == len(values)
    assert frequent.complete == (len(true) <= MOST)
    horizon = frequent.horizon()
    if horizon is not None:
        assert {value for value in true if order(value) <= horizon} == set(frequent.counts)


@pytest.mark.parametrize("fill", [-1.0, 0.0, 999.0, -9999.0, 2147483647.0, 0.5, 100.0])
def test_a_fill_is_counted_among_many_other_numbers(fill: float) -> None:
    values = np.random.default_rng(0).normal(50, 20, 5000).round(2)
    values[:700] = fill
    assert FrequentNumbers.of(values).counts[fill] == np.count_nonzero(values == fill)


def test_among_many_numbers_short_decimals_stay() -> None:
    values = [*np.random.default_rng(0).normal(size=1000), 12.25, 7.5]
    frequent = FrequentNumbers.of(values)
    assert frequent.counts == {7.5: 1, 12.25: 1}
    assert (frequent.other, frequent.complete) == (1000, False)
    assert order(12.25)[0] == 4 <= LONGEST


@pytest.mark.parametrize("count", [1, 10, 100, 1000, 100_000])
@pytest.mark.parametrize("step", [1.0, 0.01, math.pi])
def test_the_number_of_distinct_numbers_is_estimated(count: int, step: float) -> None:
    values = np.arange(count) * step
    assert Numbers.of(np.repeat(values, 2)).distinct() == pytest.approx(count, rel=0.4 if count > MOST else 0)


def test_estimates_of_distinct_numbers_are_unbiased() -> None:
    random = np.random.default_rng(0)
    estimates = [SampledNumbers.of(random.random(500)).distinct() for _ in range(300)]
    assert np.mean(estimates) == pytest.approx(500, rel=0.02)
    assert np.std(estimates) / 500 == pytest.approx(0.12, rel=0.2)


def test_counts_that_contradict_each_other_are_refused() -> None:
    with pytest.raises(ValueError, match="coarse"):
        Resolution(count=1, ones=2)
    with pytest.raises(ValueError, match="out of range"):
        FrequentNumbers(dict.fromkeys(range(MOST + 1), 1))


def scaled_total(numbers: Numbers) -> Iterable[int]:
    return (
        numbers.sketch.count(),
        numbers.moments.count,
        numbers.resolution.count,
        numbers.frequent.total(),
    )


@given(st.lists(DECIMALS, max_size=30), st.integers(1, 20))
def test_scaling_by_a_whole_number_is_repeating(values: list[float], factor: int) -> None:
    scaled, repeated = Numbers.of(values).scaled(Scale(factor)), Numbers.of(values * factor)
    assert (scaled.sketch, scaled.resolution, scaled.frequent, scaled.sampled) == (
        repeated.sketch,
        repeated.resolution,
        repeated.frequent,
        repeated.sampled,
    )
    assert list(scaled_total(scaled)) == [len(values) * factor] * 4
    assert scaled.moments.squares == pytest.approx(repeated.moments.squares, rel=1e-6, abs=1e-6)


@given(st.lists(MIXED, max_size=300))
def test_sampled_numbers_are_counted_exactly(values: list[float]) -> None:
    sample, true = SampledNumbers.of(values), Counter(meant(np.array(values)).tolist())
    numbers, counts = sample.items()
    assert {value: true[value] for value in numbers.tolist()} == dict(
        zip(numbers.tolist(), counts.tolist(), strict=True)
    )
    assert counts.sum() + sample.other == len(values)
    assert sample.complete == (len(true) == len(numbers))


def test_a_sample_favours_no_number() -> None:
    fine = 0.0
    for seed in range(100):
        values = np.random.default_rng(seed).normal(size=500)
        numbers, _ = SampledNumbers.of([*values, *values.round(1)]).items()
        fine += float(np.mean(numbers.round(1) != numbers))
    assert fine / 100 == pytest.approx(0.9, abs=0.03)


@pytest.mark.parametrize("numbers", [b"\x01", np.array([2.0, 1.0]).tobytes(), np.array([np.nan, 1.0]).tobytes()])
def test_samples_that_no_numbers_give_are_refused(numbers: bytes) -> None:
    with pytest.raises(ValueError, match="number"):
        SampledNumbers(numbers, b"\x01\x01\x01")


RANDOM = np.random.default_rng(0)
LARGE: dict[str, np.ndarray[Any, Any]] = {
    "continuous": RANDOM.normal(0, 20, 5000),
    "positive": RANDOM.lognormal(0, 3, 5000),
    "integers": RANDOM.integers(-60, 1500, 5000).astype(float),
    "cents": RANDOM.gamma(2, 50, 5000).round(2),
    "single precision": RANDOM.gamma(2, 50, 5000).round(2).astype(np.float32).astype(float),
    "identifiers": RANDOM.integers(0, 10**9, 5000).astype(float),
    "few": RANDOM.choice(RANDOM.normal(size=40), 5000),
    "few, negative zero among them": RANDOM.choice([0.0, -0.0, math.pi], 5000),
    "mostly zero": np.where(RANDOM.random(5000) < 0.99, 0.0, RANDOM.normal(size=5000)),
    "one odd one": np.append(np.zeros(4999), math.pi),
    "rounded off": RANDOM.integers(0, 50, 5000) * 0.1 * 3,
    "with fills": np.where(RANDOM.random(5000) < 0.1, -9999.0, RANDOM.normal(size=5000)),
    "enormous": RANDOM.choice([1e300, -1e300, 2.0**63, 1e20, 5e-324], 5000) * RANDOM.integers(0, 2, 5000),
    "more than a piece": RANDOM.normal(0, 1, 200_000).round(4),
}


@pytest.mark.parametrize("name", LARGE)
def test_many_numbers_are_summarised_as_their_parts_are(name: str) -> None:
    values = LARGE[name]
    whole = Numbers.of(values)
    parts = Numbers.merged(map(Numbers.of, np.array_split(values, values.size // 200)))
    assert (whole.sketch, whole.resolution, whole.frequent, whole.sampled) == (
        parts.sketch,
        parts.resolution,
        parts.frequent,
        parts.sampled,
    )
    assert whole.moments.count == parts.moments.count
    assert whole.moments.mean == pytest.approx(parts.moments.mean, rel=1e-9, abs=1e-9)
    assert whole.moments.squares == pytest.approx(parts.moments.squares, rel=1e-9)


@pytest.mark.parametrize("name", LARGE)
def test_many_numbers_are_counted_as_they_are(name: str) -> None:
    values = meant(LARGE[name])
    numbers, true = Numbers.of(LARGE[name]), Counter(values.tolist())
    assert all(true[value] == count for value, count in numbers.frequent.counts.items())
    assert numbers.frequent.complete == (len(true) <= MOST)
    assert numbers.frequent.total() == numbers.sketch.count() == numbers.moments.count == values.size
    assert numbers.distinct() == pytest.approx(len(true), rel=0.4)
    near = np.abs(values) < 1e9
    assert numbers.resolution.tenths - numbers.resolution.ones == np.count_nonzero(
        near & (np.round(values, 1) == values) & (np.round(values) != values)
    )

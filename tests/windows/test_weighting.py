"""Rows that were sampled with different probabilities stand for all traffic, and for no more rows than they say as much as."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyperplan.profile import Profile, Scale, phases
from hyperplan.windows import Weighted, combined
from tests.windows.served import profile, same

INCLUSIONS = st.sampled_from([1.0, 0.5, 0.11, 0.02])
VALUES = st.lists(st.none() | st.integers(-3, 300).map(float), max_size=20)
PARTS = st.lists(st.tuples(INCLUSIONS, VALUES), max_size=6)


@given(inclusion=INCLUSIONS, several=st.lists(VALUES, max_size=5))
def test_with_one_inclusion_probability_nothing_changes(inclusion: float, several: list[list[float | None]]) -> None:
    profiles = [profile(values) for values in several if values]
    found = combined(Weighted(inclusion, part) for part in profiles)
    assert same(found.profile, Profile.merged(profiles) if profiles else Profile())
    assert found.inclusion == (inclusion if profiles else 1.0)


@given(parts=PARTS)
def test_the_rows_are_the_effective_sample_size_and_weigh_what_all_weighed(
    parts: list[tuple[float, list[float | None]]],
) -> None:
    weights = np.array([1 / inclusion for inclusion, values in parts for _ in values])
    found = combined(Weighted(inclusion, profile(values)) for inclusion, values in parts)
    groups = len({inclusion for inclusion, values in parts if values})
    effective = weights.sum() ** 2 / np.square(weights).sum() if weights.size else 0.0
    assert found.profile.rows == pytest.approx(effective, abs=max(groups, 1e-9))
    assert found.profile.rows <= weights.size + groups
    if weights.size:
        assert effective / found.inclusion == pytest.approx(weights.sum())


@given(parts=PARTS, cut=st.integers(0, 6))
def test_what_was_combined_combines_further_to_the_same(
    parts: list[tuple[float, list[float | None]]], cut: int
) -> None:
    weighted = [Weighted(inclusion, profile(values)) for inclusion, values in parts]
    once = combined(weighted)
    twice = combined([combined(weighted[:cut]), combined(weighted[cut:])])
    assert twice.profile.rows == pytest.approx(once.profile.rows, abs=8)


@pytest.mark.parametrize("seed", range(5))
def test_shares_are_those_of_all_traffic_when_busy_times_are_sampled_less(seed: int) -> None:
    random = np.random.default_rng(seed)
    busy = np.concatenate(
        [np.zeros(2_000, bool), np.ones(40_000, bool)]
    )  # one quiet hour, one of twenty times the load
    values = np.where(busy, random.normal(300, 50, busy.size), random.normal(100, 50, busy.size)).clip(1)
    rates = np.where(busy, random.choice([0.05, 0.04, 0.06], busy.size), 1.0)
    drawn = random.random(busy.size) < rates
    parts = [Weighted(rate, profile(values[drawn & (rates == rate)].tolist())) for rate in np.unique(rates).tolist()]
    numbers, unweighted = combined(parts).profile.features["x"].numbers, np.mean(values[drawn])
    assert numbers
    noise = 4 * values.std() / np.sqrt(numbers.moments.count)
    assert abs(numbers.moments.mean - values.mean()) < noise < abs(unweighted - values.mean())
    for share in (0.1, 0.5, 0.9):
        (found,) = numbers.sketch.quantiles([share])
        assert abs((values <= found).mean() - share) < 4 * 0.5 / np.sqrt(numbers.moments.count) + 0.02


@given(values=VALUES, factor=st.floats(0.01, 3), phase=st.floats(0, 1, exclude_max=True))
def test_the_parts_of_scaled_rows_add_up(values: list[float | None], factor: float, phase: float) -> None:
    scaled = profile(values).scaled(Scale(factor, phase)).features["x"]
    assert scaled.numbers
    counts = scaled.numbers.sketch.count(), scaled.numbers.moments.count, scaled.numbers.resolution.count
    assert set(counts) == {scaled.usable}
    assert min(scaled.missing, scaled.null, scaled.wrong_type, scaled.usable) >= 0


def test_of_what_comes_once_each_a_share_as_large_as_the_factor_stays() -> None:
    scaled = profile([1.5**power for power in range(100)]).scaled(Scale(0.4)).features["x"].numbers
    assert scaled
    assert scaled.sketch.count() == 40


def test_over_evenly_spread_phases_rounding_is_unbiased() -> None:
    totals = [Scale(0.3, phase).parts(np.ones(7, np.int64)) for phase in phases(200)]
    assert np.mean(totals, axis=0) == pytest.approx(np.full(7, 0.3), abs=0.02)

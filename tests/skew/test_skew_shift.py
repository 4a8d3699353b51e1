"""`shift` and `drift` on simulated serving: found when something changed, silent when not, told apart, in plain words."""

import re
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from hyperplan.profile import Profile
from hyperplan.schema import Category, Float, Schema
from hyperplan.skew.case import Case, Look
from hyperplan.skew.detect import detect
from hyperplan.skew.drift import HOUR, WEEK, drift
from hyperplan.skew.finding import Finding
from hyperplan.skew.onset import beginnings, onset
from hyperplan.skew.shift import LASTING, could_matter, in_training, movement_of, shift
from hyperplan.skew.tally import tallies

Columns = dict[str, NDArray[Any]]
NOON = 1_372_680_000 * 10**9  # 2013-07-01 12:00 UTC
MINUTE = 60 * 10**9
SCHEMA = Schema(features={"delay": Float(unit="min", nullable=True), "carrier": Category(), "noise": Float()})


def rows(source: np.random.Generator, count: int, *, delay: float = 10.0, carriers: Any = (0.5, 0.3, 0.2)) -> Columns:
    return {
        "delay": source.normal(delay, 5, count),
        "carrier": source.choice(np.array(["AA", "DL", "UA"], object), count, p=carriers),
        "noise": source.exponential(1, count),
    }


def looks(columns: Columns, every: int = 10 * MINUTE, first: int = NOON, size: int = 100) -> list[Look]:
    edges = pairwise(range(0, len(columns["noise"]) + 1, size))
    profiles = [Profile.of_columns(SCHEMA, {name: values[a:b] for name, values in columns.items()}) for a, b in edges]
    return [Look(first + index * every, first + (index + 1) * every, one) for index, one in enumerate(profiles)]


def joined(*parts: Columns) -> Columns:
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


@pytest.fixture(scope="module")
def training() -> list[Profile]:
    source = np.random.default_rng(0)
    return [Profile.of_columns(SCHEMA, rows(source, 1000)) for _ in range(40)]


def found(detector: Callable[[Case], Any], case: Case) -> dict[str, Finding]:
    return {finding.feature: finding for finding in detector(case)}


def test_nothing_is_found_when_nothing_changed(training: list[Profile]) -> None:
    source = np.random.default_rng(1)
    for _ in range(10):
        case = Case(SCHEMA, training, looks(rows(source, 4000)))
        assert not found(shift, case)
        assert not found(drift, case)


def test_a_shift_is_found_within_fifteen_looks_and_said_with_numbers_units_and_since_when(
    training: list[Profile],
) -> None:
    source = np.random.default_rng(2)
    case = Case(SCHEMA, training, looks(joined(rows(source, 2500), rows(source, 1500, delay=12.5))))
    (finding,) = shift(case)
    assert (finding.feature, finding.kind, finding.finding) == ("delay", "distribution", "shift")
    assert finding.since == pytest.approx(NOON + 25 * 10 * MINUTE, abs=20 * MINUTE)
    assert finding.until == case.looks[-1].end
    assert re.search(r"its median is 12\.\d min where it was (9\.9|10\.1) min in training", finding.sentence)
    assert re.search(r"since 16:[01]\d:", finding.sentence)
    assert "new in these looks" in finding.sentence
    assert finding.details["began"] is True
    assert finding.details["measures"]["wasserstein"] == pytest.approx(2.5, abs=0.5)


def test_of_categories_the_value_is_named_whose_share_changed(training: list[Profile]) -> None:
    source = np.random.default_rng(3)
    case = Case(SCHEMA, training, looks(rows(source, 2000, carriers=(0.3, 0.3, 0.4)), every=0, first=0))
    (finding,) = shift(case)
    assert finding.feature == "carrier"
    assert finding.details["value"] == "UA"
    assert "'UA' makes up" in finding.sentence
    assert "2,000 rows" in finding.sentence
    assert finding.since is None


def test_an_old_shift_is_skew_but_no_drift(training: list[Profile]) -> None:
    source = np.random.default_rng(4)
    case = Case(SCHEMA, training, looks(rows(source, 4000, delay=13)))
    assert found(shift, case)["delay"].details["began"] is False
    assert "no drift" in found(shift, case)["delay"].sentence
    assert not found(drift, case)


def test_a_return_to_what_training_knew_is_drift_but_no_skew(training: list[Profile]) -> None:
    source = np.random.default_rng(5)
    case = Case(SCHEMA, training, looks(joined(rows(source, 2500, delay=14), rows(source, 2000))))
    finding = found(drift, case)["delay"]
    assert (finding.finding, finding.against, finding.details["skewed"]) == ("drift", "before", False)
    assert "drift and no skew" in finding.sentence


def test_a_habit_that_the_season_shows_as_well_is_no_drift(training: list[Profile]) -> None:
    source = np.random.default_rng(6)
    served = looks(joined(rows(source, 3600), rows(source, 1200, delay=14)), every=5 * MINUTE)
    season = [
        look
        for week in (1, 2, 3)
        for look in looks(rows(source, 1200, delay=14), 5 * MINUTE, served[-1].end - HOUR - week * WEEK)
    ]
    assert found(drift, Case(SCHEMA, training, served))["delay"].against == "before"
    assert not found(drift, Case(SCHEMA, training, served, season))


def test_what_the_weeks_before_did_not_show_at_this_hour_is_drift_against_the_season(training: list[Profile]) -> None:
    source = np.random.default_rng(7)
    served = looks(rows(source, 4800, delay=14), every=5 * MINUTE)
    season = [
        look
        for week in (1, 2, 3)
        for look in looks(rows(source, 1200), 5 * MINUTE, served[-1].end - HOUR - week * WEEK)
    ]
    finding = found(drift, Case(SCHEMA, training, served, season))["delay"]
    assert finding.against == "season"
    assert "at this hour in the weeks before" in finding.sentence


def test_what_training_moved_by_itself_is_no_shift() -> None:
    source = np.random.default_rng(8)
    weather = [Profile.of_columns(SCHEMA, rows(source, 1000, delay=mean)) for mean in source.normal(10, 2.5, 40)]
    case = Case(SCHEMA, weather, looks(rows(source, 3000, delay=12.5)))
    assert not found(shift, case)


def test_many_rows_that_differ_by_little_are_no_shift(training: list[Profile]) -> None:
    source = np.random.default_rng(9)
    case = Case(SCHEMA, training, looks(rows(source, 40_000, delay=10.5), size=1000))
    assert not found(shift, case)


PRESSURE = Schema(features={"pressure": Float(unit="mbar")})


def pressures(source: np.random.Generator, count: int, mean: float = 1017.0, deviation: float = 7.0) -> Profile:
    return Profile.of_columns(PRESSURE, {"pressure": source.normal(mean, deviation, count)})


@pytest.mark.parametrize(("mean", "deviation"), [(1019.5, 7.0), (1017.0, 9.0)])
def test_numbers_that_vary_by_less_than_a_sketch_can_tell_are_seen_by_mean_and_deviation(
    mean: float, deviation: float
) -> None:
    source = np.random.default_rng(14)
    trained = [pressures(source, 1000) for _ in range(40)]
    before = [Look(index, index + 1, pressures(source, 100)) for index in range(20)]
    after = [Look(20 + index, 21 + index, pressures(source, 100, mean, deviation)) for index in range(15)]
    assert not list(shift(Case(PRESSURE, trained, before)))
    (finding,) = shift(Case(PRESSURE, trained, [*before, *after]))
    assert finding.details["mean"]["serving"] == pytest.approx(mean, abs=0.6)
    assert finding.details["deviation"]["serving"] == pytest.approx(deviation, abs=0.6)
    assert "mbar in training, and its standard deviation is" in finding.sentence


def test_regimes_that_alternate_are_no_shift_of_mean_and_deviation() -> None:
    source = np.random.default_rng(15)
    means = [1010.0, 1024.0]
    trained = [
        Profile.merged(pressures(source, 100, means[number % 2], 2.0) for number in range(10)) for _ in range(40)
    ]
    served = [Look(number, number + 1, pressures(source, 100, means[number % 2], 2.0)) for number in range(40)]
    assert not list(shift(Case(PRESSURE, trained, served)))


def test_rows_without_a_value_are_left_to_others(training: list[Profile]) -> None:
    source = np.random.default_rng(10)
    columns = rows(source, 3000)
    columns["delay"][::2] = np.nan
    assert not found(shift, Case(SCHEMA, training, looks(columns)))


def test_new_identifiers_are_no_shift() -> None:
    source = np.random.default_rng(11)
    schema = Schema(features={"plane": Category()})

    def planes(first: int, count: int) -> Profile:
        names = np.array([f"N{number}" for number in source.integers(first, first + 3000, count)], object)
        return Profile.of_columns(schema, {"plane": names})

    training = [planes(0, 1000) for _ in range(20)]
    served = [Look(index, index + 1, planes(0 if index % 2 else 1500, 100)) for index in range(30)]
    assert not found(shift, Case(schema, training, served))


def test_a_feature_without_a_reference_or_without_rows_is_passed_over(training: list[Profile]) -> None:
    assert not list(shift(Case(SCHEMA, [], looks(rows(np.random.default_rng(0), 1000)))))
    assert not list(shift(Case(SCHEMA, training, [])))
    assert not list(drift(Case(SCHEMA, training, [])))
    assert not list(shift(Case(SCHEMA, training, [Look(0, 1, Profile())] * 20)))


def test_every_usable_row_is_in_one_bin(training: list[Profile]) -> None:
    case = Case(SCHEMA, training, looks(rows(np.random.default_rng(12), 1000)))
    for name, tally in tallies(case).items():
        assert tally.chunks.sum(axis=1).tolist() == [profile.features[name].usable for profile in training]
        assert tally.looks.sum(axis=1).tolist() == [look.profile.features[name].usable for look in case.looks]


def test_what_is_kept_of_the_reference_changes_no_finding(training: list[Profile]) -> None:
    source = np.random.default_rng(13)
    first, second = looks(rows(source, 2000)), looks(rows(source, 2000, delay=13))
    case = Case(SCHEMA, training, first)
    list(shift(case))
    assert list(shift(case.showing(second))) == list(shift(Case(SCHEMA, training, second)))


def test_asking_after_each_look_finds_what_asking_once_does(training: list[Profile]) -> None:
    source = np.random.default_rng(11)
    shown = looks(joined(rows(source, 2000), rows(source, 1500, delay=13.0, carriers=(0.2, 0.3, 0.5))))
    chained = Case(SCHEMA, training, ())
    for end in range(17, len(shown) + 1, 3):
        chained = chained.showing(shown[max(0, end - 25) : end])
        assert detect(chained) == detect(Case(SCHEMA, training, chained.looks))
    assert {finding.feature for finding in detect(chained)} == {"delay", "carrier"}


def test_what_is_reckoned_of_a_look_is_reckoned_once_while_it_is_shown_and_again_when_it_comes_back(
    training: list[Profile],
) -> None:
    first, second, third = looks(rows(np.random.default_rng(12), 300))
    asked: list[Profile] = []

    def reckon(case: Case, look: Look) -> None:
        case.once_of(look, "rows", asked.append)

    case = Case(SCHEMA, training, [first, second])
    reckon(case, first)
    reckon(case.showing([first]), first)
    later = case.showing([first, second]).showing([second, third])
    reckon(later, second)
    reckon(later, second)
    reckon(later.showing([first]), first)
    assert asked == [first.profile, second.profile, first.profile]


@settings(max_examples=20)
@given(moved=st.floats(-4, 4), since=st.integers(0, 40), seed=st.integers(0, 99))
def test_a_change_that_cannot_matter_is_none_that_would_be_told(
    training: list[Profile], moved: float, since: int, seed: int
) -> None:
    source = np.random.default_rng(seed)
    case = Case(
        SCHEMA, training, looks(joined(rows(source, 100 * since), rows(source, 4000 - 100 * since, delay=10 + moved)))
    )
    tally = tallies(case)["delay"]
    movement = movement_of(case, "delay", tally)
    began = onset(tally.looks, tally.training, movement.from_training, tally.view, LASTING)
    effect = movement.effect(tally.since(began.look), tally.training)
    if effect >= movement.must_exceed():
        assert could_matter(in_training(case, "delay", tally), tally.looks, tally.training)


def test_beginnings_thin_out_with_age_and_hold_the_newest() -> None:
    tried = beginnings(5000).tolist()
    assert tried[0] == 0
    assert tried[-20:] == list(range(4980, 5000))
    assert len(tried) <= 128
    assert beginnings(3).tolist() == [0, 1, 2]

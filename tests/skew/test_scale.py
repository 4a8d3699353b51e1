"""Changes of unit and scale: what is named, what is only listed, and that nothing is said when nothing changed."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from hyperplan.schema import Float
from hyperplan.skew.exact import last_places
from hyperplan.skew.finding import Finding
from hyperplan.skew.scale import scales
from hyperplan.skew.units import alternatives, unit
from tests.support.looks import FIVE_MINUTES, NOON, case_of

Floats = NDArray[np.float64]


def delays(rows: int, seed: int = 0) -> Floats:
    """Delays in whole minutes, as flights have them: most a little early, some very late."""
    random = np.random.default_rng(seed)
    return np.rint(np.where(random.random(rows) < 0.3, random.exponential(40, rows), random.normal(-3, 4, rows)))


def temperatures(rows: int, seed: int = 0) -> Floats:
    """Hourly degrees Celsius in tenths, of a day that goes around."""
    random = np.random.default_rng(seed)
    return np.round(15 + 8 * np.sin(np.arange(rows) / 24 * 2 * np.pi) + random.normal(0, 2, rows), 1)


def found(unit: str | None, training: Floats, serving: Floats) -> list[Finding]:
    return list(scales(case_of({"x": Float(unit=unit)}, {"x": training}, {"x": serving})))


def only(unit: str | None, training: Floats, serving: Floats) -> Finding:
    (finding,) = found(unit, training, serving)
    return finding


def test_seconds_are_named_where_training_had_minutes() -> None:
    served = np.concatenate([delays(600, 1), 60 * delays(200, 2)])
    finding = only("min", delays(5000), served)
    assert (finding.kind, finding.finding, finding.feature) == ("feature", "unit", "x")
    assert finding.sentence == "x looks 60 times larger since 12:30: seconds where training had minutes"
    assert finding.since == NOON + 6 * FIVE_MINUTES
    assert finding.details["from"] == "min"
    assert finding.details["to"] == "s"
    assert (finding.details["factor"], finding.details["offset"], finding.details["share"]) == (60, 0, 1)
    assert finding.evidence > 20


def test_a_change_before_the_first_look_has_no_beginning_in_its_sentence() -> None:
    finding = only("min", delays(5000), 60 * delays(300, 1))
    assert finding.sentence == "x looks 60 times larger: seconds where training had minutes"


@pytest.mark.parametrize("declared", ["mi", "mph", "lb", "hPa", "min", "W/m2", "%"])
def test_every_unit_that_differs_by_five_percent_is_named_within_200_rows(declared: str) -> None:
    known = unit(declared)
    assert known is not None
    training, served = np.abs(delays(5000)) + 1, np.abs(delays(200, 1)) + 1
    for other in alternatives(known):
        line = known.to(other)
        if abs(np.log(line.factor)) > np.log(1.05):
            assert only(declared, training, served * line.factor).details["to"] == other.symbol


@pytest.mark.parametrize(("declared", "served"), [("degC", "degF"), ("degF", "degC"), ("degC", "K"), ("K", "degC")])
def test_a_unit_with_an_offset_is_named(declared: str, served: str) -> None:
    celsius, one, other = unit("degC"), unit(declared), unit(served)
    assert celsius
    assert one
    assert other
    here, there = celsius.to(one), one.to(other)
    training, numbers = (values * here.factor + here.offset for values in (temperatures(2000), temperatures(200, 1)))
    finding = only(declared, training.round(2), numbers.round(2) * there.factor + there.offset)
    assert finding.details["to"] == served
    assert "degrees" in finding.sentence


@pytest.mark.parametrize("factor", [1.609, 1.61, 1 / 0.6214])
def test_a_factor_that_people_rounded_is_still_that_of_the_unit(factor: float) -> None:
    finding = only("mi", np.abs(delays(5000)), np.abs(delays(200, 1)) * factor)
    assert finding.details["to"] == "km"
    assert finding.details["factor"] == 1.609344


@pytest.mark.parametrize("declared", [None, "EUR"])
def test_without_a_known_unit_a_power_of_ten_is_a_scale(declared: str | None) -> None:
    prices = np.random.default_rng(0).lognormal(3, 1, 5200).round(2)
    finding = only(declared, prices[:5000], prices[5000:] * 100)
    assert finding.finding == "scale"
    assert finding.sentence == "x looks 100 times larger"


def test_without_a_known_unit_the_factor_of_two_units_is_a_scale() -> None:
    finding = only(None, np.abs(delays(5000)), np.abs(delays(200, 1)) * 2.54)
    assert finding.finding == "scale"
    assert finding.details["factor"] == pytest.approx(2.54)


def test_units_that_cannot_be_told_apart_are_listed() -> None:
    """A bar is 1.3 % less than an atmosphere: hectopascals that became one of them, rounded to hundredths."""
    training, served = (
        np.random.default_rng(seed).normal(1013, 10, rows).round(1) for seed, rows in ((0, 5000), (1, 200))
    )
    finding = only("hPa", training, (served / 1000).round(2))
    assert finding.details["to"] is None
    assert {candidate["unit"] for candidate in finding.details["candidates"]} == {"bar", "atm"}
    assert "bars or atmospheres" in finding.sentence or "atmospheres or bars" in finding.sentence


def test_a_rounded_feed_is_told_by_where_its_numbers_lie() -> None:
    served = np.concatenate([np.abs(delays(1000, 1)), (np.abs(delays(200, 2)) / 60).round(2)])
    finding = only("min", np.abs(delays(5000)), served)
    assert finding.details["to"] == "h"
    assert finding.since == NOON + 10 * FIVE_MINUTES


def test_one_feed_of_two_that_changed_is_found_with_its_share() -> None:
    served = delays(1000, 1)
    served[::3] *= 60
    finding = only("min", delays(5000), served)
    assert finding.details["to"] == "s"
    assert finding.details["share"] == pytest.approx(1 / 3, abs=0.1)
    assert finding.effect == finding.details["share"]
    assert finding.sentence.startswith("about 3")


def test_one_value_that_training_was_full_of_is_enough() -> None:
    """Clear weather: ten miles all day, and ten miles are 16.09344 kilometres."""
    miles = [10.0, 9.0, 8.0, 7.0, 6.0, 5.0, 4.0, 3.0, 2.5, 2.0, 1.5, 1.25, 1.0, 0.5, 0.25, 0.12]
    training = np.random.default_rng(0).choice(miles, 5000, p=[0.85, *[0.01] * 15])
    assert only("mi", training, np.full(200, 16.09344)).details["to"] == "km"


def test_single_precision_is_read_for_what_it_means() -> None:
    training, served = np.abs(delays(5000)), np.abs(delays(200, 1)) * 1.609344
    assert only("mi", training, served.astype(np.float32).astype(np.float64)).details["to"] == "km"


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from(["min", "mi", "degC", "%", None]), st.floats(0.2, 5), st.floats(-30, 30))
def test_numbers_that_only_move_are_no_change_of_unit(
    seed: int, declared: str | None, wider: float, further: float
) -> None:
    served = np.rint(delays(200, seed) * wider + further)
    assert found(declared, delays(3000), served) == []


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from(["s", "h", "d", "week"]))
def test_a_change_there_and_back_finds_nothing(seed: int, other: str) -> None:
    minutes, there = unit("min"), unit(other)
    assert minutes
    assert there
    served = delays(200, seed) * minutes.to(there).factor * there.to(minutes).factor
    assert found("min", delays(3000), served) == []


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([60.0, 1 / 60, 60_000.0]), st.integers(-3, 3))
def test_what_is_named_does_not_depend_on_the_scale_of_training(seed: int, factor: float, power: int) -> None:
    scale = 10.0**power
    finding = only("min", delays(3000) * scale, delays(200, seed) * scale * factor)
    plain = only("min", delays(3000), delays(200, seed) * factor)
    assert finding.details["to"] == plain.details["to"]


@pytest.mark.parametrize("served", [np.zeros(200), np.full(200, np.nan), np.full(200, 3.0), np.array([1.0])])
def test_values_that_say_nothing_are_passed_over(served: Any) -> None:
    assert found("min", delays(3000), served) == []


def test_a_feature_that_training_never_had_is_passed_over() -> None:
    assert found("min", np.full(1000, np.nan), delays(200)) == []


@given(
    st.integers(-(10**8), 10**8).filter(lambda units: units % 10 != 0),
    st.integers(-6, 6),
    st.sampled_from([1.0, 60.0, 1.609344]),
)
def test_the_last_digit_is_seen_through_a_multiplication_and_a_division(units: int, place: int, factor: float) -> None:
    number = units * 10.0**place
    assert last_places(np.array([number * factor / factor])).tolist() == [place]

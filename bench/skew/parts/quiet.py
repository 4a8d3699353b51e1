"""How long it takes until a false alert, and how soon a moderate shift is found, with the same settings.

Nothing changed: the rows of the reference and those that are served are drawn at random from one set, each time anew, so that the
reference's own sampling error is part of it. Every alert that opens is a false one, whatever was found at whichever feature; after one
all is forgotten, and the next run begins. How often anything was found at all, alert or not, stands beside.

Then one feature is tilted, after some looks without: its population stability index over the reference's deciles becomes 0.1. It is found
when an alert opens that says so; or when one that was told just before, of a feature that follows the tilted one, holds it too: news of an open alert wait,
so that one cause is told once, and it shows meanwhile in what control answers. How many trials that were stands beside.
"""

from collections import Counter
from typing import Any, NamedTuple

import numpy as np

from bench.judgement import Bar, Line, Measured, Options, Part, share, totals
from bench.parallel import over
from bench.skew.data import DATA_SETS, Columns, DataSet, load
from bench.skew.faults import FORMS, Form, tilted
from bench.skew.serving import LOOK, Watch, look_of, opens, reference_of, taken
from hyperplan.profile import Profile

LOOKS = 100_000
RUN = 1_000
"""Looks against one reference; then another one is drawn."""
MOST_TRAINING = 50_000
"""Rows of a reference; small sets have fewer."""
TRIALS = 1_000
BEFORE = 20
"""Looks before the shift."""
FOUND_WITHIN = 1_500
INDEX = 0.1

NOTHING = Line("nothing changed: looks until a false alert", (Bar("looks", 1_000, at_least=True),))
MODERATE = Line(
    f"moderate shift (PSI {INDEX:g}) found within {FOUND_WITHIN:,} rows", (Bar("share", 0.95, at_least=True),)
)


class Job(NamedTuple):
    """A run on a data set: so many looks; or a trial with a tilt of a feature."""

    data: str
    seed: int
    looks: int = 0
    feature: str = ""
    form: Form = "up"


def pool(data: DataSet) -> Columns:
    """The set that rows are drawn from: the older part."""
    return taken(data.columns, slice(0, data.split))


def trained(data: DataSet, drawn: np.random.Generator) -> list[Profile]:
    """A reference of rows drawn at random."""
    rows = drawn.integers(data.split, size=min(data.split, MOST_TRAINING))
    return reference_of(data.schema, taken(data.columns, rows))


def quiet(job: Job) -> dict[str, Any]:
    """The false alerts of a run."""
    data, drawn = load(job.data), np.random.default_rng(job.seed)

    reference = trained(data, drawn)
    watch = Watch(data.schema, reference)
    alerts: Counter[str] = Counter()
    findings = 0
    for number in range(job.looks):
        look = look_of(data.schema, taken(data.columns, drawn.integers(data.split, size=LOOK)), number)
        answer = watch.ask(look)
        findings += bool(answer.found)
        if opened := [event for event in answer.events if opens(event)]:
            alerts.update(f"{finding} of {feature}" for feature, finding in opened[0].alert.told[:1])
            watch = Watch(data.schema, reference)
    return {"data": job.data, "looks": job.looks, "alerts": alerts.total(), "findings": findings, "of": dict(alerts)}


def moderate(job: Job) -> dict[str, Any]:
    """After how many rows a tilt of a feature was found, as what; None if it was not."""
    data, drawn = load(job.data), np.random.default_rng(job.seed)
    reference = trained(data, drawn)
    weights = tilted(data.columns[job.feature][: data.split], INDEX, job.form)
    before = drawn.integers(data.split, size=(BEFORE, LOOK))
    after = drawn.choice(data.split, size=(FOUND_WITHIN // LOOK, LOOK), p=weights)
    looks = [look_of(data.schema, taken(data.columns, rows), number) for number, rows in enumerate((*before, *after))]
    watch = Watch(data.schema, reference)
    watch.remember(looks[:BEFORE])
    trial = {"data": job.data, "feature": job.feature, "form": job.form}
    for number, look in enumerate(looks[BEFORE:], 1):
        told = {pair for event in watch.ask(look).events for pair in event.alert.told}
        wanted = {(job.feature, "shift"), (job.feature, "drift")}
        if wanted & (told | watch.stands()):
            return {**trial, "rows": number * LOOK, "told": bool(wanted & told)}
    return {**trial, "rows": None, "told": False}


def measure(options: Options) -> Measured:
    """Both figures, and what they were on each data set."""
    runs = options.sized(LOOKS // RUN, len(DATA_SETS))
    names = list(DATA_SETS)
    length = max(50, min(RUN, options.sized(LOOKS) // runs))
    options.say(f"  nothing changed: {runs} runs of {length:,} looks")
    jobs = [Job(names[number % len(names)], options.seed + number, length) for number in range(runs)]
    calm = list(over(quiet, jobs, options.workers))
    looks, alerts = totals(calm, "looks"), totals(calm, "alerts")
    trials = _trials(options)
    options.say(f"  a moderate shift: {len(trials)} trials")
    found = list(over(moderate, trials, options.workers))
    hits = [one for one in found if one["rows"] is not None]
    return Measured(
        [
            NOTHING.judged(
                {"looks": looks / max(alerts, 1)},
                {"looks in all": looks, "false alerts": alerts, "looks with a finding": totals(calm, "findings")},
            ),
            MODERATE.judged({"share": share(len(hits), len(found))}, {"trials": len(found), **_delays(hits)}),
        ],
        {"nothing changed": _by_data(calm), "a moderate shift": _by_feature(found)},
    )


def _trials(options: Options) -> list[Job]:
    """So many tilts as are asked for, in turn over all telling features and forms that can be tilted so far."""
    kinds = []
    for name in DATA_SETS:
        data = load(name)
        for feature in data.telling():
            for form in FORMS:
                try:
                    tilted(data.columns[feature][: data.split], INDEX, form)
                except ValueError:
                    continue
                kinds.append((name, feature, form))
    count = options.sized(TRIALS, min(len(kinds), 30))
    picked = [
        kinds[number * len(kinds) // count % len(kinds)] if count < len(kinds) else kinds[number % len(kinds)]
        for number in range(count)
    ]
    # In the order of data sets: a process then reads each of them once.
    return [
        Job(name, options.seed + 100_000 + number, 0, feature, form)
        for number, (name, feature, form) in enumerate(sorted(picked))
    ]


def _delays(hits: list[dict[str, Any]]) -> dict[str, Any]:
    rows = [one["rows"] for one in hits]
    later = sum(not one["told"] for one in hits)
    return {"rows until found, median": float(np.median(rows)) if rows else None, "in an alert told before": later}


def _by_data(calm: list[dict[str, Any]]) -> list[dict[str, Any]]:
    rows = []
    for name in dict.fromkeys(one["data"] for one in calm):
        own = [one for one in calm if one["data"] == name]
        kinds: Counter[str] = sum((Counter(one["of"]) for one in own), Counter())
        rows.append(
            {"data": name, "looks": totals(own, "looks"), "false alerts": totals(own, "alerts"), "of": dict(kinds)}
        )
    return rows


def _by_feature(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    rows = []
    for data, feature in dict.fromkeys((one["data"], one["feature"]) for one in found):
        own = [one for one in found if (one["data"], one["feature"]) == (data, feature)]
        hits = [one["rows"] for one in own if one["rows"] is not None]
        median = float(np.median(hits)) if hits else None
        rows.append({"data": data, "feature": feature, "trials": len(own), "found": len(hits), "rows, median": median})
    return rows


PART = Part("false alerts when nothing changed, and a moderate shift", (NOTHING, MODERATE), measure)

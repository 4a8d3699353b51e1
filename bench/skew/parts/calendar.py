"""July to December in the order of time, nothing injected: how often somebody is told, by us and by the peers.

Models of January to June meet autumn and winter, so something does change, slowly. What counts is how often one is told: for us each
feature that an alert names when it opens, or later for the first time; for the peers each feature that is flagged in a window. Theirs
are weeks, the longest windows that anybody would take, and so the fewest alarms; days stand beside for the one that is quick enough, and
so do transitions, where a feature flagged again and again counts once until it is not.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from bench.judgement import Bar, Line, Measured, Options, Part
from bench.parallel import over
from bench.skew import peers
from bench.skew.data import DATA_SETS, DataSet, load
from bench.skew.serving import LOOK, Watch, looks_of, opens, taken, training_of
from cli.failure import Failure

WEEK = 7 * 86_400 * 10**9
MOST_ROWS = 200_000
"""Rows of a data set that are served: of the household's minutes the first 139 days."""

OURS = Line("July to December in order: features told per feature-week, against the quieter peer", (Bar("ratio", 0.1),))


def alerted(name: str) -> dict[str, Any]:
    """The alerts of a data set's newer part, in order."""
    return watched(load(name), MOST_ROWS)


def watched(data: DataSet, rows: int) -> dict[str, Any]:
    """The alerts while so many rows are served, and how many looks found anything."""
    served = slice(data.split, min(data.rows, data.split + rows))
    watch = Watch(data.schema, training_of(data))
    alerts, told, events, findings = 0, 0, [], 0
    named: set[tuple[str, str]] = set()
    for number, look in enumerate(looks_of(data.schema, taken(data.columns, served))):
        answer = watch.ask(look)
        findings += bool(answer.found)
        for event in answer.events:
            alerts += opens(event)
            now = {(event.alert.id, feature) for feature, _ in event.alert.told}
            if opens(event):
                named -= now
            told += len(now - named)
            named |= now
            events.append(
                {"data": data.name, "row": (number + 1) * LOOK, "event": event.kind, "sentence": event.alert.sentence}
            )
    times = data.times[served]
    weeks = (int(times[-1]) - int(times[0])) / WEEK
    return {
        "data": data.name,
        "weeks": weeks,
        "features": len(data.schema.features),
        "alerts": alerts,
        "features told": told,
        "looks": number + 1,
        "looks with a finding": findings,
        "events": events,
    }


def asked(peer: str, data: DataSet, ends: Sequence[int]) -> dict[str, Any]:
    """How often a peer flags a feature of the flights; identifiers are left out, which no peer can bin."""
    names = [name for name in data.columns if name != "tailnum"]
    training = {name: data.columns[name][: data.split] for name in names}
    served = {name: data.columns[name][data.split :] for name in names}
    answer = peers.ask(peer, data.schema, training, served, ends)
    flagged = [set(window.flagged) for window in answer.windows]
    began = sum(len(now - before) for before, now in zip([set(), *flagged], flagged, strict=False))
    return {
        "peer": f"{peer} {answer.version}",
        "windows": len(flagged),
        "features": len(names),
        "flagged": sum(map(len, flagged)),
        "transitions": began,
        "windows without an alarm": sum(not one for one in flagged),
        "errors": sum(window.error is not None for window in answer.windows),
    }


def weekly(times: Any) -> list[int]:
    """The rows at which weeks end, counted from the first row; the last one may be short."""
    weeks = (np.asarray(times) - times[0]) // WEEK
    return [*(np.flatnonzero(np.diff(weeks)) + 1).tolist(), len(weeks)]


def measure(options: Options) -> Measured:
    """The figure, and who told how much."""
    data = load("flights")
    rows = options.sized(data.rows - data.split, 5_000)
    data = data._replace(
        columns=taken(data.columns, slice(0, data.split + rows)), times=data.times[: data.split + rows]
    )
    options.say(f"  flights: {rows:,} rows")
    ours = watched(data, rows)
    others = (
        list(over(alerted, [name for name in DATA_SETS if name != "flights"], options.workers))
        if options.scale >= 1
        else []
    )
    per_week = {"ours": ours["features told"] / (ours["features"] * ours["weeks"])}
    times = data.times[data.split :]
    table = []
    for peer, ends, window in (
        *((peer, weekly(times), "week") for peer in peers.PEERS),
        ("nannyml", peers.daily(times), "day"),
    ):
        options.say(f"  {peer}: {len(ends)} windows, a {window} each")
        try:
            found = asked(peer, data, ends) | {"window": window}
        except Failure as error:
            table.append({"peer": peer, "window": window, "errors": str(error)})
            continue
        rate = found["flagged"] / (found["features"] * ours["weeks"])
        table.append({**found, "per feature-week": rate})
        if window == "week":
            per_week[peer] = rate
    theirs = [per_week[peer] for peer in peers.PEERS if peer in per_week]
    if not theirs:
        raise Failure("neither peer answered: " + "; ".join(str(row["errors"]) for row in table))
    ratio = per_week["ours"] / min(theirs) if min(theirs) else float("inf")
    counted = [{key: value for key, value in one.items() if key != "events"} for one in (ours, *others)]
    return Measured(
        [
            OURS.judged(
                {"ratio": ratio},
                {f"{who} per feature-week": round(rate, 5) for who, rate in per_week.items()}
                | {"alerts": ours["alerts"]},
            )
        ],
        {
            "served in order, nothing injected": counted,
            "the peers on the flights": table,
            "what was told": [event for one in (ours, *others) for event in one["events"][:40]],
        },
    )


PART = Part("July to December in order, nothing injected", (OURS,), measure)

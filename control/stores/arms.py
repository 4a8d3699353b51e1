"""What was counted of each arm, as guardrails take it: from series of counters to `hyperplan.experiments.judge.Counters`.

A tick is what was counted under one revision of the routing in one bucket of time: within it the weights are the same, so that a change of weights while
rates change too is taken for neither. Only buckets that are over say the same each time they are asked.

Sidecars count the first attempts of requests, at the stage that adapts them, where failures are seen that failover hides from clients: by the *chosen* arm, not by who
answered. A request whose arm's own model Envoy passed over, since it knew it to be dead, is a failure of that arm. Of latency it is the first attempt's too. Predictions are those of
the first row, violations those of requests that passed. Where an arm is not adapted nothing is counted; `hyperplan.plan.adapted` says where it is.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from control.stores.counters import Counters as StoredCounters
from hyperplan.endpoint import Task
from hyperplan.experiments.design import Guarded, Guardrail
from hyperplan.experiments.judge import Counted, Counters
from hyperplan.ranges import LATENCIES, RANGES, latency_of

ATTEMPTS = "hyperplan.arm.attempts"
LATENCY = "hyperplan.arm.latencies"
PREDICTIONS = "hyperplan.arm.predictions"
VIOLATIONS = "hyperplan.arm.violations"

FAILURES = frozenset({"failed", "not_understood", "untranslatable", "reset", "passed_over"})
"""The outcomes of a first attempt that are a failure of its arm. An error of the client's is none."""


class Tick(NamedTuple):
    """What was counted under one revision in one bucket, which starts at a time in nanoseconds since 1970."""

    bucket: int
    revision: int


class Tally(NamedTuple):
    """What was counted of an arm in a tick: a metric, and of what kind (an outcome, a bound, a range)."""

    tick: Tick
    arm: str
    metric: str
    kind: str
    number: int


def tallies(counters: StoredCounters, endpoint: str, since: int, until: int) -> Iterator[Tally]:
    """What was counted of each arm of an endpoint in the buckets that start in a range of time."""
    for bucket, counted in counters.increments(endpoint, since, until).items():
        for series, count in counted.items():
            revision, _, kind = series.kind.partition("/")
            if series.metric in _OF_ARMS and revision.isdecimal():
                yield Tally(Tick(bucket, int(revision)), series.label, series.metric, kind, count)


def totals(counters: StoredCounters, endpoint: str, since: int) -> Iterator[Tally]:
    """What was counted of each arm under each revision since the bucket of a time, the open one too; ticks are of no bucket."""
    for series, count in counters.totals(endpoint, since).items():
        revision, _, kind = series.kind.partition("/")
        if series.metric in _OF_ARMS and revision.isdecimal():
            yield Tally(Tick(0, int(revision)), series.label, series.metric, kind, count)


_OF_ARMS = frozenset({ATTEMPTS, LATENCY, PREDICTIONS, VIOLATIONS})


def guarded_counters(
    counters: StoredCounters,
    endpoint: str,
    task: Task,
    arms: Sequence[str],
    guardrails: Mapping[Guarded, Guardrail],
    since: int,
    until: int,
) -> Counters:
    """What each guardrail counts of each arm, by tick, in the buckets that start in a range of time.

    The time beyond which a request is slow is taken for the nearest bound above of those that are told apart (`hyperplan.ranges.LATENCIES`).
    """
    return counters_of(tallies(counters, endpoint, since, until), task, arms, guardrails)


def counters_of(
    tallied: Iterable[Tally], task: Task, arms: Sequence[str], guardrails: Mapping[Guarded, Guardrail]
) -> Counters:
    """The same of tallies."""
    counted = Counter[tuple[Tick, str, str, str]]()
    for tick, arm, metric, kind, count in tallied:
        counted[tick, arm, metric, kind] += count
    ticks = sorted({tick for tick, _, _, _ in counted})
    return {
        name: {arm: _counted(counted, ticks, task, arm, name, guardrail) for arm in arms}
        for name, guardrail in guardrails.items()
    }


def _counted(
    counted: Counter[tuple[Tick, str, str, str]],
    ticks: Sequence[Tick],
    task: Task,
    arm: str,
    name: Guarded,
    guardrail: Guardrail,
) -> Counted:
    position = {tick: index for index, tick in enumerate(ticks)}
    hits = np.zeros((RANGES[task], len(ticks)) if name == "predictions" else len(ticks))
    requests = np.zeros(len(ticks))
    for (tick, of, metric, kind), count in counted.items():
        if of != arm:
            continue
        index = position[tick]
        if name == "predictions" and metric == PREDICTIONS and int(kind) < RANGES[task]:
            hits[int(kind), index] += count
            requests[index] += count
        elif name == "latency" and metric == LATENCY:
            requests[index] += count
            hits[index] += count if is_slow(kind, guardrail) else 0
        elif name in ("errors", "violations") and metric == ATTEMPTS:
            requests[index] += count
            hits[index] += count if name == "errors" and kind in FAILURES else 0
        elif name == "violations" and metric == VIOLATIONS:
            hits[index] += count
    return Counted(hits, requests)


def is_slow(bound: str, guardrail: Guardrail) -> bool:
    """Whether attempts that did not exceed a bound, the least of those that they did not, count as slow."""
    slower = guardrail.slower or 0.0
    nearest = LATENCIES[min(latency_of(slower), len(LATENCIES) - 1)]
    return float(bound) > nearest * 1.001

"""Measuring rows in turn: each is loaded for a few seconds in every round, so that whatever else the machine does hits all."""

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from bench import cost
from bench.load import load
from bench.stand import Served

CONNECTIONS = 16
WARM_UP = 1.0
"""Seconds of load before a row is measured: it has slept since its last turn."""

Show = Callable[[str], None]
"""Takes a line of progress."""


class Point(NamedTuple):
    """One row in one round. Latencies are in milliseconds, CPU in microseconds per request."""

    rate: float
    p50: float
    p99: float
    cpu: float
    envoy_cpu: float
    errors: int
    p50_at_one: float


@dataclass
class Row:
    """What was measured of one row, round by round. Memory (VmRSS after the load) is in MB, of all processes of the processor."""

    name: str
    points: list[Point] = field(default_factory=list)
    memory: float = 0.0

    def median(self, column: str) -> float:
        """The median of a column over the rounds."""
        return float(statistics.median(getattr(point, column) for point in self.points))

    def ratio(self, other: "Row", column: str) -> float:
        """The median over the rounds of this row's value against another's in the same round."""
        pairs = zip(self.points, other.points, strict=True)
        return float(statistics.median(getattr(ours, column) / getattr(theirs, column) for ours, theirs in pairs))

    def as_dict(self) -> dict[str, object]:
        """The row as it is printed."""
        columns = {column: round(self.median(column), 2) for column in Point._fields if column != "errors"}
        return {"row": self.name, **columns, "memory": round(self.memory, 1), "errors": self.errors}

    @property
    def errors(self) -> int:
        """Requests of all rounds that did not get what they asked for."""
        return sum(point.errors for point in self.points)


class Target(NamedTuple):
    """What is loaded, and the script with its bodies."""

    served: Served
    script: Path


async def measure(targets: Mapping[str, Target], rounds: int, seconds: float, show: Show) -> dict[str, Row]:
    """Measure rows in turn, so many rounds."""
    rows = {name: Row(name) for name in targets}
    for number in range(rounds):
        for name, target in targets.items():
            show(f"round {number + 1} of {rounds}: {name}")
            rows[name].points.append(await _point(target, seconds))
    for name, target in targets.items():
        rows[name].memory = sum(cost.resident_mb(pid) for pid in target.served.processor_pids())
    return rows


async def _point(target: Target, seconds: float) -> Point:
    served, script = target
    await load(served.url, script, connections=CONNECTIONS, seconds=WARM_UP)
    processor, envoy = served.processor_pids(), [served.envoy.pid]
    before = _cpu(processor), _cpu(envoy)
    seen = await load(served.url, script, connections=CONNECTIONS, seconds=seconds)
    after = _cpu(processor), _cpu(envoy)
    alone = await load(served.url, script, connections=1, seconds=max(1.0, seconds / 2))
    return Point(
        rate=seen.rate,
        p50=seen.p50,
        p99=seen.p99,
        cpu=(after[0] - before[0]) / seen.requests * 1e6,
        envoy_cpu=(after[1] - before[1]) / seen.requests * 1e6,
        errors=seen.errors + alone.errors,
        p50_at_one=alone.p50,
    )


def _cpu(pids: Sequence[int]) -> float:
    return sum(cost.cpu_seconds(pid) for pid in pids)

"""Figures of a suite of parts, and the bars that they are held to.

Every part says beforehand which figures it will measure: one that fails has them all the same, with the reason for a value.
"""

import traceback
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from bench.figures import rounded


class Bar(NamedTuple):
    """A bound for one number: at least, or at most, `limit`."""

    of: str
    limit: float
    at_least: bool = False

    def holds(self, value: float) -> bool:
        """Whether a number keeps the bar; no number keeps none."""
        return value >= self.limit if self.at_least else value <= self.limit

    def __str__(self) -> str:
        return f"{'>=' if self.at_least else '<='} {self.limit:g}"


class Judged(NamedTuple):
    """A figure as it is printed. `also` holds the other numbers that its bar speaks of, and what stands beside them."""

    figure: str
    value: float | str | None
    bar: str
    holds: bool | None
    also: dict[str, Any]


class Line(NamedTuple):
    """One line of what must be shown: the first bar is that of the value, the others belong to the same line."""

    figure: str
    bars: tuple[Bar, ...]

    def judged(self, values: Mapping[str, float], beside: Mapping[str, Any] | None = None) -> Judged:
        """The figure of numbers that were measured: it holds when all of them keep their bars."""
        first, *others = self.bars
        holds = all(bar.holds(values[bar.of]) for bar in self.bars)
        also = {bar.of: rounded(values[bar.of], 5) for bar in others} | dict(beside or {})
        return Judged(self.figure, rounded(values[first.of], 5), self._bar(), holds, also)

    def failed(self, why: str) -> Judged:
        """The figure of a part that could not measure it. It does not hold: nobody saw that it does."""
        return Judged(self.figure, f"failed: {why}", self._bar(), False, {})

    def _bar(self) -> str:
        first, *others = self.bars
        return ", ".join([str(first), *(f"{bar.of} {bar}" for bar in others)])


class Measured(NamedTuple):
    """What a part found: its figures in the order of its lines, and tables of what stands behind them."""

    figures: list[Judged]
    tables: Mapping[str, list[dict[str, Any]]] = MappingProxyType({})


class Options(NamedTuple):
    """How large a run is: every size is multiplied by `scale`. `say` tells people how it goes."""

    scale: float
    workers: int
    say: Callable[[str], None]
    seed: int = 2013

    def sized(self, full: int, fewest: int = 1) -> int:
        """A size at this scale."""
        return max(fewest, round(full * self.scale))


class Part(NamedTuple):
    """One part of the benchmark: what it does, the lines that it measures, and how."""

    says: str
    lines: tuple[Line, ...]
    measure: Callable[[Options], Measured]

    def run(self, options: Options) -> Measured:
        """Measure; what goes wrong becomes the value of its figures."""
        try:
            return self.measure(options)
        except Exception as error:  # whatever it was, the other parts must still be measured
            why = f"{type(error).__name__}: {error}".splitlines()[0][:300]
            options.say(f"  failed: {why}\n{traceback.format_exc()}")
            return Measured([line.failed(why) for line in self.lines])


def share(hits: int, of: int) -> float:
    """Hits among tries; no number when nothing was tried, which keeps no bar."""
    return hits / of if of else float("nan")


def totals(rows: Sequence[Mapping[str, Any]], key: str) -> int:
    """The sum of a column."""
    return int(sum(row[key] for row in rows))

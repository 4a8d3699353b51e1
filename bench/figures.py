"""The figures that the external processor is held to, reckoned from what was measured."""

from collections.abc import Mapping
from typing import NamedTuple

from bench import rows
from bench.measure import Row


class Figure(NamedTuple):
    """One figure: what it is, its value, the bar, and whether it holds. A value of None could not be measured here."""

    figure: str
    value: float | None
    bar: str
    holds: bool | None

    @staticmethod
    def at_most(figure: str, value: float | None, bar: float) -> "Figure":
        """A figure that must not be above its bar."""
        return Figure(figure, rounded(value), f"<= {bar:g}", None if value is None else value <= bar)

    @staticmethod
    def at_least(figure: str, value: float | None, bar: float) -> "Figure":
        """A figure that must not be below its bar."""
        return Figure(figure, rounded(value), f">= {bar:g}", None if value is None else value >= bar)


def figures(measured: Mapping[str, Row], endpoints: Mapping[str, Row], start: float) -> list[Figure]:
    """All figures but that of the soak, which `bench.soak` has. `start` is in seconds."""
    ours, neither = measured[rows.OURS], measured[rows.NEITHER]
    few, many = endpoints["endpoints: 1"], endpoints["endpoints: 10,000"]

    def against(name: str, column: str) -> float | None:
        return ours.ratio(measured[name], column) if name in measured else None

    return [
        Figure.at_most("CPU per request, whole job, against empty Go gRPC", against(rows.GO, "cpu"), 0.7),
        Figure.at_most("CPU per request, whole job, against empty grpc.aio", against(rows.EMPTY_GRPCIO, "cpu"), 0.12),
        Figure.at_least("requests/s against Envoy alone", against(rows.ENVOY, "rate"), 0.75),
        Figure.at_most("p99 at 16 connections against empty Go gRPC", against(rows.GO, "p99"), 1.0),
        Figure.at_most("1 % sampling and tracing against neither: CPU", ours.ratio(neither, "cpu"), 1.15),
        Figure.at_most("1 % sampling and tracing against neither: p99", ours.ratio(neither, "p99"), 1.15),
        Figure.at_most("CPU per request, 10,000 endpoints against 1", many.ratio(few, "cpu"), 1.10),
        Figure.at_most("memory of a sidecar, MB", ours.memory, 90),
        Figure.at_most("process start to first answered request, s", start, 1.0),
    ]


def rounded(value: float | None, digits: int = 3) -> float | None:
    """A number as it is printed; what could not be measured stays so."""
    return None if value is None else round(value, digits)

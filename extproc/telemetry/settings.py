"""Where telemetry goes: OpenTelemetry's own environment variables, with Hyperplan's defaults where they are unset.

Logs and metrics go to control, traces nowhere, unless `OTEL_EXPORTER_OTLP_ENDPOINT`, its `_LOGS_`, `_METRICS_` and
`_TRACES_` forms, `OTEL_{LOGS,METRICS,TRACES}_EXPORTER=none` or `OTEL_SDK_DISABLED=true` say otherwise. Headers, TLS and
compression are read by the exporters themselves.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal, NamedTuple

from hyperplan.problems import Invalid, Problem

Signal = Literal["logs", "metrics", "traces"]

CONTROL = "http://127.0.0.1:4417"
"""Where control receives OTLP, as seen from the same machine."""


class SpoolSettings(NamedTuple):
    """The folder in which samples wait for a sink that is away, and how many bytes they may take there."""

    folder: Path
    capacity: int


class TelemetrySettings(NamedTuple):
    """Endpoints are URLs, None for nowhere. Capacities count items of a queue in memory, of samples and of spans; a delay is how
    long the first of a batch waits for others; all times are in seconds.

    Without a `spool` samples wait in memory only, as spans always do.
    """

    logs: str | None
    metrics: str | None
    traces: str | None
    capacity: int
    delay: float
    span_capacity: int
    span_delay: float
    interval: float
    spool: SpoolSettings | None = None

    @staticmethod
    def read(environment: Mapping[str, str], spool: SpoolSettings | None = None) -> "TelemetrySettings":
        """Read the environment, which says everything but where samples wait.

        Raises:
            Invalid: a variable that must be a number is none.
        """
        return TelemetrySettings(
            logs=_endpoint(environment, "logs", CONTROL),
            metrics=_endpoint(environment, "metrics", CONTROL),
            traces=_endpoint(environment, "traces", None),
            capacity=int(_number(environment, "OTEL_BLRP_MAX_QUEUE_SIZE", 16384)),
            delay=_number(environment, "OTEL_BLRP_SCHEDULE_DELAY", 1000) / 1000,
            span_capacity=int(_number(environment, "OTEL_BSP_MAX_QUEUE_SIZE", 2048)),
            span_delay=_number(environment, "OTEL_BSP_SCHEDULE_DELAY", 5000) / 1000,
            interval=_number(environment, "OTEL_METRIC_EXPORT_INTERVAL", 5000) / 1000,
            spool=spool,
        )


def _endpoint(environment: Mapping[str, str], signal: Signal, default: str | None) -> str | None:
    disabled = environment.get("OTEL_SDK_DISABLED", "").lower() == "true"
    if disabled or environment.get(f"OTEL_{signal.upper()}_EXPORTER", "").lower() == "none":
        return None
    own = environment.get(f"OTEL_EXPORTER_OTLP_{signal.upper()}_ENDPOINT")
    return own or environment.get("OTEL_EXPORTER_OTLP_ENDPOINT") or default


def _number(environment: Mapping[str, str], name: str, default: float) -> float:
    text = environment.get(name)
    if not text:
        return default
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 < number < 1e12:
        raise Invalid([Problem("", f"the environment variable {name} must be a positive number, not {text!r}")])
    return number

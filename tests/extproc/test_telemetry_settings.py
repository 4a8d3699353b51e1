"""Where telemetry goes follows OpenTelemetry's own variables."""

from pathlib import Path

import pytest

from extproc.telemetry.settings import CONTROL, SpoolSettings, TelemetrySettings
from hyperplan.problems import Invalid

read = TelemetrySettings.read


def test_unset_samples_and_metrics_go_to_control_and_traces_nowhere() -> None:
    settings = read({})
    assert (settings.logs, settings.metrics, settings.traces) == (CONTROL, CONTROL, None)


def test_one_endpoint_takes_everything() -> None:
    settings = read({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4317"})
    assert {settings.logs, settings.metrics, settings.traces} == {"http://collector:4317"}


def test_a_signals_own_endpoint_comes_first() -> None:
    settings = read(
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://a:1", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://jaeger:4317"}
    )
    assert (settings.logs, settings.traces) == ("http://a:1", "http://jaeger:4317")


def test_a_signal_can_be_switched_off() -> None:
    assert read({"OTEL_LOGS_EXPORTER": "none"}).logs is None
    assert read({"OTEL_LOGS_EXPORTER": "none"}).metrics == CONTROL


def test_everything_can_be_switched_off() -> None:
    settings = read({"OTEL_SDK_DISABLED": "true", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://a:1"})
    assert (settings.logs, settings.metrics, settings.traces) == (None, None, None)


def test_intervals_are_read_in_milliseconds() -> None:
    settings = read(
        {"OTEL_BLRP_SCHEDULE_DELAY": "250", "OTEL_BSP_SCHEDULE_DELAY": "500", "OTEL_METRIC_EXPORT_INTERVAL": "1000"}
    )
    assert (settings.delay, settings.span_delay, settings.interval) == (0.25, 0.5, 1.0)


def test_samples_wait_where_the_caller_says() -> None:
    spool = SpoolSettings(Path("spool"), 1000)
    assert read({}, spool).spool == spool
    assert read({}).spool is None


@pytest.mark.parametrize("text", ["soon", "-1", "0", "nan", "inf"])
def test_a_number_that_is_none_is_refused_by_the_name_of_its_variable(text: str) -> None:
    with pytest.raises(Invalid, match="OTEL_BLRP_MAX_QUEUE_SIZE"):
        read({"OTEL_BLRP_MAX_QUEUE_SIZE": text})

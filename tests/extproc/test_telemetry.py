"""What the stages report, as it arrives at an OTLP receiver."""

import socket
from collections.abc import Iterator
from typing import Any

import pytest

from extproc.stages.observer import Decision, Trace
from extproc.telemetry import Telemetry
from extproc.telemetry.settings import TelemetrySettings
from hyperplan.sample import Sample
from tests.support.otlp import OtlpReceiver

TRACE = Trace(trace_id=int("ab" * 16, 16), span_id=int("cd" * 8, 16), recorded=True)


def a_sample(prediction_id: str = "id-1") -> Sample:
    return Sample(
        prediction_id=prediction_id, time=1, endpoint="e", plan=1, revision=1, schema_version="v", inclusion=1.0
    )


def settings(url: str, **changes: Any) -> TelemetrySettings:
    return TelemetrySettings(logs=url, metrics=url, traces=url, capacity=100, delay=0.02, interval=0.1)._replace(
        **changes
    )


@pytest.fixture
def receiver() -> Iterator[OtlpReceiver]:
    with OtlpReceiver() as running:
        yield running


@pytest.fixture
def telemetry(receiver: OtlpReceiver) -> Iterator[Telemetry]:
    running = Telemetry(settings(receiver.url))
    yield running
    running.close()


def test_a_sample_is_a_log_record_with_the_ids_of_its_trace(telemetry: Telemetry, receiver: OtlpReceiver) -> None:
    telemetry.sampled(a_sample(), TRACE)
    receiver.wait_for(lambda: receiver.logs)
    (record,) = receiver.logs
    assert record.event_name == "hyperplan.sample"
    assert (record.trace_id.hex(), record.span_id.hex()) == ("ab" * 16, "cd" * 8)
    assert Sample.decode(record.body.bytes_value) == a_sample()


def test_a_sample_without_a_trace_is_a_log_record_without_ids(telemetry: Telemetry, receiver: OtlpReceiver) -> None:
    telemetry.sampled(a_sample(), None)
    receiver.wait_for(lambda: receiver.logs)
    assert not any(receiver.logs[0].trace_id)


def test_a_decision_is_a_span_below_envoys(telemetry: Telemetry, receiver: OtlpReceiver) -> None:
    telemetry.decided(Decision(TRACE, 1000, 2000, "flight-delay", "gbm@1", 3, 0, "id-1"))
    receiver.wait_for(lambda: receiver.spans)
    ((service, span),) = receiver.spans
    assert service == "hyperplan-sidecar"
    assert (span.trace_id.hex(), span.parent_span_id.hex()) == ("ab" * 16, "cd" * 8)
    assert (span.start_time_unix_nano, span.end_time_unix_nano) == (1000, 2000)


def test_everything_is_counted(telemetry: Telemetry, receiver: OtlpReceiver) -> None:
    for _ in range(3):
        telemetry.routed("e", "gbm@1")
    telemetry.rejected("e")
    telemetry.violated("e", "distance", "missing")
    telemetry.flawed("e", "not_json")
    telemetry.plan_number = 7
    receiver.wait_for(lambda: receiver.total("hyperplan.choices", endpoint="e", arm="gbm@1") == 3)
    receiver.wait_for(lambda: receiver.total("hyperplan.plan") == 7)
    assert receiver.total("hyperplan.requests", endpoint="e", outcome="routed") == 3
    assert receiver.total("hyperplan.requests", endpoint="e", outcome="rejected") == 1
    assert receiver.total("hyperplan.violations", endpoint="e", feature="distance", kind="missing") == 1
    assert receiver.total("hyperplan.flaws", endpoint="e", flaw="not_json") == 1


def test_samples_wait_for_a_receiver_that_is_away(unused_port: int) -> None:
    url = f"http://127.0.0.1:{unused_port}"
    telemetry = Telemetry(settings(url, metrics=None, traces=None))
    try:
        for index in range(20):
            telemetry.sampled(a_sample(f"id-{index}"), None)
        with OtlpReceiver(unused_port) as receiver:
            receiver.wait_for(lambda: len(receiver.logs) == 20)
        assert telemetry.dropped == 0
    finally:
        telemetry.close()


def test_what_waits_is_sent_before_the_end(receiver: OtlpReceiver) -> None:
    telemetry = Telemetry(settings(receiver.url, delay=60.0, interval=60.0))
    telemetry.sampled(a_sample(), None)
    telemetry.routed("e", "gbm@1")
    telemetry.close()
    assert len(receiver.logs) == 1
    assert receiver.total("hyperplan.choices", endpoint="e", arm="gbm@1") == 1


@pytest.fixture
def unused_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port

"""What the stages report, as it arrives at an OTLP receiver."""

import contextlib
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import pytest
from opentelemetry.sdk.resources import Resource

from extproc.stages.observer import Decision, Trace
from extproc.telemetry.frames import SampleFrame
from extproc.telemetry.observer import Telemetry
from extproc.telemetry.outbox import Verdict
from extproc.telemetry.settings import SpoolSettings, TelemetrySettings
from extproc.telemetry.sink import SampleSink
from hyperplan.sample import Sample
from hyperplan.shadow import ShadowSample
from tests.support.otlp import OtlpReceiver

TRACE = Trace(trace_id=int("ab" * 16, 16), span_id=int("cd" * 8, 16), recorded=True)


def a_sample(prediction_id: str = "id-1") -> Sample:
    return Sample(
        prediction_id=prediction_id, time=1, endpoint="e", plan=1, revision=1, schema_version="v", inclusion=1.0
    )


def a_shadows_answer(prediction_id: str = "id-1") -> ShadowSample:
    return ShadowSample(
        prediction_id=prediction_id, time=2, endpoint="e", revision=1, model="logit@1", inclusion=1.0, predictions=[0.5]
    )


def settings(url: str, **changes: Any) -> TelemetrySettings:
    settings = TelemetrySettings(
        url, url, url, capacity=100, delay=0.02, span_capacity=100, span_delay=0.02, interval=0.1
    )
    return settings._replace(**changes)


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


def test_a_shadows_answer_is_a_log_record_with_a_name_of_its_own(telemetry: Telemetry, receiver: OtlpReceiver) -> None:
    telemetry.shadowed(a_shadows_answer(), TRACE)
    receiver.wait_for(lambda: receiver.logs)
    (record,) = receiver.logs
    assert record.event_name == "hyperplan.shadow"
    assert (record.trace_id.hex(), record.span_id.hex()) == ("ab" * 16, "cd" * 8)
    assert ShadowSample.decode(record.body.bytes_value) == a_shadows_answer()


def test_shadows_answers_wait_on_disk_with_the_samples_for_the_next_process(unused_port: int, tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{unused_port}"
    spooled = settings(url, metrics=None, traces=None, spool=SpoolSettings(tmp_path, 1 << 20))
    telemetry = Telemetry(spooled)
    for index in range(20):
        telemetry.sampled(a_sample(f"id-{index}"), TRACE)
        telemetry.shadowed(a_shadows_answer(f"id-{index}"), TRACE)
    telemetry.close()
    assert (telemetry.waiting, telemetry.dropped) == (40, 0)
    with OtlpReceiver(unused_port) as receiver:
        telemetry = Telemetry(spooled)
        receiver.wait_for(lambda: len(receiver.logs) == 40)
        telemetry.close()
    shadows = [record for record in receiver.logs if record.event_name == "hyperplan.shadow"]
    assert [ShadowSample.decode(record.body.bytes_value) for record in shadows] == [
        a_shadows_answer(f"id-{index}") for index in range(20)
    ]


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
    telemetry.forced("e", "gbm@2")
    telemetry.rejected("e")
    telemetry.violated("e", "distance", "missing")
    telemetry.flawed("e", "not_json")
    telemetry.attempted(("e", "gbm@1", "not_understood", "gbm@1", 3, 15, 2, True))
    telemetry.plan_number = 7
    receiver.wait_for(lambda: receiver.total("hyperplan.choices", endpoint="e", arm="gbm@1") == 3)
    receiver.wait_for(lambda: receiver.total("hyperplan.plan") == 7)
    assert receiver.total("hyperplan.requests", endpoint="e", outcome="routed") == 4
    assert receiver.total("hyperplan.forced", endpoint="e", arm="gbm@2") == 1
    assert receiver.total("hyperplan.requests", endpoint="e", outcome="rejected") == 1
    assert receiver.total("hyperplan.violations", endpoint="e", feature="distance", kind="missing") == 1
    assert receiver.total("hyperplan.flaws", endpoint="e", flaw="not_json") == 1
    assert receiver.total("hyperplan.attempts", endpoint="e", model="gbm@1", outcome="not_understood") == 1
    arm = {"endpoint": "e", "arm": "gbm@1", "revision": "3"}
    assert receiver.total("hyperplan.arm.attempts", **arm, outcome="not_understood") == 1
    assert receiver.total("hyperplan.arm.latencies", **arm, up_to="0.031623") == 1
    assert receiver.total("hyperplan.arm.predictions", **arm, range="2") == 1
    assert receiver.total("hyperplan.arm.violations", **arm) == 1


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


def test_samples_that_no_receiver_took_are_sent_by_the_next_process(unused_port: int, tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{unused_port}"
    spooled = settings(url, metrics=None, traces=None, spool=SpoolSettings(tmp_path, 1 << 20))
    telemetry = Telemetry(spooled)
    for index in range(90):
        telemetry.sampled(a_sample(f"id-{index}"), TRACE)
    telemetry.close()
    assert (telemetry.waiting, telemetry.dropped) == (90, 0)
    with OtlpReceiver(unused_port) as receiver:
        telemetry = Telemetry(spooled)
        receiver.wait_for(lambda: len(receiver.logs) == 90)
        telemetry.close()
    assert [Sample.decode(record.body.bytes_value) for record in receiver.logs] == [
        a_sample(f"id-{index}") for index in range(90)
    ]
    assert {(record.event_name, record.trace_id.hex(), record.flags) for record in receiver.logs} == {
        ("hyperplan.sample", "ab" * 16, 1)
    }
    assert telemetry.waiting == 0


def test_how_many_samples_wait_and_how_many_were_lost_is_counted(receiver: OtlpReceiver, tmp_path: Path) -> None:
    with refusing(grpc.StatusCode.UNAVAILABLE) as away:
        room = SpoolSettings(tmp_path, 4000)
        telemetry = Telemetry(settings(receiver.url, logs=away, traces=None, spool=room))
        for index in range(100):
            telemetry.sampled(a_sample(f"id-{index}"), None)
        receiver.wait_for(lambda: receiver.total("hyperplan.samples.dropped") > 0)
        receiver.wait_for(
            lambda: receiver.total("hyperplan.samples.dropped") + receiver.total("hyperplan.samples.waiting") == 100
        )
        telemetry.close()


@pytest.mark.parametrize(
    ("status", "verdict"),
    [
        (grpc.StatusCode.UNAVAILABLE, Verdict.AWAY),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, Verdict.AWAY),
        (grpc.StatusCode.UNAUTHENTICATED, Verdict.AWAY),
        (grpc.StatusCode.UNIMPLEMENTED, Verdict.AWAY),
        (grpc.StatusCode.INVALID_ARGUMENT, Verdict.REFUSED),
        (grpc.StatusCode.INTERNAL, Verdict.REFUSED),
        (grpc.StatusCode.UNKNOWN, Verdict.REFUSED),
    ],
    ids=str,
)
def test_the_status_of_a_receiver_tells_a_refusal_from_an_absence(status: grpc.StatusCode, verdict: Verdict) -> None:
    with refusing(status) as url:
        sink = SampleSink(url, Resource.get_empty())
        tries = [sink.export([SampleFrame("e", 1, b"body")]) for _ in range(2)]
    assert tries == [verdict] * 2


def test_a_receiver_that_is_not_there_is_away(unused_port: int) -> None:
    sink = SampleSink(f"http://127.0.0.1:{unused_port}", Resource.get_empty())
    assert sink.export([SampleFrame("e", 1, b"body")]) is Verdict.AWAY


def test_samples_too_large_for_one_request_are_sent_in_several(receiver: OtlpReceiver) -> None:
    frames = [SampleFrame("e", index, bytes(1 << 20)) for index in range(9)]
    assert SampleSink(receiver.url, Resource.get_empty()).export(frames) is Verdict.TAKEN
    assert [record.time_unix_nano for record in receiver.logs] == list(range(9))


def test_what_waits_is_sent_before_the_end(receiver: OtlpReceiver) -> None:
    telemetry = Telemetry(settings(receiver.url, delay=60.0, interval=60.0))
    telemetry.sampled(a_sample(), None)
    telemetry.routed("e", "gbm@1")
    telemetry.close()
    assert len(receiver.logs) == 1
    assert receiver.total("hyperplan.choices", endpoint="e", arm="gbm@1") == 1


@contextlib.contextmanager
def refusing(status: grpc.StatusCode) -> Iterator[str]:
    """The URL of a gRPC server that answers every call with a status."""

    def refuse(_request: bytes, context: Any) -> None:
        context.abort(status, "as the test wants it")

    class Refusing(grpc.GenericRpcHandler):  # type: ignore[misc]
        def service(self, _details: Any) -> Any:
            return grpc.unary_unary_rpc_method_handler(refuse)

    server = grpc.server(ThreadPoolExecutor(2), handlers=[Refusing()])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.stop(None).wait()


@pytest.fixture
def unused_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port

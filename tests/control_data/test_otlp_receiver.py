"""The OTLP receiver, spoken to over real gRPC: by the OpenTelemetry SDK's exporters and by bare stubs."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import grpc
import pytest
from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest, ExportLogsServiceResponse
from opentelemetry.proto.collector.logs.v1.logs_service_pb2_grpc import LogsServiceStub
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2_grpc import MetricsServiceStub
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import TraceServiceStub
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord as LogRecordMessage
from opentelemetry.proto.metrics.v1.metrics_pb2 import AggregationTemporality
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import SimpleLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource

from control.otlp import OtlpReceiver
from control.stores import Store
from control.stores.counters import Series
from control.stores.samples import Question
from hyperplan.sample import Sample
from hyperplan.shadow import ShadowSample

MakeSample = Callable[..., Sample]
MakeAnswer = Callable[..., ShadowSample]
FOREVER = 1 << 62


@pytest.fixture
async def channel(receiver_address: str) -> AsyncIterator[grpc.aio.Channel]:
    async with grpc.aio.insecure_channel(receiver_address) as channel:
        yield channel


def record(body: AnyValue, event_name: str = Sample.EVENT_NAME) -> LogRecordMessage:
    return LogRecordMessage(event_name=event_name, body=body)


def of_sample(sample: Sample) -> LogRecordMessage:
    return record(AnyValue(bytes_value=sample.encode()))


async def export(channel: grpc.aio.Channel, *records: LogRecordMessage) -> ExportLogsServiceResponse:
    request = ExportLogsServiceRequest()
    request.resource_logs.add().scope_logs.add().log_records.extend(records)
    response: ExportLogsServiceResponse = await LogsServiceStub(channel).Export(request, timeout=10)  # type: ignore[no-untyped-call]
    return response


async def test_the_sdk_exports_a_sample_that_is_then_in_the_store(
    receiver_address: str, store: Store, make_sample: MakeSample
) -> None:
    sample = make_sample()

    def send() -> None:
        provider = LoggerProvider(shutdown_on_exit=False)
        exporter = OTLPLogExporter(endpoint=receiver_address, insecure=True, timeout=10)
        provider.add_log_record_processor(SimpleLogRecordProcessor(exporter))
        provider.get_logger("test").emit(event_name=Sample.EVENT_NAME, body=sample.encode())
        provider.shutdown()

    await asyncio.to_thread(send)
    assert store.samples.get("flight-delay", "p-1") == sample


async def test_the_sdk_exports_counters_whose_increments_are_then_in_the_store(
    receiver_address: str, store: Store
) -> None:
    def send() -> None:
        exporter = OTLPMetricExporter(endpoint=receiver_address, insecure=True, timeout=10)
        reader = PeriodicExportingMetricReader(exporter, export_interval_millis=3_600_000)
        resource = Resource({"service.name": "hyperplan-sidecar", "service.instance.id": "one"})
        provider = MeterProvider([reader], resource=resource, shutdown_on_exit=False)
        meter = provider.get_meter("test")
        for _ in range(2):
            meter.create_counter("hyperplan.requests").add(
                3, {"hyperplan.endpoint": "flight-delay", "hyperplan.outcome": "routed"}
            )
            meter.create_counter("hyperplan.violations").add(
                1, {"hyperplan.endpoint": "flight-delay", "hyperplan.feature": "distance", "hyperplan.kind": "missing"}
            )
            meter.create_counter("something.else").add(1)
            provider.force_flush()
        provider.shutdown()

    await asyncio.to_thread(send)
    counts: dict[Series, int] = {}
    for found in store.counters.increments("flight-delay", 0, FOREVER).values():
        for series, count in found.items():
            counts[series] = counts.get(series, 0) + count
    assert counts == {
        Series("hyperplan.requests", "flight-delay", "routed"): 6,
        Series("hyperplan.violations", "flight-delay", "distance", "missing"): 2,
    }


async def test_a_request_that_is_sent_again_counts_once(
    channel: grpc.aio.Channel, store: Store, make_sample: MakeSample
) -> None:
    for _ in range(3):
        await export(channel, of_sample(make_sample("a")), of_sample(make_sample("b")))
    assert sum(bucket.profile.rows for bucket in store.windows.find("flight-delay", 0, FOREVER)) == 2


async def test_requests_at_the_same_time_are_all_kept(
    channel: grpc.aio.Channel, store: Store, make_sample: MakeSample
) -> None:
    await asyncio.gather(*(export(channel, of_sample(make_sample(f"p-{index}"))) for index in range(50)))
    assert len(store.samples.find(Question("flight-delay"))) == 50


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (AnyValue(bytes_value=b"\xff\xff"), "not a sample"),
        (AnyValue(bytes_value=b"\x80"), "not a sample"),
        (AnyValue(string_value="{}"), "must be bytes"),
    ],
)
async def test_a_record_that_is_no_sample_is_rejected_and_the_others_are_kept(
    channel: grpc.aio.Channel, store: Store, make_sample: MakeSample, body: AnyValue, reason: str
) -> None:
    response = await export(channel, record(body), of_sample(make_sample()))
    assert response.partial_success.rejected_log_records == 1
    assert reason in response.partial_success.error_message
    assert store.samples.get("flight-delay", "p-1")


def of_answer(answer: ShadowSample) -> LogRecordMessage:
    return record(AnyValue(bytes_value=answer.encode()), ShadowSample.EVENT_NAME)


async def test_what_shadows_answered_is_taken_in_with_the_samples(
    channel: grpc.aio.Channel, store: Store, make_sample: MakeSample, make_answer: MakeAnswer
) -> None:
    for _ in range(2):
        assert await export(channel, of_answer(make_answer()), of_sample(make_sample())) == ExportLogsServiceResponse()
    assert store.samples.get("flight-delay", "p-1") == make_sample()
    assert store.shadows.get("flight-delay", "p-1") == [make_answer()]


async def test_a_sample_under_the_name_of_a_shadows_answer_is_rejected_and_the_others_are_kept(
    channel: grpc.aio.Channel, store: Store, make_sample: MakeSample, make_answer: MakeAnswer
) -> None:
    wrong = record(AnyValue(bytes_value=make_sample().encode()), ShadowSample.EVENT_NAME)
    response = await export(channel, wrong, of_answer(make_answer()))
    assert response.partial_success.rejected_log_records == 1
    assert "not a shadow sample" in response.partial_success.error_message
    assert store.shadows.get("flight-delay", "p-1")


@pytest.mark.parametrize(
    "fields",
    [
        {"time": -1},
        {"revision": 1 << 63},
        {"status": 1 << 63},
        {"inclusion": 0},
        {"inclusion": float("nan")},
        {"latency": float("inf")},
    ],
)
async def test_an_answer_with_numbers_that_nothing_can_be_reckoned_with_is_rejected(
    channel: grpc.aio.Channel, make_answer: MakeAnswer, fields: dict[str, Any]
) -> None:
    response = await export(channel, of_answer(make_answer(**fields)))
    assert response.partial_success.rejected_log_records == 1


@pytest.mark.parametrize("fields", [{"time": -1}, {"time": 1 << 63}, {"plan": 1 << 63}])
async def test_a_sample_with_numbers_that_no_table_holds_is_rejected(
    channel: grpc.aio.Channel, make_sample: MakeSample, fields: dict[str, Any]
) -> None:
    response = await export(channel, of_sample(make_sample(**fields)))
    assert response.partial_success.rejected_log_records == 1


async def test_other_log_records_are_ignored_without_complaint(channel: grpc.aio.Channel, store: Store) -> None:
    response = await export(channel, record(AnyValue(string_value="hello"), event_name="app.started"))
    assert response == ExportLogsServiceResponse()
    assert not store.samples.find(Question("flight-delay"))


async def test_a_store_that_cannot_write_is_unavailable_to_the_sender(
    open_again: Callable[[], Store], make_sample: MakeSample
) -> None:
    store = open_again()
    receiver = OtlpReceiver(store, "127.0.0.1:0")
    port = await receiver.start()
    store.close()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        with pytest.raises(grpc.aio.AioRpcError) as logs:
            await export(channel, of_sample(make_sample()))
        with pytest.raises(grpc.aio.AioRpcError) as metrics:
            await MetricsServiceStub(channel).Export(one_sum(), timeout=10)  # type: ignore[no-untyped-call]
    await receiver.stop()
    assert logs.value.code() is grpc.StatusCode.UNAVAILABLE
    assert metrics.value.code() is grpc.StatusCode.UNAVAILABLE


def one_sum(
    temporality: AggregationTemporality.ValueType = AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE,
    monotonic: bool = True,
    value: int = 5,
) -> ExportMetricsServiceRequest:
    request = ExportMetricsServiceRequest()
    metric = request.resource_metrics.add().scope_metrics.add().metrics.add(name="hyperplan.samples.dropped")
    metric.sum.aggregation_temporality = temporality
    metric.sum.is_monotonic = monotonic
    metric.sum.data_points.add(time_unix_nano=10, start_time_unix_nano=1, as_int=value)
    return request


@pytest.mark.parametrize(
    "request_",
    [
        one_sum(temporality=AggregationTemporality.AGGREGATION_TEMPORALITY_DELTA),
        one_sum(monotonic=False),
        one_sum(value=-1),
    ],
)
async def test_a_counter_that_is_no_growing_cumulative_sum_is_rejected(
    channel: grpc.aio.Channel, store: Store, request_: ExportMetricsServiceRequest
) -> None:
    response = await MetricsServiceStub(channel).Export(request_, timeout=10)  # type: ignore[no-untyped-call]
    assert response.partial_success.rejected_data_points == 1
    assert not store.counters.increments("", 0, FOREVER)


async def test_traces_are_not_served_and_the_sender_is_told(channel: grpc.aio.Channel) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await TraceServiceStub(channel).Export(ExportTraceServiceRequest(), timeout=10)  # type: ignore[no-untyped-call]
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


async def test_a_message_over_the_limit_is_refused_and_the_receiver_lives_on(
    channel: grpc.aio.Channel, make_sample: MakeSample
) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await export(channel, record(AnyValue(bytes_value=bytes(17 << 20))))
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert await export(channel, of_sample(make_sample())) == ExportLogsServiceResponse()


async def test_an_address_in_use_is_refused_in_words(receiver_address: str, store: Store) -> None:
    with pytest.raises(RuntimeError, match=r"in use"):
        await OtlpReceiver(store, receiver_address).start()

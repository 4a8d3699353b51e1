"""An OTLP receiver that remembers: the far end of the telemetry of whatever is tested."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Any

import grpc
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2, logs_service_pb2_grpc
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2, metrics_service_pb2_grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.trace.v1.trace_pb2 import Span

Attributes = dict[str, Any]


class OtlpReceiver(
    logs_service_pb2_grpc.LogsServiceServicer,
    metrics_service_pb2_grpc.MetricsServiceServicer,
    trace_service_pb2_grpc.TraceServiceServicer,
):
    """Receives logs, metrics and traces over gRPC on an ephemeral port of loopback. Use it as a context manager."""

    def __init__(self, port: int = 0) -> None:
        self.logs: list[LogRecord] = []
        self.spans: list[tuple[str, Span]] = []
        """Each span with the service that sent it."""
        self.totals: dict[tuple[str, tuple[tuple[str, str], ...]], float] = {}
        """The newest value of each series: name and sorted attributes."""
        self._changed = threading.Condition()
        self._server = grpc.server(ThreadPoolExecutor(4))
        logs_service_pb2_grpc.add_LogsServiceServicer_to_server(self, self._server)
        metrics_service_pb2_grpc.add_MetricsServiceServicer_to_server(_Metrics(self), self._server)
        trace_service_pb2_grpc.add_TraceServiceServicer_to_server(_Traces(self), self._server)
        self.port = self._server.add_insecure_port(f"127.0.0.1:{port}")

    @property
    def url(self) -> str:
        """Where exporters find it."""
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> "OtlpReceiver":
        self._server.start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _: TracebackType | None
    ) -> None:
        self._server.stop(None).wait()

    def wait_for(self, condition: Callable[[], object], timeout: float = 15.0) -> None:
        """Wait until a condition on what was received holds."""
        with self._changed:
            assert self._changed.wait_for(condition, timeout), "did not come in time"

    def note(self, change: Callable[[], None]) -> None:
        """Remember something, and wake who waits."""
        with self._changed:
            change()
            self._changed.notify_all()

    def total(self, name: str, **attributes: str) -> float:
        """The newest value of one series; 0 for one that never came."""
        key = tuple(sorted((f"hyperplan.{key}", value) for key, value in attributes.items()))
        return self.totals.get((name, key), 0)

    def Export(self, request: Any, _context: Any) -> Any:  # noqa: N802 - gRPC's name
        """Take logs."""
        records = [r for resource in request.resource_logs for scope in resource.scope_logs for r in scope.log_records]
        self.note(lambda: self.logs.extend(records))
        return logs_service_pb2.ExportLogsServiceResponse()


class _Metrics(metrics_service_pb2_grpc.MetricsServiceServicer):
    def __init__(self, receiver: OtlpReceiver) -> None:
        self._receiver = receiver

    def Export(self, request: Any, _context: Any) -> Any:  # noqa: N802 - gRPC's name
        self._receiver.note(lambda: self._receiver.totals.update(_series(request)))
        return metrics_service_pb2.ExportMetricsServiceResponse()


class _Traces(trace_service_pb2_grpc.TraceServiceServicer):
    def __init__(self, receiver: OtlpReceiver) -> None:
        self._receiver = receiver

    def Export(self, request: Any, _context: Any) -> Any:  # noqa: N802 - gRPC's name
        spans = [
            (_attributes(resource.resource.attributes).get("service.name", ""), span)
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]
        self._receiver.note(lambda: self._receiver.spans.extend(spans))
        return trace_service_pb2.ExportTraceServiceResponse()


def _series(request: Any) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    return {
        (metric.name, tuple(sorted(_attributes(point.attributes).items()))): point.as_int or point.as_double
        for resource in request.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
        for point in (metric.sum if metric.HasField("sum") else metric.gauge).data_points
    }


def _attributes(pairs: Any) -> dict[str, str]:
    return {pair.key: pair.value.string_value for pair in pairs}

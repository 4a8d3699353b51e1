"""Where samples go: an OTLP receiver of logs, over gRPC.

The exporter is the SDK's, which reads headers, TLS and compression from the `OTEL_*` variables. It says only that an
export failed; whether the receiver is away or will never take this batch makes all the difference to who keeps what was not
taken, so the status of the last call is looked at here. Nor does it try again by itself: an outbox does that, and keeps what
waits where it is safe in the meantime.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import grpc
from opentelemetry._logs import LogRecord
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter
from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.sdk._logs.export import LogRecordExportResult
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, set_span_in_context

from extproc.stages.observer import Trace
from extproc.telemetry.frames import Sampled, SampleFrame
from extproc.telemetry.outbox import Verdict
from hyperplan import __version__

SCOPE = InstrumentationScope("hyperplan", __version__)
EXPORT_TIMEOUT = 5.0
"""Seconds that one try to send a batch may take."""
LARGEST_REQUEST = 2 << 20
"""Bytes of samples in one request, unless a single one is larger; gRPC servers take 4 MiB unless told otherwise."""

REFUSALS = frozenset(
    {
        grpc.StatusCode.INVALID_ARGUMENT,
        grpc.StatusCode.FAILED_PRECONDITION,
        grpc.StatusCode.ALREADY_EXISTS,
        grpc.StatusCode.INTERNAL,
        grpc.StatusCode.UNKNOWN,
    }
)
"""Statuses that are about what was sent. Of the others, some ask to come back (OTLP specification, "Failures"), and some, as
UNAUTHENTICATED, are for an operator to cure: whatever is sent would get them, so it waits."""


class SampleSink:
    """Sends samples to the receiver at a URL, as log records of a resource."""

    def __init__(self, url: str | None, resource: Resource) -> None:
        # No status is worth another try of the exporter's own. OK is none that an error has; an empty set would mean the default.
        self._exporter = _Exporter(
            endpoint=url, timeout=EXPORT_TIMEOUT, retryable_error_codes=frozenset({grpc.StatusCode.OK})
        )
        self._resource = resource

    def export(self, batch: Sequence[Sampled | SampleFrame]) -> Verdict:
        """Send samples, in several requests if they are large. Some may have arrived even if the batch as a whole was not taken."""
        for frames in _requests(SampleFrame.of(item) for item in batch):
            records = [ReadableLogRecord(_record(frame), self._resource, SCOPE) for frame in frames]
            if self._exporter.export(records) is not LogRecordExportResult.SUCCESS:
                return Verdict.REFUSED if self._exporter.status in REFUSALS else Verdict.AWAY
        return Verdict.TAKEN


class _Exporter(OTLPLogExporter):
    """The SDK's exporter, with the status of its last call."""

    status: grpc.StatusCode = grpc.StatusCode.OK

    def _initialize_channel_and_stub(self) -> None:
        # Called for each new channel. If it were no more, every failure would count as "away", and nothing would be lost.
        super()._initialize_channel_and_stub()  # type: ignore[no-untyped-call]
        client: Any = self._client
        client.Export = self._watched(client.Export)

    def _watched(self, export: Callable[..., Any]) -> Callable[..., Any]:
        def call(**arguments: Any) -> Any:
            self.status = grpc.StatusCode.OK
            try:
                return export(**arguments)
            except grpc.RpcError as error:
                self.status = error.code()
                raise

        return call


def _requests(frames: Iterator[SampleFrame]) -> Iterator[list[SampleFrame]]:
    """Frames in groups that are small enough for one request."""
    group: list[SampleFrame] = []
    size = 0
    for frame in frames:
        if group and size + len(frame.body) > LARGEST_REQUEST:
            yield group
            group, size = [], 0
        group.append(frame)
        size += len(frame.body)
    if group:
        yield group


def _record(frame: SampleFrame) -> LogRecord:
    return LogRecord(
        timestamp=frame.time,
        context=context_of(frame.trace) if frame.trace else Context(),
        event_name=frame.event,
        body=frame.body,
        attributes={"hyperplan.endpoint": frame.endpoint},
    )


def context_of(trace: Trace) -> Context:
    """OpenTelemetry's context of a place in a trace."""
    flags = TraceFlags(TraceFlags.SAMPLED if trace.recorded else TraceFlags.DEFAULT)
    return set_span_in_context(NonRecordingSpan(SpanContext(trace.trace_id, trace.span_id, True, flags)), Context())

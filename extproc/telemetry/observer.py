"""The observer that exports: samples, shadows' answers among them, as OTLP logs, counts as OTLP metrics, decisions as spans.

One OpenTelemetry resource describes the process. Samples and spans wait in an `Outbox` each, in memory; what is worth
more than a moment, the samples, goes on to a spool on disk. The exporters are the SDK's. Metrics are cumulative, so an export that
fails loses nothing: the next one carries the same totals.
"""

import logging
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.metrics import CallbackOptions, Observation
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace.export import SpanExportResult

from extproc.stages.observer import Decision, Trace
from extproc.telemetry.counting import Counting
from extproc.telemetry.frames import Sampled, SampleFrame
from extproc.telemetry.outbox import Outbox, Verdict
from extproc.telemetry.overflow import Overflow
from extproc.telemetry.settings import TelemetrySettings
from extproc.telemetry.sink import EXPORT_TIMEOUT, SCOPE, SampleSink
from extproc.telemetry.spans import span_of
from extproc.telemetry.spool import Spool
from extproc.telemetry.told import Key, Told
from hyperplan.feedback import Feedback
from hyperplan.sample import Sample
from hyperplan.shadow import ShadowSample

LAST_CALL = 3.0
"""Seconds at the end in which what waits is still sent."""


class Telemetry(Counting):
    """Takes what the stages tell and sends it where the settings say."""

    def __init__(self, settings: TelemetrySettings) -> None:
        # The outbox says once that a sink is away; the exporters would say it at every try.
        logging.getLogger("opentelemetry.exporter.otlp.proto.grpc.exporter").setLevel(logging.CRITICAL)
        super().__init__()
        self._dropped = self._dropped_spans = 0
        self.plan_number = 0
        self.instance = str(uuid.uuid4())
        self._resource = Resource.create({"service.name": "hyperplan-sidecar", "service.instance.id": self.instance})
        self._samples = self._open_samples(settings) if settings.logs else None
        self._spans = self._open_spans(settings) if settings.traces else None
        self._meters = self._open_metrics(settings) if settings.metrics else None

    def close(self) -> None:
        """Send what waits, for a few seconds, and stop. Samples first, and the counts last: they tell what became of the others."""
        for outbox in (self._samples, self._spans):
            if outbox:
                outbox.close(LAST_CALL)
        if self._meters:
            self._meters.shutdown(timeout_millis=LAST_CALL * 1000)

    @property
    def dropped(self) -> int:
        """Samples that were lost: for want of room, damaged on disk, or because no sink would take them."""
        return self._dropped + (self._samples.dropped if self._samples else 0)

    @property
    def waiting(self) -> int:
        """Samples that are not sent yet, in memory and on disk."""
        return self._samples.waiting if self._samples else 0

    @property
    def dropped_spans(self) -> int:
        """Spans that were lost because the queue was full."""
        return self._dropped_spans + (self._spans.dropped if self._spans else 0)

    # What the stages tell, besides what is counted.

    def sampled(self, sample: Sample, trace: Trace | None) -> None:
        """Queue a sample."""
        if self._samples:
            self._samples.put((sample, trace))

    def shadowed(self, sample: ShadowSample, trace: Trace | None) -> None:
        """Queue a shadow's answer among the samples."""
        if self._samples:
            self._samples.put((sample, trace))

    def told(self, feedback: Sequence[Feedback]) -> bool:
        """Queue feedback among the samples, all or nothing; whether there was room, and anybody to send it to."""
        if self._samples is None or len(feedback) > self._samples.room:
            return False
        for one in feedback:
            self._samples.put((one, None))
        return True

    def decided(self, decision: Decision) -> None:
        """Queue a decision, which is sent as a span below Envoy's."""
        if self._spans:
            self._spans.put(decision)

    # What workers tell.

    def absorb(self, told: Told) -> None:
        """Take what a worker was told by its stage, as if it had been told here."""
        self.counts.add(told.counts)
        if self._samples:
            for frame in told.samples:
                self._samples.put(SampleFrame.decode(frame))
        for decision in told.decisions:
            self.decided(decision)
        self._dropped += told.dropped
        self._dropped_spans += told.dropped_spans

    # How it is sent.

    def _open_samples(self, settings: TelemetrySettings) -> Outbox[Sampled | SampleFrame]:
        sink = SampleSink(settings.logs, self._resource)
        overflow: Overflow[Sampled | SampleFrame] | None = None
        if settings.spool:
            overflow = Overflow(Spool(*settings.spool), _packed, SampleFrame.decode)
        return Outbox("samples", sink.export, capacity=settings.capacity, delay=settings.delay, overflow=overflow)

    def _open_spans(self, settings: TelemetrySettings) -> Outbox[Decision]:
        exporter = OTLPSpanExporter(endpoint=settings.traces, timeout=EXPORT_TIMEOUT)

        def export(batch: Sequence[Decision]) -> Verdict:
            spans = [span_of(decision, self._resource) for decision in batch]
            return Verdict.TAKEN if exporter.export(spans) is SpanExportResult.SUCCESS else Verdict.AWAY

        return Outbox("spans", export, capacity=settings.span_capacity, delay=settings.span_delay)

    def _open_metrics(self, settings: TelemetrySettings) -> MeterProvider:
        exporter = OTLPMetricExporter(endpoint=settings.metrics, timeout=EXPORT_TIMEOUT)
        reader = PeriodicExportingMetricReader(exporter, settings.interval * 1000)
        provider = MeterProvider([reader], self._resource, shutdown_on_exit=False)
        meter = provider.get_meter(SCOPE.name, SCOPE.version)
        counts = self.counts
        of_arm = ("hyperplan.endpoint", "hyperplan.arm", "hyperplan.revision")
        for name, attributes, totals in (
            ("hyperplan.requests", ("hyperplan.endpoint", "hyperplan.outcome"), counts.requests),
            ("hyperplan.choices", ("hyperplan.endpoint", "hyperplan.arm"), lambda: counts.choices),
            ("hyperplan.forced", ("hyperplan.endpoint", "hyperplan.arm"), lambda: counts.forces),
            (
                "hyperplan.violations",
                ("hyperplan.endpoint", "hyperplan.feature", "hyperplan.kind"),
                lambda: counts.violations,
            ),
            ("hyperplan.flaws", ("hyperplan.endpoint", "hyperplan.flaw"), lambda: counts.flaws),
            (
                "hyperplan.attempts",
                ("hyperplan.endpoint", "hyperplan.model", "hyperplan.outcome"),
                counts.attempts,
            ),
            ("hyperplan.arm.attempts", (*of_arm, "hyperplan.outcome"), counts.arm_attempts),
            ("hyperplan.arm.latencies", (*of_arm, "hyperplan.up_to"), counts.arm_latencies),
            ("hyperplan.arm.predictions", (*of_arm, "hyperplan.range"), counts.arm_predictions),
            ("hyperplan.arm.violations", of_arm, counts.arm_violations),
        ):
            meter.create_observable_counter(name, [_observed(attributes, totals)])
        meter.create_observable_counter("hyperplan.samples.dropped", [lambda _: [Observation(self.dropped)]])
        meter.create_observable_counter("hyperplan.spans.dropped", [lambda _: [Observation(self.dropped_spans)]])
        meter.create_observable_gauge("hyperplan.samples.waiting", [lambda _: [Observation(self.waiting)]])
        meter.create_observable_gauge("hyperplan.plan", [lambda _: [Observation(self.plan_number)]])
        return provider


def _packed(item: Sampled | SampleFrame) -> bytes:
    return SampleFrame.of(item).encode()


def _observed(
    attributes: Sequence[str], totals: Callable[[], Counter[Key]]
) -> Callable[[CallbackOptions], Iterable[Observation]]:
    def observe(_: CallbackOptions) -> Iterable[Observation]:
        # A copy: the loop's thread goes on counting while the reader's thread iterates.
        return [Observation(total, dict(zip(attributes, key, strict=True))) for key, total in dict(totals()).items()]

    return observe

"""The observer of a worker: keeps what the stage tells until the next report to the supervisor takes it."""

from collections import deque
from collections.abc import Sequence

from extproc.stages.observer import Decision, Trace
from extproc.telemetry.counting import Counting
from extproc.telemetry.frames import SampleFrame
from extproc.workers.messages import Report, Span
from hyperplan.sample import Sample
from hyperplan.shadow import ShadowSample

MOST_WAITING = 16_384
"""Samples, and spans, that wait for a supervisor that does not take them; the oldest are dropped first."""


class Reporter(Counting):
    """Gathers what happens, and gives it away as a report."""

    def __init__(self) -> None:
        super().__init__()
        self._samples: deque[bytes] = deque()
        self._spans: deque[Span] = deque()
        self._dropped = self._dropped_spans = 0

    def sampled(self, sample: Sample, trace: Trace | None) -> None:
        """Keep a sample."""
        self._keep(SampleFrame.of((sample, trace)))

    def shadowed(self, sample: ShadowSample, trace: Trace | None) -> None:
        """Keep a shadow's answer."""
        self._keep(SampleFrame.of((sample, trace)))

    def decided(self, decision: Decision) -> None:
        """Keep the span of a decision."""
        self._spans.append(Span.of(decision))
        if len(self._spans) > MOST_WAITING:
            self._spans.popleft()
            self._dropped_spans += 1

    def report(self, connections: Sequence[int], taken: Sequence[int]) -> Report:
        """All that happened since the report before."""
        report = Report(
            list(connections),
            list(taken),
            self.counts.take(),
            list(self._samples),
            list(self._spans),
            self._dropped,
            self._dropped_spans,
        )
        self._samples.clear()
        self._spans.clear()
        self._dropped = self._dropped_spans = 0
        return report

    def _keep(self, frame: SampleFrame) -> None:
        self._samples.append(frame.encode())
        if len(self._samples) > MOST_WAITING:
            self._samples.popleft()
            self._dropped += 1

"""Envoy's side of a request, an observer that remembers, and an endpoint to try them on."""

import random
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from extproc.stages import Decide, Exchange
from extproc.stages.observer import Attempt as Attempted
from extproc.stages.observer import Decision, Trace
from extproc.wire import (
    HeaderMap,
    HeaderValue,
    HttpBody,
    HttpHeaders,
    ProcessingRequest,
    ProcessingResponse,
)
from hyperplan.endpoint import Endpoint, parse_endpoint
from hyperplan.plan import CompiledPlan, Plan, PlannedEndpoint
from hyperplan.sample import Sample
from hyperplan.shadow import ShadowSample

DOCUMENT = """
name: flight-delay
match: { path: "/v1/models/flight-delay:predict" }
protocol: tfserving
task: binary
entity: { feature: tailnum }
schema:
  on_violation: reject
  features:
    dep_delay: { type: float, min: -60, nullable: true }
    carrier: { type: category, values: [AA, DL], on_unseen: warn }
    distance: { type: int, aliases: [dist] }
    tailnum: { type: string, required: false }
models:
  gbm@1: { url: "http://127.0.0.1:9001/v1/models/gbm:predict", protocol: tfserving }
  logit@1: { url: "http://127.0.0.1:9002/v1/models/logit:predict", protocol: tfserving }
routing:
  split: { gbm@1: 50, logit@1: 50 }
  sticky: true
  fallback: [gbm@1, logit@1]
sampling: { rate: 1, max_per_second: 1000000 }
slices: [carrier, "header:x-platform"]
"""


NO_HEADERS: Mapping[str, str] = MappingProxyType({})


class Memory:
    """An observer that remembers what it was told."""

    def __init__(self) -> None:
        self.routes: list[tuple[str, str]] = []
        self.forces: list[tuple[str, str]] = []
        self.rejections: list[str] = []
        self.violations: list[tuple[str, str, str]] = []
        self.flaws: list[tuple[str, str]] = []
        self.attempts: list[tuple[str, str, str]] = []
        self.first_attempts: list[tuple[str, int, int, int, bool]] = []
        self.failures: list[tuple[str, str, str, str]] = []
        self.decisions: list[Decision] = []
        self.samples: list[tuple[Sample, Trace | None]] = []
        self.shadows: list[tuple[ShadowSample, Trace | None]] = []

    def routed(self, endpoint: str, arm: str) -> None:
        self.routes.append((endpoint, arm))

    def forced(self, endpoint: str, arm: str) -> None:
        self.forces.append((endpoint, arm))

    def rejected(self, endpoint: str) -> None:
        self.rejections.append(endpoint)

    def violated(self, endpoint: str, feature: str, kind: str) -> None:
        self.violations.append((endpoint, feature, kind))

    def flawed(self, endpoint: str, flaw: str) -> None:
        self.flaws.append((endpoint, flaw))

    def attempted(self, attempt: Attempted) -> None:
        self.attempts.append(attempt[:3])
        if attempt[3]:
            self.first_attempts.append(attempt[3:])

    def failed(self, endpoint: str, model: str, why: str, prediction_id: str) -> None:
        self.failures.append((endpoint, model, why, prediction_id))

    def decided(self, decision: Decision) -> None:
        self.decisions.append(decision)

    def sampled(self, sample: Sample, trace: Trace | None) -> None:
        self.samples.append((sample, trace))

    def shadowed(self, sample: ShadowSample, trace: Trace | None) -> None:
        self.shadows.append((sample, trace))


class Conversation:
    """Envoy's side of one request, message by message."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    def request_headers(
        self, headers: Mapping[str, str] = NO_HEADERS, *, end_of_stream: bool = False
    ) -> ProcessingResponse:
        usual = {
            ":method": "POST",
            ":path": "/v1/models/flight-delay:predict",
            ":authority": "models.example.org",
            "x-request-id": "id-1",
        }
        return self._say(request_headers=_headers({**usual, **headers}, end_of_stream))

    def request_body(self, body: bytes) -> ProcessingResponse:
        return self._say(request_body=HttpBody(body=body, end_of_stream=True))

    def response_headers(self, headers: Mapping[str, str] = NO_HEADERS, *, status: int = 200) -> ProcessingResponse:
        usual = {":status": str(status), "content-type": "application/json", "content-length": "25"}
        return self._say(response_headers=_headers({**usual, **headers}, end_of_stream=False))

    def response_body(self, body: bytes) -> ProcessingResponse:
        return self._say(response_body=HttpBody(body=body, end_of_stream=True))

    @property
    def is_over(self) -> bool:
        """Whether the stage has nothing more to say."""
        return self._exchange.over

    def close(self) -> None:
        self._exchange.close()

    def _say(self, **message: Any) -> ProcessingResponse:
        return ProcessingResponse.FromString(self._exchange.receive(ProcessingRequest(**message).SerializeToString()))


def _headers(values: Mapping[str, str], end_of_stream: bool) -> HttpHeaders:
    headers = [HeaderValue(key=name, raw_value=value.encode()) for name, value in values.items()]
    encoded = HeaderMap(headers=headers).SerializeToString()
    return HttpHeaders(headers=encoded, end_of_stream=end_of_stream)


def decide_for(document: str, memory: Memory) -> Decide:
    """A decide stage that serves one document as plan 7, revision 3."""
    decide = Decide(memory, clock=lambda: 1_700_000_000.0, monotonic=lambda: 5.0, source=random.Random(1))
    endpoint: Endpoint = parse_endpoint(document)
    decide.adopt(CompiledPlan(Plan(7, (PlannedEndpoint(3, endpoint),))))
    return decide

"""A decision as a span of OpenTelemetry's SDK.

The SDK's tracer makes spans while a request is under way, thread-safe, limited and perhaps sampled away: 60 µs for each. A
decision is over when it is told and is known to be recorded, so its span is made from what it says, and only when it is sent.
"""

import random

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanContext, SpanKind, TraceFlags

from extproc.stages.observer import Decision
from extproc.telemetry.sink import SCOPE

_RECORDED = TraceFlags(TraceFlags.SAMPLED)


def span_of(decision: Decision, resource: Resource) -> ReadableSpan:
    """The span of a decision, a child of Envoy's. Its own id is new each time."""
    trace = decision.trace
    attributes: dict[str, str | int] = {
        "hyperplan.endpoint": decision.endpoint,
        "hyperplan.revision": decision.revision,
        "hyperplan.violations": decision.violations,
        "hyperplan.prediction_id": decision.prediction_id,
    }
    if decision.arm is not None:
        attributes["hyperplan.arm"] = decision.arm
    return ReadableSpan(
        "hyperplan.decide",
        SpanContext(trace.trace_id, random.getrandbits(64) or 1, False, _RECORDED),
        SpanContext(trace.trace_id, trace.span_id, True, _RECORDED),
        resource,
        attributes,
        kind=SpanKind.SERVER,
        instrumentation_scope=SCOPE,
        start_time=decision.start,
        end_time=decision.end,
    )

"""The decide stage: hold the body against the schema, choose the arm, and perhaps take a sample.

A pure state machine over Envoy's messages. Nothing here waits, reads a clock of its own or knows gRPC, so a test is a list of messages, and any
transport can serve it. What each message does in each state stands in one table, `_TRANSITIONS`; a message that has no
place there (Envoy's configuration may change while a stream is open) passes untouched.

The order of Envoy's messages is: request headers, request body (buffered whole), and, only for a request that is
sampled, response headers and response body. The two are asked for with `mode_override`, each in the answer to
the headers before: what is not sampled costs nothing on the way back.
"""

import enum
import random
import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

import msgspec

from extproc.stages.observer import Decision, Observer, Trace
from extproc.stages.refusal import refusal, status_of
from extproc.stages.sampler import Sampler
from extproc.wire import (
    BUFFERED,
    NONE,
    SEND,
    SKIP,
    BodyResponse,
    CommonResponse,
    HeaderMutation,
    HeadersResponse,
    HttpBody,
    HttpHeaders,
    ProcessingMode,
    ProcessingRequest,
    ProcessingResponse,
    TrailersResponse,
    header_values,
    overwritten,
)
from hyperplan.inspection import Inspection
from hyperplan.plan import EMPTY, ROUTING_HEADER, CompiledEndpoint, CompiledPlan
from hyperplan.protocols import Unreadable
from hyperplan.routing import Choice
from hyperplan.sample import MOST_ROWS, Sample, bounded, observe_rows

VIOLATIONS_HEADER = "x-hyperplan-violations"
"""The mark of a body that passed although something is wrong with it: `feature=kind`, separated by commas."""

MARKED = 10
"""Violations named in the mark at most."""
LARGEST_ANSWER = 1 << 20
"""Bytes of an answer that is looked into for predictions; a larger one passes unread."""


class State(enum.Enum):
    """Where an exchange stands: what has been said so far."""

    NEW = enum.auto()
    BODY = enum.auto()  # headers seen, the body is to come
    ANSWER = enum.auto()  # decided and sampled, the answer is to come
    ANSWER_BODY = enum.auto()  # the answer's headers seen, its body is to come
    DONE = enum.auto()  # nothing more to do; whatever comes passes


class Decide:
    """Opens exchanges under the plan of the moment.

    `plan` is replaced as a whole; an exchange keeps the endpoint that it began with.
    """

    def __init__(
        self,
        observer: Observer,
        *,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        source: random.Random | None = None,
    ) -> None:
        self.observer = observer
        self.clock = clock
        self.monotonic = monotonic
        self.source = source or random.Random()
        self.plan = EMPTY
        self._samplers: dict[str, Sampler] = {}

    def adopt(self, plan: CompiledPlan) -> None:
        """Serve a plan from the next request on."""
        before = self.plan.by_name
        self._samplers = {
            name: self._samplers[name] if _same_sampling(before.get(name), endpoint) else self._sampler(endpoint)
            for name, endpoint in plan.by_name.items()
        }
        self.plan = plan

    def open(self, metadata: Mapping[str, str]) -> "DecideExchange":
        """Begin a request."""
        return DecideExchange(self, metadata)

    def draw(self, endpoint: CompiledEndpoint) -> float | None:
        """The inclusion probability of a request if it is to be sampled, else None."""
        return self._samplers[endpoint.name].draw()

    def _sampler(self, endpoint: CompiledEndpoint) -> Sampler:
        return Sampler(endpoint.document.sampling, self.monotonic, self.source)


def _same_sampling(before: CompiledEndpoint | None, after: CompiledEndpoint) -> bool:
    return before is not None and before.document.sampling == after.document.sampling


class DecideExchange:
    """One HTTP request on its way through the decide stage."""

    __slots__ = (
        "_answered",
        "_attempts",
        "_began",
        "_choice",
        "_decide",
        "_endpoint",
        "_headers",
        "_inclusion",
        "_inspection",
        "_latency",
        "_metadata",
        "_plan_number",
        "_predictions",
        "_state",
        "_status",
        "_time",
    )

    _endpoint: CompiledEndpoint

    def __init__(self, decide: Decide, metadata: Mapping[str, str]) -> None:
        self._decide = decide
        self._metadata = metadata
        self._state = State.NEW
        self._inclusion: float | None = None
        self._inspection: Inspection | None = None
        self._choice: Choice | None = None
        self._status: int | None = None
        self._answered: str | None = None
        self._attempts: int | None = None
        self._latency: float | None = None
        self._predictions: list[Any] = []

    def receive(self, message: ProcessingRequest) -> ProcessingResponse:
        """Answer one message of Envoy's."""
        kind = message.WhichOneof("request")
        step = _TRANSITIONS.get((self._state, kind))
        return step(self, getattr(message, kind)) if step else _PASS[kind]

    def close(self) -> None:
        """The stream has ended. A sampled request that was decided leaves its sample, whether or not it got an answer."""
        if self._inclusion is not None and self._inspection is not None:
            sample = self._sample(self._inspection, self._inclusion)
            self._inclusion = None
            self._decide.observer.sampled(sample, self._trace())
        self._state = State.DONE

    # The steps, in the order in which they happen.

    def _on_request_headers(self, message: HttpHeaders) -> ProcessingResponse:
        headers = header_values(message)
        path = _text(headers.get(":path", b"")).partition("?")[0]
        endpoint = self._decide.plan.find(_text(headers.get(":authority", b"")), path)
        if endpoint is None:
            self._state = State.DONE
            return _PASS["request_headers"]
        self._endpoint = endpoint
        self._plan_number = self._decide.plan.number
        self._headers = headers
        self._time = self._decide.clock()
        self._began = self._decide.monotonic()
        self._inclusion = self._decide.draw(endpoint)
        if message.end_of_stream:
            return self._conclude(endpoint.inspector.inspect(b""), _in_headers)
        self._state = State.BODY
        return _SEND_BODY if self._inclusion is None else _SEND_BODY_AND_ANSWER

    def _on_request_body(self, message: HttpBody) -> ProcessingResponse:
        return self._conclude(self._inspect(message.body), _in_body)

    def _on_response_headers(self, message: HttpHeaders) -> ProcessingResponse:
        headers = header_values(message)
        self._latency = self._decide.monotonic() - self._began
        self._status = _number(headers.get(":status"))
        self._attempts = _number(headers.get("x-envoy-attempt-count"))
        answered = headers.get("x-hyperplan-model")
        self._answered = _text(answered) if answered and not _is_of_envoy(headers) else None
        if not message.end_of_stream and self._status == 200 and _readable(headers):
            self._state = State.ANSWER_BODY
            return _SEND_ANSWER_BODY
        self._state = State.DONE
        return _PASS["response_headers"]

    def _on_response_body(self, message: HttpBody) -> ProcessingResponse:
        self._state = State.DONE
        try:
            found = self._endpoint.protocol.predictions(msgspec.json.decode(message.body))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, Unreadable):
            found = []
        self._predictions = [bounded(prediction) for prediction in found]
        return _PASS["response_body"]

    # Deciding.

    def _conclude(
        self, inspection: Inspection, answer: Callable[[CommonResponse], ProcessingResponse]
    ) -> ProcessingResponse:
        """Reject the body, or send it to an arm with the answer that fits the message."""
        self._inspection = inspection
        self._count(inspection)
        response = self._reject(inspection) if self._is_rejected(inspection) else answer(self._route(inspection))
        self._report(inspection)
        return response

    def _reject(self, inspection: Inspection) -> ProcessingResponse:
        self._state = State.DONE
        self._status = status_of(inspection)
        self._latency = self._decide.monotonic() - self._began
        self._decide.observer.rejected(self._endpoint.name)
        return refusal(self._endpoint, inspection, self._prediction_id())

    def _route(self, inspection: Inspection) -> CommonResponse:
        self._state = State.ANSWER
        endpoint = self._endpoint
        self._choice = choice = endpoint.choose(self._entity(inspection), self._decide.source)
        self._decide.observer.routed(endpoint.name, choice.arm)
        mutation = HeaderMutation(set_headers=[overwritten(ROUTING_HEADER, endpoint.arms[choice.arm])])
        if mark := _mark(endpoint, inspection):
            mutation.set_headers.append(overwritten(VIOLATIONS_HEADER, mark))
        return CommonResponse(header_mutation=mutation, clear_route_cache=True)

    def _inspect(self, body: bytes) -> Inspection:
        inspector, limit = self._endpoint.inspector, self._endpoint.document.max_body
        encoding = self._headers.get("content-encoding", b"identity").lower()
        if len(body) > limit:  # Envoy measures what it buffers, and lets a body pass that comes in one read
            return inspector.flawed("too_large", f"the body has {len(body)} bytes, more than the {limit} allowed")
        if encoding not in (b"identity", b""):
            return inspector.flawed("encoding", f"a body in content-encoding {_text(encoding)} is not read")
        return inspector.inspect(body)

    def _is_rejected(self, inspection: Inspection) -> bool:
        schema = self._endpoint.schema
        if inspection.flaw:
            return schema.on_violation == "reject" or inspection.flaw == "too_large"
        return bool(inspection.violations) and schema.harshest(inspection.violations) == "reject"

    def _entity(self, inspection: Inspection) -> str | None:
        """Whom the request is about, as text; None when it does not say, or not as a string, a number or a boolean."""
        entity = self._endpoint.document.entity
        if entity is None:
            return None
        if entity.header is not None:
            value = self._headers.get(entity.header)
            return _text(value) if value is not None else None
        return _as_key(inspection.first(entity.feature or ""))

    def _count(self, inspection: Inspection) -> None:
        observer, name = self._decide.observer, self._endpoint.name
        if inspection.flaw:
            observer.flawed(name, inspection.flaw)
        for violation in inspection.violations:
            observer.violated(name, violation.feature, violation.kind)

    def _report(self, inspection: Inspection) -> None:
        trace = self._trace()
        if trace is None or not trace.recorded:
            return
        now = self._decide.clock()
        decision = Decision(
            trace=trace,
            start=int(self._time * 1e9),
            end=int(now * 1e9),
            endpoint=self._endpoint.name,
            arm=self._choice.arm if self._choice else None,
            revision=self._endpoint.revision,
            violations=len(inspection.violations),
            prediction_id=self._prediction_id(),
        )
        self._decide.observer.decided(decision)

    # Sampling.

    def _sample(self, inspection: Inspection, inclusion: float) -> Sample:
        endpoint = self._endpoint
        rejected = self._choice is None
        return Sample(
            prediction_id=self._prediction_id(),
            time=int(self._time * 1e9),
            endpoint=endpoint.name,
            plan=self._plan_number,
            revision=endpoint.revision,
            schema_version=endpoint.schema_version,
            entity=self._entity(inspection),
            chosen=self._choice.arm if self._choice else None,
            answered=self._answered,
            attempts=self._attempts,
            propensity=self._choice.propensity if self._choice else None,
            inclusion=inclusion,
            status=self._status,
            latency=self._latency,
            slices=self._slices(inspection),
            rows=observe_rows(endpoint.schema, inspection.plain_rows(MOST_ROWS)),
            rows_seen=len(inspection.rows),
            violations=list(inspection.violations),
            flaw=inspection.flaw,
            rejected=rejected,
            predictions=self._predictions,
        )

    def _slices(self, inspection: Inspection) -> dict[str, str]:
        found = {}
        for part in self._endpoint.document.slices:
            header = part.removeprefix("header:")
            value = _as_key(inspection.first(part)) if header == part else _text(self._headers.get(header, b""))
            if value:
                found[part] = value
        return found

    def _trace(self) -> Trace | None:
        return Trace.parse(self._metadata.get("traceparent"))

    def _prediction_id(self) -> str:
        return _text(self._headers.get("x-request-id", b""))


_TRANSITIONS: dict[tuple[State, str], Callable[[DecideExchange, Any], ProcessingResponse]] = {
    (State.NEW, "request_headers"): DecideExchange._on_request_headers,
    (State.BODY, "request_body"): DecideExchange._on_request_body,
    (State.ANSWER, "response_headers"): DecideExchange._on_response_headers,
    (State.ANSWER_BODY, "response_body"): DecideExchange._on_response_body,
}

_PASS = {
    "request_headers": ProcessingResponse(request_headers=HeadersResponse()),
    "request_body": ProcessingResponse(request_body=BodyResponse()),
    "request_trailers": ProcessingResponse(request_trailers=TrailersResponse()),
    "response_headers": ProcessingResponse(response_headers=HeadersResponse()),
    "response_body": ProcessingResponse(response_body=BodyResponse()),
    "response_trailers": ProcessingResponse(response_trailers=TrailersResponse()),
}
"""Answers that change nothing. Messages are never changed once made, so all exchanges share them."""

_ANSWER_MODE = ProcessingMode(
    request_header_mode=SEND,
    request_body_mode=BUFFERED,
    response_header_mode=SEND,
    response_body_mode=NONE,
    request_trailer_mode=SKIP,
    response_trailer_mode=SKIP,
)
_ANSWER_BODY_MODE = ProcessingMode(
    request_header_mode=SEND,
    request_body_mode=BUFFERED,
    response_header_mode=SEND,
    response_body_mode=BUFFERED,
    request_trailer_mode=SKIP,
    response_trailer_mode=SKIP,
)
_SEND_BODY = _PASS["request_headers"]
_SEND_BODY_AND_ANSWER = ProcessingResponse(request_headers=HeadersResponse(), mode_override=_ANSWER_MODE)
_SEND_ANSWER_BODY = ProcessingResponse(response_headers=HeadersResponse(), mode_override=_ANSWER_BODY_MODE)


def _in_headers(common: CommonResponse) -> ProcessingResponse:
    """The answer to headers without a body. Such requests are rare, so the answer is asked for, sampled or not."""
    return ProcessingResponse(request_headers=HeadersResponse(response=common), mode_override=_ANSWER_MODE)


def _in_body(common: CommonResponse) -> ProcessingResponse:
    return ProcessingResponse(request_body=BodyResponse(response=common))


def _mark(endpoint: CompiledEndpoint, inspection: Inspection) -> str | None:
    """What the mark says of a body that passes; None for one that needs none."""
    if inspection.flaw:
        return f"body={inspection.flaw}" if endpoint.schema.on_violation != "ignore" else None
    if not inspection.violations:
        return None
    named = dict.fromkeys(
        f"{quote(violation.feature.encode('utf-8', 'surrogatepass')) or 'row'}={violation.kind}"
        for violation in inspection.violations
        if endpoint.schema.action(violation) != "ignore"
    )
    return ",".join(list(named)[:MARKED]) or None


def _readable(headers: Mapping[str, bytes]) -> bool:
    """Whether an answer is worth buffering: JSON, of a length that is known and small. Streams never are."""
    length = _number(headers.get("content-length"))
    return (
        length is not None
        and length <= LARGEST_ANSWER
        and b"json" in headers.get("content-type", b"").lower()
        and headers.get("content-encoding", b"identity") == b"identity"
    )


def _is_of_envoy(headers: Mapping[str, bytes]) -> bool:
    """Whether an error is Envoy's own. It names the model that it tried last, but no time that a model took to answer."""
    return headers.get(":status", b"").startswith(b"5") and "x-envoy-upstream-service-time" not in headers


def _as_key(value: Any) -> str | None:
    """A value as an entity or a slice. 5 and 5.0 are one entity, however the client wrote them."""
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return value
        case int() | float():
            number = float(value) if abs(value) < 1e300 else value
            return str(int(number)) if isinstance(number, float) and number.is_integer() else str(number)
        case _:
            return None


def _text(value: bytes) -> str:
    return value.decode("utf-8", "replace")


def _number(value: bytes | None) -> int | None:
    return int(value) if value is not None and value.isdigit() else None

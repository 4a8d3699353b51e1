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

from google.protobuf.message import DecodeError

from extproc.stages import answers
from extproc.stages.answers import Route
from extproc.stages.base import Metadata
from extproc.stages.observer import Decision, Observer, Trace, is_recorded
from extproc.stages.refusal import refusal
from extproc.stages.sampler import Sampler
from extproc.wire import Headers, HttpBody, HttpHeaders, ProcessingRequest, text
from hyperplan import decision
from hyperplan.endpoint import Sampling
from hyperplan.inspection import Inspection
from hyperplan.plan import EMPTY, CompiledEndpoint, CompiledPlan
from hyperplan.privacy import Veil
from hyperplan.protocols import Body, Unreadable
from hyperplan.routing import Choice
from hyperplan.sample import MOST_ROWS, Sample, bounded
from hyperplan.secret import Secret

LARGEST_ANSWER = 1 << 20
"""Bytes of an answer that is looked into for predictions; a larger one passes unread."""


class State(enum.IntEnum):
    """Where an exchange stands: what has been said so far."""

    NEW = 0
    BODY = 1  # headers seen, the body is to come
    ANSWER = 2  # decided and sampled, the answer is to come
    ANSWER_BODY = 3  # the answer's headers seen, its body is to come
    DONE = 4  # nothing more to do; whatever comes passes


class Decide:
    """Opens exchanges under the plan of the moment.

    `plan` is replaced as a whole; an exchange keeps the endpoint that it began with. What is personal in a sample is hashed with the `secret`.
    """

    def __init__(
        self,
        observer: Observer,
        *,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        source: random.Random | None = None,
        secret: Secret | None = None,
    ) -> None:
        self.observer = observer
        self.secret = secret
        self.clock = clock
        self.monotonic = monotonic
        self.source = source or random.Random()
        self.plan = EMPTY
        self._served: dict[str, _Served] = {}

    def adopt(self, plan: CompiledPlan) -> None:
        """Serve a plan from the next request on.

        Costs as much as endpoints were asked for under the plan before, however many there are.
        """
        found = ((before, plan.by_name.get(name)) for name, before in self._served.items())
        secret = self.secret
        self._served = {
            after.name: before.under(after, secret) for before, after in found if before.outlives(after) and after
        }
        self.plan = plan

    def open(self, metadata: Metadata) -> "DecideExchange":
        """Begin a request."""
        return DecideExchange(self, metadata)

    def served(self, host: str, path: str) -> "_Served | None":
        """The endpoint at a path (without its query), as it is served; None where there is none."""
        endpoint = self.plan.find(host, path)
        if endpoint is None:
            return None
        served = self._served.get(endpoint.name)
        if served is None:
            sampling = endpoint.document.sampling
            sampler = Sampler(sampling, self.monotonic, self.source)
            keeper = Sampler(Sampling(rate=1, max_per_second=sampling.max_per_second), self.monotonic, self.source)
            veil = Veil(endpoint.document, self.secret)
            served = self._served[endpoint.name] = _Served(endpoint, sampler, keeper, veil)
        return served


class _Served:
    """An endpoint that is asked for: what the stage keeps of it from one request to the next."""

    __slots__ = ("_routed", "endpoint", "is_copied", "keeper", "sampler", "veil")

    def __init__(self, endpoint: CompiledEndpoint, sampler: Sampler, keeper: Sampler, veil: Veil) -> None:
        self.endpoint = endpoint
        self.veil = veil
        self.sampler = sampler
        self.keeper = keeper
        self.is_copied = bool(endpoint.document.routing.shadow)
        self._routed: dict[str, bytes] = {}

    def outlives(self, after: CompiledEndpoint | None) -> bool:
        """Whether the samplers may go on when the endpoint has become another."""
        return after is not None and after.document.sampling == self.endpoint.document.sampling

    def under(self, after: CompiledEndpoint, secret: Secret | None) -> "_Served":
        """What is kept when the endpoint has become another."""
        if after is self.endpoint:
            return self
        return _Served(after, self.sampler, self.keeper, Veil(after.document, secret))

    def draw(self, headers: Headers) -> float | None:
        """The inclusion probability of a request with these headers if it is to be sampled, else None.

        Requests that are kept are drawn apart from the others, so that neither takes the other's place.
        """
        keep = self.endpoint.document.sampling.keep
        return self.keeper.draw() if keep is not None and headers.get(keep) else self.sampler.draw()

    def routed(self, arm: str) -> bytes:
        """The answer that sends an unremarkable request to an arm."""
        answer = self._routed.get(arm)
        if answer is None:
            answer = self._routed[arm] = answers.routed(self.route(arm, None, None))
        return answer

    def route(self, arm: str, mark: str | None, inclusion: float | None) -> Route:
        """The route to an arm; who adapts the request there is told by which endpoint."""
        endpoint = self.endpoint
        revision = endpoint.revision if self.is_copied or arm in endpoint.adapted else None
        return Route(endpoint.arms[arm], mark, revision, inclusion)


class DecideExchange:
    """One HTTP request on its way through the decide stage."""

    __slots__ = (
        "_answered",
        "_attempts",
        "_began",
        "_choice",
        "_decide",
        "_headers",
        "_inclusion",
        "_inspection",
        "_json_length",
        "_latency",
        "_metadata",
        "_plan_number",
        "_predictions",
        "_served",
        "_state",
        "_status",
        "_time",
    )

    _served: _Served

    def __init__(self, decide: Decide, metadata: Metadata) -> None:
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
        self._json_length: int | None = None
        self._predictions: list[Any] = []

    @property
    def over(self) -> bool:
        """Whether Envoy has nothing more to ask: the request was decided, and is not sampled or its answer was seen."""
        return self._state is State.DONE

    def receive(self, message: bytes) -> bytes:
        """Answer one message of Envoy's.

        Raises:
            DecodeError: it is no `ProcessingRequest`, or holds nothing that is known.
        """
        request = ProcessingRequest.FromString(message)
        kind = request.WhichOneof("request")
        if kind is None:
            raise DecodeError("a message of no kind that is known here")
        step = _TRANSITIONS[self._state].get(kind)
        if step is None:
            return answers.PASS[kind]
        try:
            return step(self, getattr(request, kind))
        except Exception as error:
            error.add_note(f"at the {kind} of {self._place()}")
            raise

    def close(self) -> None:
        """The stream has ended. A sampled request that was decided leaves its sample, whether or not it got an answer."""
        if self._inclusion is not None and self._inspection is not None:
            trace = self._trace()
            sample = self._sample(self._inspection, self._inclusion, trace)
            self._inclusion = None
            self._decide.observer.sampled(sample, trace)
        self._state = State.DONE

    # The steps, in the order in which they happen.

    def _on_request_headers(self, message: HttpHeaders) -> bytes:
        decide = self._decide
        self._headers = Headers(message.headers)
        host, path = self._headers.target()
        served = decide.served(host, path.partition("?")[0])
        if served is None:
            self._state = State.DONE
            return answers.PASS["request_headers"]
        self._served = served
        self._plan_number = decide.plan.number
        self._time = decide.clock()
        self._began = decide.monotonic()
        self._inclusion = served.draw(self._headers)
        if message.end_of_stream:
            return self._conclude(served.endpoint.inspector.inspect(b""), self._routed_at_headers)
        declared = decision.number_in(self._headers.get("content-length"))
        if declared is not None and declared > served.endpoint.document.max_body:
            return self._conclude(decision.too_large(served.endpoint, declared), self._routed_at_headers)
        self._state = State.BODY
        return answers.SEND_BODY if self._inclusion is None else answers.SEND_BODY_AND_ANSWER

    def _on_request_body(self, message: HttpBody) -> bytes:
        return self._conclude(self._inspect(message.body), self._routed)

    def _on_response_headers(self, message: HttpHeaders) -> bytes:
        headers = Headers(message.headers)
        self._latency = self._decide.monotonic() - self._began
        self._status = decision.number_in(headers.get(":status"))
        self._attempts = decision.number_in(headers.get("x-envoy-attempt-count"))
        answered = headers.get("x-hyperplan-model")
        self._answered = text(answered) if answered and not _is_of_envoy(headers) else None
        self._json_length = decision.length_of_json(self._endpoint, headers)
        if not message.end_of_stream and self._status == 200 and _readable(headers, self._json_length):
            self._state = State.ANSWER_BODY
            return answers.SEND_ANSWER_BODY
        self._state = State.DONE
        return answers.PASS["response_headers"]

    def _on_response_body(self, message: HttpBody) -> bytes:
        self._state = State.DONE
        try:
            found = self._endpoint.protocol.read_predictions(Body(message.body, json_length=self._json_length))
        except Unreadable:
            found = []
        self._predictions = [bounded(prediction) for prediction in found]
        return answers.PASS["response_body"]

    # Deciding.

    @property
    def _endpoint(self) -> CompiledEndpoint:
        return self._served.endpoint

    def _conclude(self, inspection: Inspection, routed: Callable[[Choice, str | None], bytes]) -> bytes:
        """Reject the body, or send it to an arm with the answer that fits the message."""
        self._inspection = inspection
        if inspection.flaw or inspection.violations:
            self._count(inspection)
            schema = self._endpoint.schema
            if decision.is_rejected(schema, inspection):
                answer = self._reject(inspection)
            else:
                answer = routed(self._choose(inspection), decision.mark_of(schema, inspection))
        else:
            answer = routed(self._choose(inspection), None)
        self._report(inspection)
        return answer

    def _reject(self, inspection: Inspection) -> bytes:
        self._state = State.DONE
        self._status = decision.status_of(inspection)
        self._latency = self._decide.monotonic() - self._began
        self._decide.observer.rejected(self._endpoint.name)
        return refusal(self._endpoint, inspection, self._prediction_id())

    def _choose(self, inspection: Inspection) -> Choice:
        endpoint = self._served.endpoint
        self._state = State.DONE if self._inclusion is None else State.ANSWER
        self._choice = choice = decision.choose(endpoint, inspection, self._headers, self._decide.source)
        if choice.forced:
            self._decide.observer.forced(endpoint.name, choice.arm)
        else:
            self._decide.observer.routed(endpoint.name, choice.arm)
        return choice

    def _routed(self, choice: Choice, mark: str | None) -> bytes:
        inclusion = self._inclusion_told()
        if mark is None and inclusion is None:
            return self._served.routed(choice.arm)
        return answers.routed(self._served.route(choice.arm, mark, inclusion))

    def _routed_at_headers(self, choice: Choice, mark: str | None) -> bytes:
        route = self._served.route(choice.arm, mark, self._inclusion_told())
        return answers.routed_at_headers(route, send_answer=self._inclusion is not None)

    def _inclusion_told(self) -> float | None:
        """The inclusion probability of a sampled request that is copied to shadows, whose answers are then sampled too."""
        return self._inclusion if self._served.is_copied else None

    def _inspect(self, body: bytes) -> Inspection:
        return decision.inspect(self._endpoint, body, self._headers)

    def _count(self, inspection: Inspection) -> None:
        observer, name = self._decide.observer, self._endpoint.name
        if inspection.flaw:
            observer.flawed(name, inspection.flaw)
        for violation in inspection.violations:
            observer.violated(name, violation.feature, violation.kind)

    def _report(self, inspection: Inspection) -> None:
        trace = self._trace() if is_recorded(self._metadata.get("traceparent")) else None
        if trace is None:
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

    def _sample(self, inspection: Inspection, inclusion: float, trace: Trace | None) -> Sample:
        endpoint = self._endpoint
        decisions, threshold = self._decided()
        veil = self._served.veil
        rejected = self._choice is None
        return Sample(
            prediction_id=self._prediction_id(),
            time=int(self._time * 1e9),
            endpoint=endpoint.name,
            plan=self._plan_number,
            revision=endpoint.revision,
            schema_version=endpoint.schema_version,
            entity=veil.entity(decision.entity_of(endpoint, inspection, self._headers)),
            chosen=self._choice.arm if self._choice else None,
            answered=self._answered,
            attempts=self._attempts,
            propensity=self._choice.propensity if self._choice else None,
            forced=self._choice.forced if self._choice else False,
            inclusion=inclusion,
            status=self._status,
            latency=self._latency,
            slices=veil.slices(self._slices(inspection)),
            rows=veil.rows(inspection.plain_rows(MOST_ROWS)),
            rows_seen=len(inspection.rows),
            violations=list(inspection.violations),
            flaw=inspection.flaw,
            rejected=rejected,
            predictions=self._predictions,
            decisions=decisions,
            threshold=threshold,
            trace_id=trace.ids[0].hex() if trace else None,
            trace_recorded=trace is not None and trace.recorded,
        )

    def _decided(self) -> tuple[list[str | None], Any]:
        """What the adapt stage decided by the answer, and the threshold: it reads the same predictions under the same endpoint."""
        decider, answered = self._endpoint.decider, self._answered
        if decider is None or answered is None or not self._predictions:
            return [], None
        return decider.decide(answered, self._predictions), decider.setting(answered)

    def _slices(self, inspection: Inspection) -> dict[str, str]:
        found = {}
        for part in self._endpoint.document.slices:
            header = part.removeprefix("header:")
            if header == part:
                value = decision.as_key(inspection.first(part))
            else:
                value = text(self._headers.get(header) or b"")
            if value:
                found[part] = value
        return found

    def _trace(self) -> Trace | None:
        return Trace.parse(self._metadata.get("traceparent"))

    def _place(self) -> str:
        """Which request this is, for whoever reads in a log that it failed."""
        if self._state is State.NEW:
            return "a request that is not known yet"
        return f"endpoint {self._endpoint.name}, plan {self._plan_number}, prediction {self._prediction_id()}"

    def _prediction_id(self) -> str:
        return text(self._headers.get("x-request-id") or b"")


_Step = Callable[[DecideExchange, Any], bytes]
_TRANSITIONS: tuple[Mapping[str, _Step], ...] = (
    {"request_headers": DecideExchange._on_request_headers},  # NEW
    {"request_body": DecideExchange._on_request_body},  # BODY
    {"response_headers": DecideExchange._on_response_headers},  # ANSWER
    {"response_body": DecideExchange._on_response_body},  # ANSWER_BODY
    {},  # DONE
)
"""What each kind of message does, by state."""


def _readable(headers: Headers, json_length: int | None) -> bool:
    """Whether an answer is worth buffering: JSON, of a length that is known and small. Streams never are.

    JSON with binary data behind it has a content type of its own, and says how long it is.
    """
    length = decision.number_in(headers.get("content-length"))
    return (
        length is not None
        and length <= LARGEST_ANSWER
        and (json_length is not None or b"json" in (headers.get("content-type") or b"").lower())
        and headers.get("content-encoding") in (None, b"identity")
    )


def _is_of_envoy(headers: Headers) -> bool:
    """Whether an error is Envoy's own. It names the model that it tried last, but no time that a model took to answer."""
    failed = (headers.get(":status") or b"").startswith(b"5")
    return failed and headers.get("x-envoy-upstream-service-time") is None

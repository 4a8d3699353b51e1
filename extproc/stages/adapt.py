"""The adapt stage: say a request in the words of the model that Envoy picked for this attempt, and its answer in the client's.

A pure state machine like the decide stage, with one exchange for each attempt. What each message does in each state stands in one
table, `_TRANSITIONS`; a message that has no place there passes untouched.

It does as little as it can. Where client and model speak alike the request's body is not even asked for, and only the
answer is read, since one that cannot be understood is a failure of its model: its status becomes 503, which Envoy tries again on the
next model of the chain. So does that of an answer that says that the model is not there, or redirects. Any other error that is the
client's, a status of 400 to 499, goes to the client. Streams pass at once, and unread.

Attempts at a shadow have headers that say so. Their answers go to nobody: of those that are sampled the predictions are told, the
others are not looked at.
"""

import enum
import time
from collections.abc import Callable, Mapping
from typing import Any

from google.protobuf.message import DecodeError

from extproc.stages import answers, rewrites
from extproc.stages.base import Metadata
from extproc.stages.coding import LARGEST, Undecodable, decoded, is_identity
from extproc.stages.observer import Observer, Outcome, Trace
from extproc.stages.revisions import Revisions
from extproc.stages.rewrites import Said
from extproc.wire import Headers, HttpBody, HttpHeaders, ProcessingRequest, text
from hyperplan.decision import number_in
from hyperplan.plan import ROUTING_HEADER, CompiledEndpoint, CompiledPlan, longest_answer
from hyperplan.protocols import JSON_LENGTH_HEADER, Body, Unreadable
from hyperplan.protocols.base import written
from hyperplan.ranges import UNKNOWN, latency_of, range_of
from hyperplan.sample import bounded
from hyperplan.shadow import ShadowSample
from hyperplan.thresholds.answer import with_decisions
from hyperplan.thresholds.decider import Decider, header_of
from hyperplan.translation import UNTRANSLATABLE, Asked, Translation, Untranslatable

ATTEMPT_HEADER = "x-envoy-attempt-count"
"""The how many-th attempt of its request it is; Envoy says so, from 1."""

FAILED = 503
"""The status of an attempt that failed, whatever the model said: one that Envoy tries again."""

STREAMS = frozenset(
    {
        b"text/event-stream",
        b"application/x-ndjson",
        b"application/ndjson",
        b"application/jsonl",
        b"application/jsonlines",
        b"application/x-jsonlines",
        b"application/json-seq",
        b"application/stream+json",
    }
)
"""Content types of answers that are read as they come, and have no end to wait for."""

NOT_THERE = frozenset({404, 405, 408, 410, 421, 425, 429})
"""Statuses below 500 that say nothing about the request, which Hyperplan addressed: this server has no such model, not any more or not
yet, or no time for it."""


class State(enum.IntEnum):
    """Where an exchange stands: what has been said so far."""

    NEW = 0
    BODY = 1  # headers seen; the request is to be translated when its body is here
    ANSWER = 2  # the request is on its way to the model
    ANSWER_BODY = 3  # the answer's headers seen, its body is to be read
    DONE = 4  # nothing more to do; whatever comes passes


class Adapt:
    """Opens exchanges, each under the endpoint that its request was decided by."""

    def __init__(
        self,
        observer: Observer,
        *,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.observer = observer
        self.clock = clock
        self.monotonic = monotonic
        self.revisions = Revisions(monotonic)

    def prepare(self, plan: CompiledPlan) -> None:
        """Be ready for requests that were decided by a plan, which is not in force here yet."""
        self.revisions.prepare(plan)

    def adopt(self, plan: CompiledPlan) -> None:
        """Adapt requests that were decided by a plan, and for a while those that were decided by the ones before."""
        self.revisions.adopt(plan)

    def open(self, metadata: Metadata) -> "AdaptExchange":
        """Begin an attempt."""
        return AdaptExchange(self, metadata)


class AdaptExchange:
    """One attempt at a model on its way through the adapt stage."""

    __slots__ = (
        "_adapt",
        "_answer",
        "_arm",
        "_asked",
        "_began",
        "_cluster",
        "_coding",
        "_endpoint",
        "_headers",
        "_inclusion",
        "_is_shadow",
        "_marked",
        "_metadata",
        "_model",
        "_path",
        "_said",
        "_state",
        "_status",
        "_time",
        "_translation",
    )

    _answer: Headers
    _cluster: list[str]
    _endpoint: CompiledEndpoint
    _headers: Headers
    _model: str
    _path: bytes | None
    _said: Said
    _translation: Translation

    def __init__(self, adapt: Adapt, metadata: Metadata) -> None:
        self._adapt = adapt
        self._metadata = metadata
        self._state = State.NEW
        self._asked: Asked | None = None  # None where the request went to the model as it was
        self._is_shadow = False
        self._arm = ""
        self._marked = False
        self._inclusion: float | None = None
        self._status: int | None = None
        self._coding: bytes | None = None
        self._time = self._began = 0.0

    @property
    def over(self) -> bool:
        """Whether Envoy has nothing more to ask: the answer was read, or need not be."""
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
        """The stream has ended; if the model still owed an answer, that will not be read any more."""
        if self._state in (State.ANSWER, State.ANSWER_BODY):
            self._end("reset", "there was no end of an answer")
        self._state = State.DONE

    # The steps, in the order in which they happen.

    def _on_request_headers(self, message: HttpHeaders) -> bytes:
        headers = self._headers = Headers.whole(message.headers)
        endpoint = self._decided_by(headers)
        model = text(headers.get(rewrites.TARGET_HEADER) or b"")
        if endpoint is None or model not in endpoint.document.models:
            self._state = State.DONE
            gone = "the model that this request was sent to is not served any more"
            body = endpoint.protocol.error(FAILED, gone) if endpoint is not None else written({"error": gone})
            return rewrites.refused(FAILED, body, self._prediction_id())
        self._endpoint = endpoint
        self._model = model
        self._translation = endpoint.translation(model)
        self._path = headers.get(rewrites.PATH_HEADER)
        if headers.get("x-hyperplan-shadow") is not None:
            self._on_shadow(headers)
        elif len(endpoint.arms) > 1 and headers.get(ATTEMPT_HEADER) == b"1":
            self._on_first(headers, endpoint)
        said = Said.of(headers)
        if self._translation.identical:
            self._state = State.ANSWER
            return rewrites.passed(self._path) if said is None else rewrites.restored(self._path, said)
        self._said = said or Said.by_client(headers)
        if message.end_of_stream:
            return self._refuse("the request has no body")
        coding = headers.get("content-encoding")
        if not is_identity(coding):
            return self._refuse(f"a body in content-encoding {text(coding or b'')} is not read")
        self._state = State.BODY
        return rewrites.SEND_REQUEST_BODY

    def _on_request_body(self, message: HttpBody) -> bytes:
        try:
            body, self._asked = self._translation.request(self._said.body(message.body))
        except Untranslatable as error:
            return self._refuse(str(error))
        if len(body.content) > LARGEST:
            return self._refuse(f"in the words of the model it would have {len(body.content)} bytes")
        self._state = State.ANSWER
        return rewrites.translated(self._path, body, self._said)

    def _on_response_headers(self, message: HttpHeaders) -> bytes:
        if self._is_shadow and self._inclusion is None:
            self._state = State.DONE
            return answers.PASS["response_headers"]
        headers = self._answer = Headers.whole(message.headers)
        self._coding = headers.get("content-encoding")
        status = self._status = number_in(headers.get(":status")) or 0
        has_body = not message.end_of_stream
        if 200 <= status < 300:
            return self._on_good_headers(headers, has_body)
        if status < 400 or status in NOT_THERE:
            return self._fail_at_headers(f"it answered {status}", "failed")
        if self._asked is None or not has_body:
            return self._pass_error("response_headers")
        if _length(headers) > longest_answer(self._endpoint.document):
            return self._answer_error(Body(b""), rewrites.answered_at_headers)
        self._state = State.ANSWER_BODY
        return rewrites.SEND_ANSWER_BODY

    def _on_response_body(self, message: HttpBody) -> bytes:
        status = self._status or 0
        try:
            content = decoded(message.body, self._coding)
        except Undecodable as error:
            if status >= 400:
                return self._answer_error(Body(b""), rewrites.answered)
            return self._fail(str(error))
        said = self._described(content)
        if status >= 400:
            return self._answer_error(said, rewrites.answered)
        try:
            if self._asked is None:
                predictions, body = self._translation.verify(said), said
            else:
                body, predictions = self._translation.answer(said, self._asked)
        except Untranslatable as error:
            self._end("untranslatable", str(error))
            return rewrites.answered(UNTRANSLATABLE, self._translation.refusal(str(error)))
        except Unreadable as error:
            return self._fail(str(error))
        if len(body.content) > LARGEST:
            return self._fail(f"in the words of the client it would have {len(body.content)} bytes")
        self._end("ok", None, predictions)
        decider = self._endpoint.decider
        if decider is not None and not self._is_shadow:
            return self._decided(decider, body, predictions)
        if self._asked is None and is_identity(self._coding):
            return answers.PASS["response_body"]
        return rewrites.answered(status, body)

    # What requests come to.

    def _decided_by(self, headers: Headers) -> CompiledEndpoint | None:
        """The endpoint that the request was decided by; its name is in that of the arm's cluster."""
        parts = self._cluster = text(headers.get(ROUTING_HEADER) or b"").split("/")
        if len(parts) < 3:
            return None
        return self._adapt.revisions.find(parts[1], number_in(headers.get(answers.REVISION_HEADER)))

    def _on_first(self, headers: Headers, endpoint: CompiledEndpoint) -> None:
        """The first attempt of a request says how its arm does beside others, unless the request named its arm itself."""
        force = endpoint.force_header
        if force is None or headers.get(force) is None:
            self._arm = self._cluster[2]
            self._marked = headers.get(answers.VIOLATIONS_HEADER) is not None
            self._began = self._adapt.monotonic()

    def _on_shadow(self, headers: Headers) -> None:
        self._is_shadow = True
        self._time = self._adapt.clock()
        self._began = self._adapt.monotonic()
        self._inclusion = _probability(headers.get(answers.SAMPLED_HEADER))

    def _refuse(self, detail: str) -> bytes:
        """Send the request to no model: it cannot be said in the words of this one."""
        answer = rewrites.refused(UNTRANSLATABLE, self._translation.refusal(detail), self._prediction_id())
        self._end("untranslatable", detail)
        return answer

    # What answers come to.

    def _on_good_headers(self, headers: Headers, has_body: bool) -> bytes:
        """See from its headers whether an answer of status 2xx is worth reading, and can be."""
        content_type = (headers.get("content-type") or b"").lower()
        if content_type.partition(b";")[0].strip() in STREAMS:
            return self._pass_unread()
        if not has_body:
            return self._fail_at_headers("it has no body", "not_understood")
        if content_type and b"json" not in content_type and headers.get(JSON_LENGTH_HEADER) is None:
            return self._fail_at_headers(f"it is {text(content_type)}, not JSON", "not_understood")
        length = _length(headers)
        if length > longest_answer(self._endpoint.document):
            if self._asked is None:
                return self._pass_unread()
            return self._fail_at_headers(f"it has {length} bytes", "not_understood")
        self._state = State.ANSWER_BODY
        return rewrites.SEND_ANSWER_BODY

    def _decided(self, decider: Decider, body: Body, predictions: list[Any]) -> bytes:
        """Give the client a good answer, with what is decided by it."""
        decisions = decider.decide(self._model, predictions)
        header = header_of(decisions)
        if decider.field is not None and any(decisions):
            body = with_decisions(self._endpoint.protocol.name, body, decider.field, decisions)
        elif self._asked is None and is_identity(self._coding):
            return rewrites.marked(header)
        return rewrites.answered(self._status or 200, body, header)

    def _pass_unread(self) -> bytes:
        """Give the client an answer that cannot be read before it is passed on."""
        self._end("ok", None)
        return answers.PASS["response_headers"]

    def _pass_error(self, kind: str) -> bytes:
        self._end_in_error()
        return answers.PASS[kind]

    def _answer_error(self, body: Body, answer: Callable[[int, Body], bytes]) -> bytes:
        """Give the client a model's error in the form that the client knows."""
        status = self._status or FAILED
        self._end_in_error()
        return answer(status, self._translation.error(status, body))

    def _end_in_error(self) -> None:
        status = self._status or 0
        self._end("client_error" if status < 500 else "failed", f"it answered {status}")

    def _fail(self, why: str) -> bytes:
        """Make an answer that cannot be understood a failure of its model."""
        self._end("not_understood", why)
        return rewrites.answered(FAILED, self._failure(why))

    def _fail_at_headers(self, why: str, outcome: Outcome) -> bytes:
        """The same before its body is here, which is not waited for."""
        self._end(outcome, why)
        return rewrites.answered_at_headers(FAILED, self._failure(why))

    def _failure(self, why: str) -> Body:
        """What the client gets if this was the last model of the chain."""
        return self._endpoint.protocol.error(FAILED, f"the answer of {self._model} is of no use: {why}")

    def _described(self, content: bytes) -> Body:
        """The body of an answer as its headers describe it."""
        content_type = self._answer.get("content-type")
        return Body(
            content,
            "application/json" if content_type is None else text(content_type),
            number_in(self._answer.get(JSON_LENGTH_HEADER)),
        )

    # What is told of it.

    def _end(self, outcome: Outcome, failure: str | None, predictions: list[Any] | None = None) -> None:
        """The attempt has come to its end, and so has what there is to say of it."""
        self._state = State.DONE
        if not self._is_shadow:
            self._count(outcome, predictions)
            if failure is not None and outcome != "client_error":
                self._adapt.observer.failed(self._endpoint.name, self._model, failure, self._prediction_id())
        elif self._inclusion is not None:
            self._tell(self._inclusion, failure, predictions or [])

    def _count(self, outcome: Outcome, predictions: list[Any] | None) -> None:
        endpoint, observer = self._endpoint, self._adapt.observer
        if not self._arm:
            observer.attempted((endpoint.name, self._model, outcome, "", 0, 0, UNKNOWN, False))
            return
        latency = latency_of(self._adapt.monotonic() - self._began)
        said = range_of(endpoint.document.task, predictions[0]) if predictions else UNKNOWN
        revision = endpoint.revision
        observer.attempted((endpoint.name, self._model, outcome, self._arm, revision, latency, said, self._marked))

    def _tell(self, inclusion: float, failure: str | None, predictions: list[Any]) -> None:
        sample = ShadowSample(
            prediction_id=self._prediction_id(),
            time=int(self._time * 1e9),
            endpoint=self._endpoint.name,
            revision=self._endpoint.revision,
            model=self._model,
            inclusion=inclusion,
            status=self._status,
            latency=self._adapt.monotonic() - self._began,
            predictions=[bounded(prediction) for prediction in predictions],
            failure=failure,
        )
        self._adapt.observer.shadowed(sample, Trace.parse(self._metadata.get("traceparent")))

    def _place(self) -> str:
        """Which request this is, for whoever reads in a log that it failed."""
        if self._state is State.NEW:
            return "a request that is not known yet"
        return f"endpoint {self._endpoint.name}, revision {self._endpoint.revision}, model {self._model}, prediction {self._prediction_id()}"

    def _prediction_id(self) -> str:
        return text(self._headers.get("x-request-id") or b"")


_Step = Callable[[AdaptExchange, Any], bytes]
_TRANSITIONS: tuple[Mapping[str, _Step], ...] = (
    {"request_headers": AdaptExchange._on_request_headers},  # NEW
    {"request_body": AdaptExchange._on_request_body},  # BODY
    {"response_headers": AdaptExchange._on_response_headers},  # ANSWER
    {"response_body": AdaptExchange._on_response_body},  # ANSWER_BODY
    {},  # DONE
)
"""What each kind of message does, by state."""


def _length(headers: Headers) -> int:
    """The length that an answer announces; 0 if it announces none."""
    return number_in(headers.get("content-length")) or 0


def _probability(value: bytes | None) -> float | None:
    try:
        return None if value is None else float(value)
    except ValueError:
        return None

"""What the adapt stage answers Envoy, serialised.

Every header is written absolutely, since what an attempt that failed wrote is still there in the next one, on the next model. So
what the client said of its body, which the next model needs to know, is put by in a header of our own before it is overwritten.
"""

from functools import lru_cache
from typing import NamedTuple

from extproc.stages.answers import PREDICTION_ID_HEADER
from extproc.wire import (
    BUFFERED,
    NONE,
    SEND,
    SKIP,
    BodyMutation,
    BodyResponse,
    BodySendMode,
    CommonResponse,
    HeaderMutation,
    Headers,
    HeadersResponse,
    HeaderValueOption,
    HttpStatus,
    ImmediateResponse,
    ProcessingMode,
    ProcessingResponse,
    overwritten,
    text,
)
from hyperplan.decision import number_in
from hyperplan.protocols import JSON_LENGTH_HEADER, Body
from hyperplan.thresholds.decider import DECISION_HEADER

PATH_HEADER = "x-hyperplan-path"
TARGET_HEADER = "x-hyperplan-target"
SAID_HEADER = "x-hyperplan-said"

_NOTHING = "-"
_FOR_US = (PATH_HEADER, TARGET_HEADER)


class Said(NamedTuple):
    """What the client said of its body: `content-length`, the length of its JSON part, and `content-type`."""

    length: str | None
    json_length: str | None
    content_type: str | None

    @staticmethod
    def of(headers: Headers) -> "Said | None":
        """What was put by when an attempt before this one overwrote it; None if none did."""
        value = headers.get(SAID_HEADER)
        if value is None:
            return None
        length, json_length, content_type = (part if part != _NOTHING else None for part in text(value).split(" ", 2))
        return Said(length, json_length, content_type)

    @staticmethod
    def by_client(headers: Headers) -> "Said":
        """What the headers say that nobody has overwritten."""
        found = (headers.get(name) for name in ("content-length", JSON_LENGTH_HEADER, "content-type"))
        return Said(*(None if value is None else text(value) for value in found))

    def put_by(self) -> str:
        """The value of the header in which it is put by."""
        return " ".join(part or _NOTHING for part in self)

    def body(self, content: bytes) -> Body:
        """The body of which this was said."""
        json_length = None if self.json_length is None else number_in(self.json_length.encode())
        return Body(content, self.content_type or "application/json", json_length)


def _mode(request_body: BodySendMode, response_body: BodySendMode) -> ProcessingMode:
    return ProcessingMode(
        request_header_mode=SEND,
        request_body_mode=request_body,
        response_header_mode=SEND,
        response_body_mode=response_body,
        request_trailer_mode=SKIP,
        response_trailer_mode=SKIP,
    )


SEND_REQUEST_BODY = ProcessingResponse(
    request_headers=HeadersResponse(), mode_override=_mode(BUFFERED, NONE)
).SerializeToString()
"""The answer to the headers of a request that is to be translated."""
SEND_ANSWER_BODY = ProcessingResponse(
    response_headers=HeadersResponse(), mode_override=_mode(NONE, BUFFERED)
).SerializeToString()
"""The answer to the headers of an answer that is to be read."""


@lru_cache(maxsize=4096)
def passed(path: bytes | None) -> bytes:
    """The answer to the headers of a request that goes to a model as it is, on the model's path."""
    return _at_request_headers(HeaderMutation(set_headers=_addressed(path), remove_headers=_FOR_US))


def restored(path: bytes | None, said: Said) -> bytes:
    """The same for a request whose headers an attempt before this one has overwritten."""
    mutation = HeaderMutation(set_headers=_addressed(path), remove_headers=_FOR_US)
    for name, value in zip(("content-length", JSON_LENGTH_HEADER, "content-type"), said, strict=True):
        if value is None:
            mutation.remove_headers.append(name)
        else:
            mutation.set_headers.append(overwritten(name, value))
    return _at_request_headers(mutation)


def translated(path: bytes | None, body: Body, said: Said) -> bytes:
    """The answer to the body of a request that goes to a model in the model's own words."""
    mutation = _described(_of_request(path, body.content_type), body)
    mutation.set_headers.append(overwritten(SAID_HEADER, said.put_by()))
    response = CommonResponse(header_mutation=mutation, body_mutation=BodyMutation(body=body.content))
    return ProcessingResponse(request_body=BodyResponse(response=response)).SerializeToString()


def refused(status: int, body: Body, prediction_id: str) -> bytes:
    """The answer to a request that goes to no model: the client gets this body, and no other model is tried."""
    mutation = HeaderMutation(
        set_headers=[
            overwritten("content-type", body.content_type),
            overwritten(PREDICTION_ID_HEADER, prediction_id),
        ]
    )
    return ProcessingResponse(
        immediate_response=ImmediateResponse(
            status=HttpStatus(code=status), headers=mutation, body=body.content, details="hyperplan_not_adapted"
        )
    ).SerializeToString()


@lru_cache(maxsize=4096)
def marked(decision: str | None) -> bytes:
    """The answer to the body of an answer that the client gets as it is, with what was decided by it."""
    mutation = HeaderMutation()
    _say(mutation, decision)
    response = CommonResponse(header_mutation=mutation)
    return ProcessingResponse(response_body=BodyResponse(response=response)).SerializeToString()


def answered(status: int, body: Body, decision: str | None = None) -> bytes:
    """The answer to the body of an answer, in place of which the client gets another body, and perhaps another status and a decision."""
    mutation = _described(_of_answer(status, body.content_type), body)
    if decision is not None:
        _say(mutation, decision)
    response = CommonResponse(header_mutation=mutation, body_mutation=BodyMutation(body=body.content))
    return ProcessingResponse(response_body=BodyResponse(response=response)).SerializeToString()


def answered_at_headers(status: int, body: Body) -> bytes:
    """The same in the answer to the headers of an answer whose body nobody waits for."""
    response = CommonResponse(
        status=CommonResponse.CONTINUE_AND_REPLACE,
        header_mutation=_described(_of_answer(status, body.content_type), body),
        body_mutation=BodyMutation(body=body.content),
    )
    return ProcessingResponse(response_headers=HeadersResponse(response=response)).SerializeToString()


def _say(mutation: HeaderMutation, decision: str | None) -> None:
    """Say what was decided, in place of what a model says of its own."""
    if decision is None:
        mutation.remove_headers.append(DECISION_HEADER)
    else:
        mutation.set_headers.append(overwritten(DECISION_HEADER, decision))


def _at_request_headers(mutation: HeaderMutation) -> bytes:
    response = CommonResponse(header_mutation=mutation)
    return ProcessingResponse(request_headers=HeadersResponse(response=response)).SerializeToString()


def _addressed(path: bytes | None) -> list[HeaderValueOption]:
    """Headers that every attempt gets: the path of its model, and that its answer should not be compressed."""
    options = [overwritten("accept-encoding", "identity")]
    if path is not None:
        options.append(overwritten(":path", text(path)))
    return options


@lru_cache(maxsize=4096)
def _of_request(path: bytes | None, content_type: str) -> bytes:
    """What is the same in all translated requests to a model, encoded: parsing it is cheaper than making it."""
    options = [*_addressed(path), overwritten("content-type", content_type)]
    return HeaderMutation(set_headers=options, remove_headers=_FOR_US).SerializeToString()


@lru_cache(maxsize=4096)
def _of_answer(status: int, content_type: str) -> bytes:
    """What is the same in all answers that are written anew."""
    options = [overwritten(":status", str(status)), overwritten("content-type", content_type)]
    return HeaderMutation(set_headers=options, remove_headers=["content-encoding"]).SerializeToString()


def _described(mutation: bytes, body: Body) -> HeaderMutation:
    """A mutation that says how long a body is too. A length that is wrong by a byte is an error that no other model mends."""
    described = HeaderMutation.FromString(mutation)
    described.set_headers.append(overwritten("content-length", str(len(body.content))))
    if body.json_length is None:
        described.remove_headers.append(JSON_LENGTH_HEADER)
    else:
        described.set_headers.append(overwritten(JSON_LENGTH_HEADER, str(body.json_length)))
    return described

"""What the decide stage answers Envoy, serialised.

Nearly every request gets one of a handful of answers, so those are made once: when the module is loaded, or for each arm
when a plan is adopted.
"""

from typing import NamedTuple

from extproc.wire import (
    BUFFERED,
    NONE,
    SEND,
    SKIP,
    BodyResponse,
    CommonResponse,
    HeaderMutation,
    HeadersResponse,
    ProcessingMode,
    ProcessingResponse,
    TrailersResponse,
    overwritten,
)
from hyperplan.plan import ROUTING_HEADER

REVISION_HEADER = "x-hyperplan-revision"
"""The revision of the endpoint that a request was decided by, for the adapt stage."""
SAMPLED_HEADER = "x-hyperplan-sampled"
"""On requests that are sampled, and copied to a shadow: the probability with which they were."""
PREDICTION_ID_HEADER = "x-hyperplan-prediction-id"
VIOLATIONS_HEADER = "x-hyperplan-violations"
"""The mark of a body that passed although something is wrong with it: `feature=kind`, separated by commas."""

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

PASS: dict[str, bytes] = {
    "request_headers": ProcessingResponse(request_headers=HeadersResponse()).SerializeToString(),
    "request_body": ProcessingResponse(request_body=BodyResponse()).SerializeToString(),
    "request_trailers": ProcessingResponse(request_trailers=TrailersResponse()).SerializeToString(),
    "response_headers": ProcessingResponse(response_headers=HeadersResponse()).SerializeToString(),
    "response_body": ProcessingResponse(response_body=BodyResponse()).SerializeToString(),
    "response_trailers": ProcessingResponse(response_trailers=TrailersResponse()).SerializeToString(),
}
"""The answers that change nothing, by the kind of message."""

SEND_BODY = PASS["request_headers"]
SEND_BODY_AND_ANSWER = ProcessingResponse(
    request_headers=HeadersResponse(), mode_override=_ANSWER_MODE
).SerializeToString()
SEND_ANSWER_BODY = ProcessingResponse(
    response_headers=HeadersResponse(), mode_override=_ANSWER_BODY_MODE
).SerializeToString()


class Route(NamedTuple):
    """Where a request goes, and what those are told who meet it there.

    `mark` says what is wrong with it. The adapt stage is told the `revision` of the endpoint, and of a request that is sampled the
    `inclusion`, the probability with which it was.
    """

    cluster: str
    mark: str | None = None
    revision: int | None = None
    inclusion: float | None = None


def routed(route: Route) -> bytes:
    """The answer to a body that sends its request on a route."""
    return ProcessingResponse(request_body=BodyResponse(response=_routing(route))).SerializeToString()


def routed_at_headers(route: Route, *, send_answer: bool) -> bytes:
    """The same for a request without a body, in the answer to its headers."""
    headers = HeadersResponse(response=_routing(route))
    mode = _ANSWER_MODE if send_answer else None
    return ProcessingResponse(request_headers=headers, mode_override=mode).SerializeToString()


def _routing(route: Route) -> CommonResponse:
    mutation = HeaderMutation(set_headers=[overwritten(ROUTING_HEADER, route.cluster)])
    if route.mark:
        mutation.set_headers.append(overwritten(VIOLATIONS_HEADER, route.mark))
    if route.revision is not None:
        mutation.set_headers.append(overwritten(REVISION_HEADER, str(route.revision)))
    if route.inclusion is not None:
        mutation.set_headers.append(overwritten(SAMPLED_HEADER, repr(route.inclusion)))
    return CommonResponse(header_mutation=mutation, clear_route_cache=True)

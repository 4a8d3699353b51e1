"""Envoy's side of an attempt, as the adapt stage sees it, and an endpoint whose models speak several protocols."""

from collections.abc import Mapping

from extproc.stages import Adapt
from extproc.wire import HeaderMap, HeaderMutation, HeaderValue, HttpBody, HttpHeaders, ProcessingRequest
from hyperplan.endpoint import Endpoint, parse_endpoint
from hyperplan.plan import CompiledPlan, Plan, PlannedEndpoint
from tests.extproc.conversation import NO_HEADERS, Conversation, Memory

SEVERAL = """
name: flight-delay
match: { path: "/v1/models/flight-delay:predict" }
protocol: tfserving
task: binary
schema:
  features:
    dep_delay: { type: float, nullable: true }
    distance: { type: int, aliases: [dist] }
models:
  gbm@1: { url: "http://127.0.0.1:9001/v1/models/gbm:predict", protocol: tfserving }
  logit@1: { url: "http://127.0.0.1:9002/invocations", protocol: mlflow }
  tree@1: { url: "http://127.0.0.1:9003/v1/models/tree:predict", protocol: kserve }
routing: { split: { gbm@1: 1 }, fallback: [logit@1, tree@1] }
timeout: 15
"""

REQUEST = b'{"instances": [{"dep_delay": 1.5, "dist": 5.0}, {"dep_delay": null, "distance": 7}]}'
ANSWER = b'{"predictions": [0.25, 0.75]}'
PATHS = {
    "gbm@1": "/v1/models/gbm:predict",
    "logit@1": "/invocations",
    "tree@1": "/v1/models/tree:predict",
}


def attempt_headers(model: str, more: Mapping[str, str] = NO_HEADERS, *, revision: int = 3) -> dict[str, str]:
    """The headers of an attempt at a model, as the filters before the stage leave them."""
    return {
        ":path": "/v1/models/flight-delay:predict",
        "x-hyperplan-arm": "arm/flight-delay/gbm@1/0123abcd",
        "x-hyperplan-revision": str(revision),
        "x-hyperplan-target": model,
        "x-hyperplan-path": PATHS.get(model, "/"),
        "content-type": "application/json",
        "content-length": str(len(REQUEST)),
        "accept-encoding": "gzip, br",
        **more,
    }


def an_endpoint(*replacements: tuple[str, str]) -> Endpoint:
    """The usual endpoint, with pieces of its text replaced."""
    document = SEVERAL
    for old, new in replacements:
        assert old in document
        document = document.replace(old, new)
    return parse_endpoint(document)


def a_plan(number: int, revision: int, endpoint: Endpoint) -> CompiledPlan:
    return CompiledPlan(Plan(number, (PlannedEndpoint(revision, endpoint),)))


class Clock:
    """A clock that goes when it is told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def adapt_for(endpoint: Endpoint, memory: Memory, monotonic: Clock | None = None) -> Adapt:
    """An adapt stage that serves one endpoint as plan 7, revision 3."""
    adapt = Adapt(memory, clock=lambda: 1_700_000_000.0, monotonic=monotonic or Clock())
    adapt.adopt(a_plan(7, 3, endpoint))
    return adapt


class Attempt(Conversation):
    """Envoy's side of one attempt. It keeps the headers of the request as Envoy would, and applies what the stage says of them."""

    def __init__(self, adapt: Adapt, model: str, more: Mapping[str, str] = NO_HEADERS, *, revision: int = 3) -> None:
        super().__init__(adapt.open({}))
        self.headers = {
            ":authority": "models",
            "x-request-id": "id-1",
            **attempt_headers(model, more, revision=revision),
        }

    def goes(self, body: bytes = REQUEST) -> bytes | None:
        """Say the request; what the model gets as its body, None if that was answered instead."""
        answer = self.request_headers(self.headers)
        if answer.HasField("immediate_response"):
            return None
        apply(answer.request_headers.response.header_mutation, self.headers)
        if answer.mode_override.request_body_mode == 0:
            return body
        answer = self.request_body(body)
        if answer.HasField("immediate_response"):
            return None
        response = answer.request_body.response
        apply(response.header_mutation, self.headers)
        return response.body_mutation.body

    def comes(self, body: bytes, headers: Mapping[str, str] = NO_HEADERS, *, status: int = 200) -> "Came":
        """Say the answer of the model; what goes back."""
        found = {
            ":status": str(status),
            "content-type": "application/json",
            "content-length": str(len(body)),
            **headers,
        }
        answer = self.response_headers(found, status=status)
        response = answer.response_headers.response
        if response.status == response.CONTINUE_AND_REPLACE:
            apply(response.header_mutation, found)
            return Came(found, response.body_mutation.body)
        if answer.mode_override.response_body_mode == 0:
            return Came(found, body)
        response = self.response_body(body).response_body.response
        apply(response.header_mutation, found)
        return Came(found, response.body_mutation.body if response.HasField("body_mutation") else body)


class Came:
    """An answer as Envoy passes it on."""

    def __init__(self, headers: Mapping[str, str], body: bytes) -> None:
        self.headers = headers
        self.body = body

    @property
    def status(self) -> int:
        return int(self.headers[":status"])

    @property
    def is_well_described(self) -> bool:
        """Whether its length is the one that it says."""
        return int(self.headers["content-length"]) == len(self.body)


def apply(mutation: HeaderMutation, headers: dict[str, str]) -> None:
    """Change headers as Envoy does."""
    for option in mutation.set_headers:
        headers[option.header.key] = option.header.raw_value.decode()
    for name in mutation.remove_headers:
        headers.pop(name, None)


def messages(model: str, body: bytes, status: int, answer: bytes, *, revision: int = 3) -> list[ProcessingRequest]:
    """What Envoy says in a whole attempt that is translated."""
    answered = {":status": str(status), "content-type": "application/json", "content-length": str(len(answer))}
    return [
        ProcessingRequest(
            request_headers=_headers({"x-request-id": "id-1", **attempt_headers(model, revision=revision)})
        ),
        ProcessingRequest(request_body=HttpBody(body=body, end_of_stream=True)),
        ProcessingRequest(response_headers=_headers(answered)),
        ProcessingRequest(response_body=HttpBody(body=answer, end_of_stream=True)),
    ]


def _headers(values: Mapping[str, str]) -> HttpHeaders:
    headers = [HeaderValue(key=name, raw_value=value.encode()) for name, value in values.items()]
    return HttpHeaders(headers=HeaderMap(headers=headers).SerializeToString())

"""What is decided about one request: whether its body passes, whom it is about, and which arm answers.

Pure functions over a compiled endpoint, the headers of a request and its body. The sidecar's decide stage calls them for every
request and control for a dry run, so what a dry run says is what would happen.
"""

import random
from typing import Any, Protocol
from urllib.parse import quote

from hyperplan.inspection import Flaw, Inspection
from hyperplan.plan import CompiledEndpoint
from hyperplan.protocols import JSON_LENGTH_HEADER
from hyperplan.routing import Choice
from hyperplan.schema import Schema

MARKED = 10
"""Violations named in the mark at most."""

STATUS_OF_FLAW: dict[Flaw, int] = {
    "empty": 400,
    "too_large": 413,
    "encoding": 415,
    "not_json": 400,
    "too_deep": 400,
    "no_rows": 422,
}
STATUS_OF_VIOLATIONS = 422


class RequestHeaders(Protocol):
    """The headers of a request, asked for by their names in lower case."""

    def get(self, name: str, /) -> bytes | None:
        """The value of a header; None when the request has none of this name."""


def inspect(endpoint: CompiledEndpoint, body: bytes, headers: RequestHeaders) -> Inspection:
    """Hold a body, and what its headers say of it, against the endpoint. Never raises."""
    if len(body) > endpoint.document.max_body:  # Envoy measures what it buffers, not what comes in one read
        return too_large(endpoint, len(body))
    encoding = headers.get("content-encoding")
    if encoding and encoding.lower() != b"identity":
        return endpoint.inspector.flawed(
            "encoding", f"a body in content-encoding {encoding.lower().decode('utf-8', 'replace')} is not read"
        )
    return endpoint.inspector.inspect(body, length_of_json(endpoint, headers))


def length_of_json(endpoint: CompiledEndpoint, headers: RequestHeaders) -> int | None:
    """How many bytes of a body are JSON; None where all are, or the protocol knows no other bodies."""
    return number_in(headers.get(JSON_LENGTH_HEADER)) if endpoint.binary else None


def number_in(value: bytes | None) -> int | None:
    """The whole number that a header holds; None if it holds none. Whoever sends one of more than 18 digits, which Python may not even
    read, means more than anything has.
    """
    if value is None or not value.isdigit():
        return None
    return int(value) if len(value) <= 18 else 10**18


def too_large(endpoint: CompiledEndpoint, length: int) -> Inspection:
    """The inspection of a body of so many bytes, which are more than the endpoint allows."""
    limit = endpoint.document.max_body
    return endpoint.inspector.flawed("too_large", f"the body has {length} bytes, more than the {limit} allowed")


def is_rejected(schema: Schema, inspection: Inspection) -> bool:
    """Whether the body is refused instead of answered by a model."""
    if inspection.flaw:
        return schema.on_violation == "reject" or inspection.flaw == "too_large"
    return bool(inspection.violations) and schema.harshest(inspection.violations) == "reject"


def status_of(inspection: Inspection) -> int:
    """The HTTP status of a refusal."""
    return STATUS_OF_FLAW[inspection.flaw] if inspection.flaw else STATUS_OF_VIOLATIONS


def mark_of(schema: Schema, inspection: Inspection) -> str | None:
    """What models are told of a body that passes although something is wrong with it; None if there is nothing to tell."""
    if inspection.flaw:
        return f"body={inspection.flaw}" if schema.on_violation != "ignore" else None
    named = dict.fromkeys(
        f"{quote(violation.feature.encode('utf-8', 'surrogatepass')) or 'row'}={violation.kind}"
        for violation in inspection.violations
        if schema.action(violation) != "ignore"
    )
    return ",".join(list(named)[:MARKED]) or None


def entity_of(endpoint: CompiledEndpoint, inspection: Inspection, headers: RequestHeaders) -> str | None:
    """Whom the request is about, as text; None when it does not say, or not as a string, a number or a boolean."""
    entity = endpoint.document.entity
    if entity is None:
        return None
    if entity.header is not None:
        value = headers.get(entity.header)
        return value.decode("utf-8", "replace") if value is not None else None
    return as_key(inspection.first(entity.feature or ""))


def choose(
    endpoint: CompiledEndpoint, inspection: Inspection, headers: RequestHeaders, source: random.Random
) -> Choice:
    """The arm that answers: what the request settles, else one at random."""
    return settled(endpoint, inspection, headers) or endpoint.split.draw(source)


def settled(endpoint: CompiledEndpoint, inspection: Inspection, headers: RequestHeaders) -> Choice | None:
    """The arm that a request names in the endpoint's `force_header`, or else that its entity sticks to; None for neither.

    A header that names no arm is as good as none. It may name one that was there a moment ago: an edit of the routing must not
    turn the requests of a client into errors.
    """
    if endpoint.force_header is not None:
        named = headers.get(endpoint.force_header)
        forced = endpoint.forced.get(named) if named is not None else None
        if forced is not None:
            return forced
    if endpoint.document.routing.sticky:
        entity = entity_of(endpoint, inspection, headers)
        if entity is not None:
            return endpoint.split.stick(entity.encode("utf-8", "surrogatepass"))
    return None


def as_key(value: Any) -> str | None:
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

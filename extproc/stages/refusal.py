"""The answer to a body that is refused: a problem document (RFC 9457) that lists what is wrong with it."""

import msgspec

from extproc.stages.answers import PREDICTION_ID_HEADER
from extproc.wire import HeaderMutation, HttpStatus, ImmediateResponse, ProcessingResponse, overwritten
from hyperplan.decision import status_of
from hyperplan.inspection import Inspection
from hyperplan.plan import CompiledEndpoint

LISTED = 100
"""Violations listed in one answer at most."""


def refusal(endpoint: CompiledEndpoint, inspection: Inspection, prediction_id: str) -> bytes:
    """The answer to a refused body, serialised. An endpoint that does not explain says only that the body was refused."""
    status = status_of(inspection)
    problem: dict[str, object] = {
        "type": "about:blank",
        "title": f"the body does not meet the schema of {endpoint.name}",
        "status": status,
    }
    if endpoint.schema.explain:
        problem |= _explanation(inspection)
    # Clients of each protocol look for members of its own; RFC 9457 allows them.
    detail = str(problem.get("detail", problem["title"]))
    problem |= endpoint.protocol.error_members(status, detail)
    return ProcessingResponse(
        immediate_response=ImmediateResponse(
            status=HttpStatus(code=status),
            headers=HeaderMutation(
                set_headers=[
                    overwritten("content-type", "application/problem+json"),
                    overwritten(PREDICTION_ID_HEADER, prediction_id),
                ]
            ),
            body=msgspec.json.encode(problem),
            details="hyperplan_refused",
        )
    ).SerializeToString()


def _explanation(inspection: Inspection) -> dict[str, object]:
    if inspection.flaw:
        return {"detail": inspection.detail}
    count = len(inspection.violations)
    first = inspection.violations[0]
    detail = f"row {first.row}: {first.feature or 'the row'}: {first.kind}: expected {first.expected}, got {first.got}"
    return {
        "detail": detail if count == 1 else f"{detail}; and {count - 1} more",
        "errors": inspection.violations[:LISTED],
    }

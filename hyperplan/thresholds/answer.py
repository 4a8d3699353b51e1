"""Decisions in the JSON of an answer, where clients that know nothing of them read on as before.

They stand in a member of the answer's object that no protocol knows, a list with one for each row. Members that they do not know are
what clients of TensorFlow Serving, KServe and MLflow pass over. Of the Open Inference Protocol it is a parameter of the answer, which the
protocol leaves to servers; a parameter is text, so decisions stand there as in the header. In plain JSON `{"prediction": ...}` has one
decision beside it, and an answer that is no object has no room for any.

The member is put into the bytes as they are, before the last brace: nothing else of the answer changes.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from hyperplan.protocols import Body, Unwritable
from hyperplan.protocols.base import read_json, written


def with_decisions(protocol: str, body: Body, field: str, decisions: Sequence[str | None]) -> Body:
    """An answer in a protocol with decisions in it; the same body where it has no room for them."""
    length = len(body.content) if body.json_length is None else body.json_length
    head, rest = body.content[:length], body.content[length:]
    message = read_json(head)
    if not isinstance(message, dict):
        return body
    name, value = _member(protocol, message, field, decisions)
    if name in message:
        try:
            head = written(message | {name: value}).content
        except Unwritable:
            return body
    else:
        head = _put(head, name, value)
    return Body(head + rest, body.content_type, None if body.json_length is None else len(head))


def _member(protocol: str, message: dict[str, Any], field: str, decisions: Sequence[str | None]) -> tuple[str, Any]:
    """The member of an answer that holds decisions, whole."""
    if protocol == "oip":
        before = message.get("parameters")
        said = ",".join(one or "" for one in decisions)
        return "parameters", (before if isinstance(before, dict) else {}) | {field: said}
    alone = protocol == "json" and "predictions" not in message and "prediction" in message
    return field, decisions[0] if alone and len(decisions) == 1 else list(decisions)


def _put(head: bytes, name: str, value: Any) -> bytes:
    """An object that has members, with one more."""
    member = msgspec.json.encode({name: value})
    return head[: head.rindex(b"}")] + b"," + member[1:]

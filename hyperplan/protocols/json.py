"""Plain JSON, for a home-made server: an object is a row, a list is rows.

The answer is a list of predictions, or an object with `predictions` (a list) or `prediction` (one), or one prediction. A
server that keeps either somewhere deeper says where, and then they are there and nowhere else.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from hyperplan.protocols.base import PLAIN, Body, Form, Protocol, Unreadable, filled_list, listed_rows, member, written
from hyperplan.schema import RowType


class Json(Protocol):
    """`{...}` or `[{...}, ...]`, and `[...]`, `{"predictions": [...]}`, `{"prediction": ...}` or a bare prediction."""

    name = "json"

    def body_type(self, row: RowType) -> Any:
        kind: Any = row.struct | list[row.struct]  # type: ignore[name-defined]
        for key in reversed(self.speaker.rows):
            kind = msgspec.defstruct("Body", [("inner", kind)], rename={"inner": key})
        return kind

    def decoded_rows(self, body: Any) -> Sequence[Any]:
        for _ in self.speaker.rows:
            body = body.inner
        return body if isinstance(body, list) else (body,)

    def rows(self, message: Any) -> list[Any]:
        found = _inside(message, self.speaker.rows)
        if isinstance(found, dict):
            return [found]
        if isinstance(found, list):
            return listed_rows(found, ".".join(self.speaker.rows) or "body")
        raise Unreadable("expected an object, which is one row, or a list of them")

    def form(self, message: Any) -> Form:
        return Form(single=isinstance(_inside(message, self.speaker.rows), dict))

    def request(self, rows: Sequence[Mapping[str, Any]], form: Form = PLAIN) -> Body:
        return written(_wrapped(rows[0] if form.single else rows, self.speaker.rows))

    def predictions(self, message: Any) -> list[Any]:
        if self.speaker.predictions:
            found = _inside(message, self.speaker.predictions)
            return filled_list(found, ".".join(self.speaker.predictions)) if isinstance(found, list) else [found]
        if isinstance(message, dict) and "predictions" in message:
            return filled_list(message["predictions"], "predictions")
        if isinstance(message, dict) and "prediction" in message:
            return [message["prediction"]]
        return filled_list(message, "body") if isinstance(message, list) else [message]

    def answer(self, predictions: Sequence[Any], form: Form = PLAIN) -> Body:
        if self.speaker.predictions:
            return written(_wrapped(predictions, self.speaker.predictions))
        return written({"prediction": predictions[0]} if form.single else {"predictions": predictions})


def _inside(message: Any, path: tuple[str, ...]) -> Any:
    """What is at a path of keys, or Unreadable."""
    for key in path:
        message = member(message, key)
    return message


def _wrapped(value: Any, path: tuple[str, ...]) -> Any:
    """A value at a path of keys."""
    for key in reversed(path):
        value = {key: value}
    return value

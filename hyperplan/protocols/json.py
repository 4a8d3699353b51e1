"""Plain JSON, for a home-made server: an object is a row, a list is rows.

The answer is a list of predictions, or an object with `predictions` (a list) or `prediction` (one), or one prediction.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from hyperplan.protocols.base import Protocol, Unreadable, filled_list


class Json(Protocol):
    """`{...}` or `[{...}, ...]`, and `[...]`, `{"predictions": [...]}`, `{"prediction": ...}` or a bare prediction."""

    name = "json"

    def body_type(self, row: type[msgspec.Struct]) -> Any:
        return row | list[row]  # type: ignore[valid-type]

    def decoded_rows(self, body: Any) -> Sequence[Any]:
        return body if isinstance(body, list) else (body,)

    def rows(self, body: Any) -> list[Any]:
        if isinstance(body, dict):
            return [body]
        if isinstance(body, list):
            return filled_list(body, "body")
        raise Unreadable("expected an object, which is one row, or a list of them")

    def predictions(self, body: Any) -> list[Any]:
        if isinstance(body, dict) and "predictions" in body:
            return filled_list(body["predictions"], "predictions")
        if isinstance(body, dict) and "prediction" in body:
            return [body["prediction"]]
        return body if isinstance(body, list) else [body]

"""TensorFlow Serving's REST predict API.

Rows come as `instances` (a list of objects) or as columnar `inputs`; answers hold `predictions`, or `outputs` when the
request was columnar. See https://www.tensorflow.org/tfx/serving/api_rest#predict_api.
"""

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from hyperplan.protocols.base import Protocol, Unreadable, filled_list, member, rows_of_columns


class TFServing(Protocol):
    """`{"instances": [{...}, ...]}` and `{"predictions": [...]}`."""

    name = "tfserving"

    def body_type(self, row: type[msgspec.Struct]) -> Any:
        rows = list[row]  # type: ignore[valid-type]
        return msgspec.defstruct("Body", [("instances", rows), ("inputs", UnsetType, UNSET)])

    def decoded_rows(self, body: Any) -> Sequence[Any]:
        rows: list[Any] = body.instances
        return rows

    def rows(self, body: Any) -> list[Any]:
        if isinstance(body, dict) and "inputs" in body:
            if "instances" in body:
                raise Unreadable("expected 'instances' or 'inputs', not both")
            return rows_of_columns(body["inputs"], "inputs")
        return filled_list(member(body, "instances"), "instances")

    def predictions(self, body: Any) -> list[Any]:
        if isinstance(body, dict) and "outputs" in body:
            return _rows_of_outputs(body["outputs"])
        return filled_list(member(body, "predictions"), "predictions")


def _rows_of_outputs(outputs: Any) -> list[Any]:
    """A single output is the bare list of its values; several are an object of lists."""
    if isinstance(outputs, dict):
        return rows_of_columns(outputs, "outputs")
    if isinstance(outputs, list) and outputs:
        return outputs
    raise Unreadable("'outputs' must be a list or an object of lists")

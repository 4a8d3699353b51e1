"""TensorFlow Serving's REST predict API.

Rows come as `instances`, a list of objects or of the values of the only feature, or as columnar `inputs`; answers hold
`predictions`, or `outputs` when the request was columnar. See https://www.tensorflow.org/tfx/serving/api_rest#predict_api.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from hyperplan.protocols.base import (
    PLAIN,
    Body,
    Form,
    Protocol,
    Unreadable,
    Unwritable,
    columnar_rows,
    columns_of_rows,
    filled_list,
    listed_rows,
    member,
    named,
    rows_of_columns,
    written,
)
from hyperplan.schema import RowType


class TFServing(Protocol):
    """`{"instances": [{...}, ...]}` and `{"predictions": [...]}`."""

    name = "tfserving"

    def body_type(self, row: RowType) -> Any:
        rows = list[row.struct]  # type: ignore[name-defined]
        return msgspec.defstruct("Body", [("instances", rows), ("inputs", UnsetType, UNSET)])

    def decoded_rows(self, body: Any) -> Sequence[Any]:
        rows: list[Any] = body.instances
        return rows

    def rows(self, message: Any) -> list[Any]:
        features = self.speaker.features
        if isinstance(message, dict) and "inputs" in message:
            if "instances" in message:
                raise Unreadable("expected 'instances' or 'inputs', not both")
            inputs = message["inputs"]
            if len(features) == 1 and isinstance(inputs, list):
                return named(listed_rows(inputs, "inputs"), features)
            return columnar_rows(inputs, "inputs")
        return named(listed_rows(member(message, "instances"), "instances"), features)

    def form(self, message: Any) -> Form:
        signature = message.get("signature_name")
        return Form(columnar="inputs" in message, members={"signature_name": signature} if signature else {})

    def request(self, rows: Sequence[Mapping[str, Any]], form: Form = PLAIN) -> Body:
        signature = self.speaker.signature or form.members.get("signature_name")
        return written(({"signature_name": signature} if signature else {}) | {"instances": rows})

    def predictions(self, message: Any) -> list[Any]:
        if isinstance(message, dict) and "outputs" in message:
            return _rows_of_outputs(message["outputs"])
        return filled_list(member(message, "predictions"), "predictions")

    def answer(self, predictions: Sequence[Any], form: Form = PLAIN) -> Body:
        if not form.columnar:
            return written({"predictions": predictions})
        if not any(isinstance(prediction, dict) for prediction in predictions):
            return written({"outputs": predictions})
        columns = columns_of_rows(predictions)
        if columns is None:
            raise Unwritable("predictions that do not all have the same names have no columns")
        return written({"outputs": columns})


def _rows_of_outputs(outputs: Any) -> list[Any]:
    """A single output is the bare list of its values; several are an object of lists."""
    if isinstance(outputs, dict):
        return rows_of_columns(outputs, "outputs")
    if isinstance(outputs, list) and outputs:
        return outputs
    raise Unreadable("'outputs' must be a list or an object of lists")

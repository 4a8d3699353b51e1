"""A schema out of an MLflow model's signature: what the model says that it takes.

Format: https://mlflow.org/docs/latest/ml/model/signatures. The inputs are a list, kept as text in JSON, of columns with a `type` and a `name`,
or of one tensor, which names nothing. A column is not `required` when the example that the signature was made from had nulls in it, so
then it may be null as well as left out. A signature knows neither ranges nor categories; `hyperplan schema infer` on the training data does.
"""

import json
from collections.abc import Iterator
from typing import Any

from hyperplan.problems import Invalid, Problem, pointer
from hyperplan.schema.features import AnyFeature, Bool, Float, Int, String

_TYPES: dict[str, type[Float | Int | Bool | String]] = {
    "boolean": Bool, "integer": Int, "long": Int, "float": Float, "double": Float, "string": String,
}  # fmt: skip


def features_of_signature(data: Any) -> Iterator[tuple[str, AnyFeature | str]]:
    """The columns of a signature, each with its feature, or why it has none.

    `data` is an `MLmodel` document, the signature in it, or the list of its inputs.

    Raises:
        Invalid: there is no signature in it, or its columns have no names.
    """
    for index, column in enumerate(_inputs(data)):
        if not isinstance(column, dict) or not isinstance(column.get("type"), str):
            raise Invalid([Problem(pointer("inputs", index), "is no column of a signature: it has no type")])
        if not isinstance(column.get("name"), str):
            detail = "has no name, so no field of a request can be told to be it; log the model with a data frame as its example"
            raise Invalid([Problem(pointer("inputs", index), detail)])
        yield column["name"], _feature(column)


def _inputs(data: Any) -> list[Any]:
    """The inputs of a signature, wherever they are in what was given."""
    if isinstance(data, dict) and "signature" in data:
        data = data["signature"]
    if isinstance(data, dict) and "inputs" in data:
        data = data["inputs"]
    if isinstance(data, str):
        try:
            data = json.loads(data)
        except (ValueError, RecursionError):
            raise Invalid([Problem("/signature/inputs", "is no JSON")]) from None
    if not isinstance(data, list):
        raise Invalid(
            [Problem("", "has no signature with inputs; log the model with an input example, or infer from its data")]
        )
    return data


def _feature(column: dict[str, Any]) -> AnyFeature | str:
    kind = column["type"]
    if kind not in _TYPES:
        return f"is of the type {kind}, of which a signature does not say enough; infer it from the training data"
    optional = column.get("required") is False or column.get("optional") is True
    return _TYPES[kind](required=not optional, nullable=optional)

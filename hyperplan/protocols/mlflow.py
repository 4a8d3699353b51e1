"""MLflow's scoring protocol, as its `/invocations` speaks it.

One of `dataframe_split`, `dataframe_records`, `instances` and `inputs` holds the rows; answers hold `predictions`. See
https://mlflow.org/docs/latest/ml/deployment/deploy-model-locally.
"""

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from hyperplan.protocols.base import Protocol, Unreadable, filled_list, member, rows_of_columns

FORMS = ("dataframe_split", "dataframe_records", "instances", "inputs")


class MLflow(Protocol):
    """`{"dataframe_split": {"columns": [...], "data": [[...], ...]}}` and its sisters."""

    name = "mlflow"

    def body_type(self, row: type[msgspec.Struct]) -> Any:
        rows = list[row] | UnsetType  # type: ignore[valid-type]
        fields = [("dataframe_records", rows, UNSET), ("instances", rows, UNSET)]
        return msgspec.defstruct("Body", [*fields, ("dataframe_split", UnsetType, UNSET), ("inputs", UnsetType, UNSET)])

    def decoded_rows(self, body: Any) -> Sequence[Any]:
        present = [rows for rows in (body.dataframe_records, body.instances) if rows is not UNSET]
        return present[0] if len(present) == 1 else ()

    def rows(self, body: Any) -> list[Any]:
        present = [form for form in FORMS if isinstance(body, dict) and form in body]
        if len(present) != 1:
            raise Unreadable(f"expected an object with exactly one of {', '.join(FORMS)}")
        form = present[0]
        if form == "dataframe_split":
            return _rows_of_split(body[form])
        if form == "inputs" and isinstance(body[form], dict):
            return rows_of_columns(body[form], form)
        return filled_list(body[form], form)

    def predictions(self, body: Any) -> list[Any]:
        found = member(body, "predictions")
        if isinstance(found, dict):
            return rows_of_columns(found, "predictions")
        return filled_list(found, "predictions")


def _rows_of_split(split: Any) -> list[Any]:
    columns, data = member(split, "columns"), filled_list(member(split, "data"), "data")
    if not isinstance(columns, list) or not all(isinstance(column, str) for column in columns):
        raise Unreadable("'columns' must be a list of names")
    if len(set(columns)) < len(columns):
        raise Unreadable("'columns' names a column twice")
    if not all(isinstance(values, list) and len(values) == len(columns) for values in data):
        raise Unreadable(f"each row of 'data' must be a list of {len(columns)} values, one for each column")
    return [dict(zip(columns, values, strict=True)) for values in data]

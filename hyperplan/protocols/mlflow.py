"""MLflow's scoring protocol, as its `/invocations` speaks it.

One of `dataframe_split`, `dataframe_records`, `instances` and `inputs` holds the rows; answers hold `predictions`. See
https://mlflow.org/docs/latest/ml/deployment/deploy-model-locally.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from hyperplan.protocols.base import (
    PLAIN,
    SPARSE,
    Body,
    Form,
    Protocol,
    Unreadable,
    columnar_rows,
    filled_list,
    listed_rows,
    member,
    named,
    rows_of_columns,
    written,
)
from hyperplan.schema import RowType

FORMS = ("dataframe_split", "dataframe_records", "instances", "inputs")

ERROR_CODES = {
    400: "BAD_REQUEST",
    404: "NOT_FOUND",
    422: "INVALID_PARAMETER_VALUE",
    503: "TEMPORARILY_UNAVAILABLE",
}
"""MLflow's codes for errors, by HTTP status; the others are internal errors."""


class MLflow(Protocol):
    """`{"dataframe_split": {"columns": [...], "data": [[...], ...]}}` and its sisters."""

    name = "mlflow"

    def body_type(self, row: RowType) -> Any:
        rows = list[row.struct] | UnsetType  # type: ignore[name-defined]
        fields: list[tuple[str, Any, Any]] = [("dataframe_records", rows, UNSET), ("instances", rows, UNSET)]
        fields += [("dataframe_split", _Split | UnsetType, UNSET), ("inputs", UnsetType, UNSET)]
        # The names of a split stand before its rows, so the rows are made of plain values; the body knows their type.
        return msgspec.defstruct("Body", fields, namespace={"row": row.struct})

    def decoded_rows(self, body: Any) -> Sequence[Any]:
        if body.dataframe_split is not UNSET:
            if body.dataframe_records is not UNSET or body.instances is not UNSET:
                return ()
            return _decoded_split(body.dataframe_split, body.row, len(self.speaker.features))
        present = [rows for rows in (body.dataframe_records, body.instances) if rows is not UNSET]
        return present[0] if len(present) == 1 else ()

    def rows(self, message: Any) -> list[Any]:
        present = [form for form in FORMS if isinstance(message, dict) and form in message]
        if len(present) != 1:
            raise Unreadable(f"expected an object with exactly one of {', '.join(FORMS)}")
        form = present[0]
        if form == "dataframe_split":
            return _rows_of_split(message[form])
        if form in ("instances", "inputs") and isinstance(message[form], dict):
            return columnar_rows(message[form], form)
        return named(listed_rows(message[form], form), self.speaker.features)

    def form(self, message: Any) -> Form:
        return Form(members={"params": message["params"]} if "params" in message else {})

    def request(self, rows: Sequence[Mapping[str, Any]], form: Form = PLAIN) -> Body:
        """Split, in the order of the features: models that were trained without names go by it.

        A data frame has a cell for each column in each row, so rows that have not the same fields go as records.
        """
        columns = [name for name in self.speaker.features if any(name in row for row in rows)]
        if all(len(row) == len(columns) for row in rows):
            split = {"columns": columns, "data": [[row[name] for name in columns] for row in rows]}
            return written({"dataframe_split": split, **form.members})
        return written({"dataframe_records": rows, **form.members})

    def predictions(self, message: Any) -> list[Any]:
        found = member(message, "predictions")
        if isinstance(found, dict):
            return rows_of_columns(found, "predictions")
        return filled_list(found, "predictions")

    def answer(self, predictions: Sequence[Any], form: Form = PLAIN) -> Body:  # noqa: ARG002 - every form has one answer
        return written({"predictions": predictions})

    def error_members(self, status: int, detail: str) -> dict[str, Any]:
        return {"error_code": ERROR_CODES.get(status, "INTERNAL_ERROR"), "message": detail}


class _Split(msgspec.Struct):
    columns: list[str]
    data: list[list[Any]]


def _decoded_split(split: _Split, row: type[msgspec.Struct], width: int) -> Sequence[Any]:
    columns = split.columns
    if len(set(columns)) < len(columns) or len(split.data) * (width - len(columns)) > SPARSE:
        return ()
    if any(len(values) != len(columns) for values in split.data):
        return ()
    return msgspec.convert([dict(zip(columns, values, strict=True)) for values in split.data], list[row])  # type: ignore[valid-type]


def _rows_of_split(split: Any) -> list[Any]:
    columns, data = member(split, "columns"), listed_rows(member(split, "data"), "data")
    if not isinstance(columns, list) or not all(isinstance(column, str) for column in columns):
        raise Unreadable("'columns' must be a list of names")
    if len(set(columns)) < len(columns):
        raise Unreadable("'columns' names a column twice")
    if not all(isinstance(values, list) and len(values) == len(columns) for values in data):
        raise Unreadable(f"each row of 'data' must be a list of {len(columns)} values, one for each column")
    return [dict(zip(columns, values, strict=True)) for values in data]

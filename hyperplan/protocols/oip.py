"""The Open Inference Protocol (KServe's V2) over REST: tensors in, tensors out.

A request has a tensor for each feature, or one matrix of all of them; an answer has a tensor for each named output. Tensors
may stand in binary behind the JSON; a header then says where the JSON ends. See
https://kserve.github.io/website/docs/concepts/architecture/data-plane/v2-protocol and its binary tensor data extension.

A tensor has a value of one type in each of its cells. So rows that hold null, or not all the same features, cannot be
said; that is known when a model is declared. Of predictions, null among numbers can be said (null in JSON, NaN in
binary, as the servers that are in use have it). A vector of one is a scalar here, and a name that stands alone is only a
label.
"""

from collections.abc import Mapping, Sequence
from itertools import repeat
from typing import Any, Union

import msgspec
from msgspec import UNSET

from hyperplan.protocols.base import (
    PLAIN,
    SPARSE,
    Body,
    Form,
    Protocol,
    Unanswerable,
    Unreadable,
    Unwritable,
    columnar_rows,
    columns_of_rows,
    filled_list,
    member,
    named,
    not_too_many,
    read_json,
    rows_of_columns,
    written,
)
from hyperplan.protocols.tensors import by_row, datatype_of, packed, shaped, unpacked
from hyperplan.schema import AnyFeature, Bool, Category, Float, Int, NumberList, RowType, String

OUTPUT = "predict"
"""What the only output is called when the client does not ask for it by a name."""

DATATYPES: dict[type[AnyFeature], str] = {
    Float: "FP64",
    Int: "INT64",
    Bool: "BOOL",
    String: "BYTES",
    Category: "BYTES",
    NumberList: "FP64",
}
"""The datatype of each kind of feature in the requests that are written."""


class OIP(Protocol):
    """`{"inputs": [{"name": ..., "shape": [n, 1], "datatype": ..., "data": [...]}, ...]}` and the same with `outputs`."""

    name = "oip"
    binary = True

    @classmethod
    def unsayable(cls, feature: AnyFeature) -> str | None:
        if feature.nullable:
            return "it may be null, and a tensor cannot hold null"
        return None if feature.required else "it may be absent, and a tensor has a value for each row"

    # Requests.

    def body_type(self, row: RowType) -> Any:
        """JSON with one tensor for each feature, flat (a list feature: a list of lists); the name says what data must be."""
        tensors = [
            msgspec.defstruct(
                "Tensor",
                [("shape", list[int]), ("datatype", str), ("data", list[_accepted(feature)])],  # type: ignore[misc]
                tag_field="name",
                tag=name,
            )
            for name, feature in self.speaker.features.items()
        ]
        # Rows are made of columns here, so the body knows their type and the order of its fields.
        inputs: Any = list[Union[tuple(tensors)]]  # type: ignore[misc] # noqa: UP007 - as many as there are features
        names = {attribute: name for name, attribute in row.attributes.items()}
        order = tuple(names[field] for field in row.struct.__struct_fields__ if field in names)
        return msgspec.defstruct("Body", [("inputs", inputs)], namespace={"row": row.struct, "order": order})

    def decoded_rows(self, body: Any) -> Sequence[Any]:
        features = self.speaker.features
        columns: dict[str, Any] = {}
        count = body.inputs[0].shape[0] if body.inputs and body.inputs[0].shape else 0
        for tensor in body.inputs:
            name: str = tensor.__struct_config__.tag
            feature = features[name]
            shapes = [[count, feature.length]] if isinstance(feature, NumberList) else [[count], [count, 1]]
            if len(tensor.data) != count or tensor.shape not in shapes or name in columns:
                return ()
            columns[name] = tensor.data
        if any(feature.required and name not in columns for name, feature in features.items()):
            return ()
        if count * (len(features) - len(columns)) > SPARSE:
            return ()
        return list(map(body.row, *(columns.get(name) or repeat(UNSET, count) for name in body.order)))

    def loaded(self, body: Body) -> Any:
        """As every protocol, and with the data of binary tensors in its place.

        Raises:
            Unreadable: the binary data is not what the JSON says.
        """
        if body.json_length is None:
            return read_json(body.content)
        if body.json_length > len(body.content):
            raise Unreadable(f"its JSON should have {body.json_length} bytes, and the body has {len(body.content)}")
        message = read_json(body.content[: body.json_length])
        place = body.json_length
        for tensor in _tensors_in(message):
            parameters = tensor.get("parameters")
            size = parameters.get("binary_data_size") if isinstance(parameters, dict) else None
            if size is None:
                continue
            if type(size) is not int or not 0 <= size <= len(body.content) - place:
                raise Unreadable(f"'binary_data_size' is {size!r}, and there are {len(body.content) - place} bytes")
            tensor["data"] = unpacked(tensor.get("datatype"), body.content[place : place + size])
            place += size
        if place != len(body.content):
            raise Unreadable(f"there are {len(body.content) - place} bytes of binary data that no tensor has")
        return message

    def rows(self, message: Any) -> list[Any]:
        tensors = _named_tensors(message, "inputs")
        features = self.speaker.features
        known = set(features).union(*(feature.aliases for feature in features.values()))
        if len(tensors) == 1 and not known & tensors.keys():
            ((name, tensor),) = tensors.items()
            only = next(iter(features.values())) if len(features) == 1 else None
            rows = by_row(tensor, lists=only is None or isinstance(only, NumberList))
            not_too_many(len(rows), name)
            if only is not None or all(isinstance(row, list) and len(row) == len(features) for row in rows):
                return named(rows, features)
            return [{name: row} for row in rows]
        columns = {
            name: by_row(tensor, lists=isinstance(features.get(name), NumberList)) for name, tensor in tensors.items()
        }
        return columnar_rows(columns, "inputs")

    def form(self, message: Any) -> Form:
        _asked_for(message)
        return Form(members={key: message[key] for key in ("id", "outputs", "parameters") if key in message})

    def request(self, rows: Sequence[Mapping[str, Any]], form: Form = PLAIN) -> Body:
        """One tensor for each feature that the rows have, marked as the columns of a data frame.

        The outputs that are asked for are that of the speaker, or else those that the client asks for.
        """
        inputs = [
            _input(name, feature, [row.get(name, UNSET) for row in rows])
            for name, feature in self.speaker.features.items()
            if any(name in row for row in rows)
        ]
        if not inputs:
            raise Unwritable("the rows have none of the features")
        asked = [self.speaker.output] if self.speaker.output else [name for name, _ in _asked_for(form.members)]
        outputs = {"outputs": [{"name": name} for name in asked]} if asked else {}
        return written(_id(form) | {"parameters": {"content_type": "pd"}, "inputs": inputs} | outputs)

    # Answers.

    def predictions(self, message: Any) -> list[Any]:
        tensors = _named_tensors(message, "outputs")
        output = self.speaker.output
        if output is not None:
            tensors = {name: tensor for name, tensor in tensors.items() if name == output}
        columns = {name: by_row(tensor) for name, tensor in tensors.items()}
        if len(columns) == 1 and output is None:
            return next(iter(columns.values()))
        return rows_of_columns(columns, "outputs")

    def answer(self, predictions: Sequence[Any], form: Form = PLAIN) -> Body:
        asked = _asked_for(form.members)
        parameters = form.members.get("parameters")
        all_binary = isinstance(parameters, dict) and parameters.get("binary_data_output") is True
        outputs: list[dict[str, Any]] = []
        blobs: list[bytes] = []
        for name, values in _outputs(predictions, [name for name, _ in asked]).items():
            shape, flat = shaped(values)
            datatype = datatype_of(flat)
            output: dict[str, Any] = {"name": name, "shape": shape, "datatype": datatype}
            binary = dict(asked).get(name)
            if all_binary if binary is None else binary:
                blobs.append(packed(datatype, flat))
                outputs.append(output | {"parameters": {"binary_data_size": len(blobs[-1])}})
            else:
                outputs.append(output | {"data": flat})
        head = written({"model_name": self.speaker.name} | _id(form) | {"outputs": outputs})
        if not blobs:
            return head
        return Body(b"".join([head.content, *blobs]), "application/octet-stream", len(head.content))


def _accepted(feature: AnyFeature) -> Any:
    """The msgspec type of the good values of a feature."""
    return feature.accepted() | None if feature.nullable else feature.accepted()


def _tensors_in(message: Any) -> list[dict[str, Any]]:
    """The tensors of a request or an answer, as far as it has any."""
    if not isinstance(message, dict):
        return []
    listed = message.get("inputs" if "inputs" in message else "outputs")
    return [tensor for tensor in listed if isinstance(tensor, dict)] if isinstance(listed, list) else []


def _named_tensors(message: Any, key: str) -> dict[str, Any]:
    tensors = {}
    for tensor in filled_list(member(message, key), key):
        name = member(tensor, "name")
        if not isinstance(name, str) or name in tensors:
            raise Unreadable(f"each tensor of {key!r} must have a name of its own")
        tensors[name] = tensor
    return tensors


def _asked_for(message: Mapping[str, Any]) -> list[tuple[str, bool | None]]:
    """The outputs that a request asks for, and whether in binary; None where it does not say."""
    if message.get("outputs") is None:
        return []
    if not isinstance(message["outputs"], list):
        raise Unreadable("'outputs' must be a list of objects with a name")
    asked: list[tuple[str, bool | None]] = []
    for output in message["outputs"]:
        name, parameters = member(output, "name"), output.get("parameters")
        if not isinstance(name, str) or not _is_text(name):
            raise Unreadable("'outputs' must be a list of objects with a name")
        binary = parameters.get("binary_data") if isinstance(parameters, dict) else None
        asked.append((name, binary if isinstance(binary, bool) else None))
    return asked


def _id(form: Form) -> dict[str, Any]:
    """The id of a request, which its answer echoes."""
    found = form.members.get("id")
    return {"id": found} if isinstance(found, str) and found and _is_text(found) else {}


def _is_text(value: str) -> bool:
    """Whether a string can be written at all; half a surrogate pair cannot."""
    return value.isascii() or not any("\ud800" <= character <= "\udfff" for character in value)


def _input(name: str, feature: AnyFeature, values: list[Any]) -> dict[str, Any]:
    datatype = DATATYPES[type(feature)]
    if not _are_sayable(feature, values):
        row, reason = next((row, reason) for row, value in enumerate(values) if (reason := _unsaid(feature, value)))
        raise Unwritable(f"row {row}: {name}: {reason}")
    shape, flat = shaped(values)
    found = {"name": name, "shape": shape, "datatype": datatype}
    return found | ({"parameters": {"content_type": "str"}} if datatype == "BYTES" else {}) | {"data": flat}


NUMBERS = frozenset({int, float})
KINDS: dict[type[AnyFeature], frozenset[type]] = {
    Float: NUMBERS,
    Int: frozenset({int}),
    Bool: frozenset({bool}),
    String: frozenset({str}),
    Category: frozenset({str}),
}


def _are_sayable(feature: AnyFeature, values: list[Any]) -> bool:
    """Whether a tensor of a feature can hold all of these values."""
    if isinstance(feature, NumberList):
        return all(
            type(value) is list and len(value) == feature.length and NUMBERS.issuperset(map(type, value))
            for value in values
        )
    if not KINDS[type(feature)].issuperset(map(type, values)):
        return False
    return not isinstance(feature, Int) or (min(values) >= -(2**63) and max(values) < 2**63)


def _unsaid(feature: AnyFeature, value: Any) -> str | None:
    """Why a tensor of a feature cannot hold a value; None if it can."""
    if value is UNSET:
        return "other rows have it, and a tensor has a value for each"
    if value is None:
        return "a tensor cannot hold null"
    return None if _are_sayable(feature, [value]) else f"a tensor of {DATATYPES[type(feature)]} holds {feature.noun()}"


def _outputs(predictions: Sequence[Any], asked: list[str]) -> dict[str, Sequence[Any]]:
    """The named outputs of an answer: those that are asked for, or all that there are."""
    if not any(isinstance(prediction, dict) for prediction in predictions):
        if len(asked) > 1:
            raise Unanswerable(f"the outputs {', '.join(asked)} are asked for, and the predictions are but one")
        return {(asked or [OUTPUT])[0]: predictions}
    columns = columns_of_rows(predictions)
    if columns is None:
        raise Unwritable("predictions that do not all have the same names are no tensors")
    missing = [name for name in asked if name not in columns]
    if missing:
        raise Unanswerable(f"the output {missing[0]!r} is asked for, and the predictions have it not")
    return {name: columns[name] for name in asked or columns}

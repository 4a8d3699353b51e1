"""Tensors as the Open Inference Protocol has them: a name, a shape, a datatype and flat data, in JSON or in binary.

The first dimension counts rows. A tensor of shape [n] or [n, 1] has one value for each of them, any other a vector or a
nested list. In binary, numbers are little-endian and a string is four bytes of length, then UTF-8. See
https://kserve.github.io/website/docs/concepts/architecture/data-plane/v2-protocol.
"""

import math
import struct
from collections.abc import Iterator, Sequence
from typing import Any

from hyperplan.protocols.base import Unreadable, Unwritable

NUMBERS = {
    "BOOL": "?",
    "UINT8": "B",
    "UINT16": "H",
    "UINT32": "I",
    "UINT64": "Q",
    "INT8": "b",
    "INT16": "h",
    "INT32": "i",
    "INT64": "q",
    "FP16": "e",
    "FP32": "f",
    "FP64": "d",
}
"""How `struct` calls the datatypes; BYTES, the strings, are besides them."""

DEEPEST = 32
"""Dimensions of a tensor at most."""

MOST_LISTS = 100_000
"""Lists that the rows of a tensor may be made of, if it has fewer values than that. Dimensions of one item each cost a body nothing, and a
list for each value."""


def unpacked(datatype: Any, data: bytes) -> list[Any]:
    """The values in binary data.

    Raises:
        Unreadable: it is no data of this type.
    """
    if datatype == "BYTES":
        return list(_strings(data))
    if not isinstance(datatype, str) or datatype not in NUMBERS:
        raise Unreadable(f"the datatype {datatype!r} is none that is known here")
    code = NUMBERS[datatype]
    count, rest = divmod(len(data), struct.calcsize(f"<{code}"))
    if rest:
        raise Unreadable(f"{len(data)} bytes are no whole number of {datatype}")
    return list(struct.unpack(f"<{count}{code}", data))


def _strings(data: bytes) -> Iterator[str]:
    place = 0
    while place < len(data):
        start = place + 4
        place = start + int.from_bytes(data[place:start], "little")
        if place > len(data):
            raise Unreadable("a string is longer than the data that is there")
        try:
            yield data[start:place].decode()
        except UnicodeDecodeError:
            raise Unreadable("a string is not UTF-8") from None


def packed(datatype: str, values: Sequence[Any]) -> bytes:
    """Values in binary; what is None among numbers is NaN."""
    if datatype == "BYTES":
        encoded = [value.encode() for value in values]
        return b"".join(len(value).to_bytes(4, "little") + value for value in encoded)
    if datatype == "FP64":
        values = [math.nan if value is None else float(value) for value in values]
    return struct.pack(f"<{len(values)}{NUMBERS[datatype]}", *values)


def by_row(tensor: Any, lists: bool = False) -> list[Any]:
    """The value of a tensor in each row.

    `lists` says that each value is a list, even one of a single item.

    Raises:
        Unreadable: it is no tensor, or its data does not fill its shape.
    """
    if not isinstance(tensor, dict):
        raise Unreadable("a tensor must be an object with name, shape, datatype and data")
    name, shape, datatype = tensor.get("name"), tensor.get("shape"), tensor.get("datatype")
    if not isinstance(name, str) or not isinstance(datatype, str):
        raise Unreadable("a tensor must have a name and a datatype")
    if not isinstance(shape, list) or not all(type(size) is int and size > 0 for size in shape):
        raise Unreadable(f"the shape of {name!r} must be a list of sizes above 0")
    if not 0 < len(shape) <= DEEPEST:
        raise Unreadable(f"{name!r} must have from 1 to {DEEPEST} dimensions; the first counts rows")
    values = tensor.get("data")
    if not isinstance(values, list):
        raise Unreadable(f"the data of {name!r} must be a list")
    for size in shape[1:]:
        if values and all(isinstance(value, list) and len(value) == size for value in values):
            values = [item for value in values for item in value]
    if len(values) != math.prod(shape):
        raise Unreadable(f"{name!r} has {len(values)} values, which do not fill its shape {shape}")
    alone = len(shape) == 2 and shape[1] == 1 and not lists
    if not alone and _lists_in(shape) > max(len(values), MOST_LISTS):
        raise Unreadable(f"the shape {shape} of {name!r} would make far more lists than it has values")
    if datatype == "BOOL":
        values = [bool(value) if value in (0, 1) else value for value in values]
    if alone:
        return values
    for size in reversed(shape[1:]):
        values = [values[start : start + size] for start in range(0, len(values), size)]
    return values


def _lists_in(shape: Sequence[int]) -> int:
    """How many lists the values in the rows of a tensor are made of."""
    return sum(math.prod(shape[:dimensions]) for dimensions in range(1, len(shape)))


def shaped(values: Sequence[Any]) -> tuple[list[int], list[Any]]:
    """The shape and the flat data of one value for each row.

    Raises:
        Unwritable: the values do not have the same shape.
    """
    shape, flat = [len(values)], list(values)
    while flat and all(isinstance(value, list) for value in flat):
        size = len(flat[0])
        if size == 0 or any(len(value) != size for value in flat) or len(shape) == DEEPEST:
            raise Unwritable("values of different or no length are no tensor")
        shape.append(size)
        flat = [item for value in flat for item in value]
    return (shape if len(shape) > 1 else [*shape, 1]), flat


def datatype_of(values: Sequence[Any]) -> str:
    """The datatype that holds all of these values: true and false, integers, numbers (and null), or strings.

    Raises:
        Unwritable: there is none.
    """
    kinds = {type(value) for value in values}
    if kinds == {bool}:
        return "BOOL"
    if kinds == {str}:
        return "BYTES"
    if kinds == {int}:
        least, most = min(values), max(values)
        if least >= -(2**63) and most < 2**63:
            return "INT64"
        if least >= 0 and most < 2**64:
            return "UINT64"
        raise Unwritable("an integer beyond 64 bits fits no tensor")
    if kinds <= {int, float, type(None)}:
        if any(type(value) is int and not _is_double(value) for value in values):
            raise Unwritable("an integer that is no double cannot stand among numbers that are")
        return "FP64"
    raise Unwritable("numbers, strings, truth values and objects do not mix in a tensor")


def _is_double(value: int) -> bool:
    try:
        return float(value) == value
    except OverflowError:
        return False

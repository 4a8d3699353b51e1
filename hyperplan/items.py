"""Bodies that hold one thing, an array of them, or one a line: each thing with its place, for whoever has to say what is wrong with it."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import msgspec

from hyperplan.problems import Invalid, Problem, pointer

JSON, LINES, MSGPACK = "application/json", "application/x-ndjson", "application/msgpack"


TYPES = (JSON, LINES, MSGPACK)


class UnreadType(Exception):
    """A media type that nothing reads; the message names those that are."""


class Item(NamedTuple):
    """One of what was sent, and where it stands."""

    data: Any
    pointer: str = ""
    line: int | None = None


def items_of(kind: str, body: bytes) -> list[Item]:
    """What a body holds, one by one.

    Raises:
        UnreadType: it is of none of the types that are read.
        Invalid: it is not what its type says.
    """
    read = _READERS.get(kind)
    if read is None:
        raise UnreadType(f"the body must be one of {', '.join(TYPES)}, not {kind[:100]}")
    try:
        return list(read(body))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Invalid([Problem("", f"the body cannot be read: {_lowered(error)}{_HINTS.get(kind, '')}")]) from None


def _lowered(error: Exception) -> str:
    message = str(error)
    return message[:1].lower() + message[1:]


def _of_document(data: Any) -> Iterator[Item]:
    if not isinstance(data, list):
        yield Item(data)
        return
    for index, item in enumerate(data):
        yield Item(item, pointer(index))


def _of_json(body: bytes) -> Iterator[Item]:
    yield from _of_document(msgspec.json.decode(body))


def _of_msgpack(body: bytes) -> Iterator[Item]:
    yield from _of_document(msgspec.msgpack.decode(body))


def _of_lines(body: bytes) -> Iterator[Item]:
    index = 0
    for number, line in enumerate(body.split(b"\n"), 1):
        if not line.strip():
            continue
        try:
            data = msgspec.json.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise Invalid([Problem(pointer(index), f"is no JSON: {_lowered(error)}", number)]) from None
        yield Item(data, pointer(index), number)
        index += 1


_READERS: Mapping[str, Callable[[bytes], Iterator[Item]]] = {
    "": _of_json,
    JSON: _of_json,
    "application/x-www-form-urlencoded": _of_json,  # what curl says of any --data
    LINES: _of_lines,
    "application/jsonl": _of_lines,
    "application/x-jsonlines": _of_lines,
    MSGPACK: _of_msgpack,
    "application/x-msgpack": _of_msgpack,
    "application/vnd.msgpack": _of_msgpack,
}
"""How a body is read, by its media type."""

_HINTS = {JSON: f"; one object a line is {LINES}", "": f"; one object a line is {LINES}"}

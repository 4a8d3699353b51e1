"""Field blocks that stand alone (RFC 7541, with a dynamic table of size 0): bytes in, names and values out.

Without a dynamic table a representation means the same in every block: an index above the 61 static entries is an
error, and so is a table size update to anything but 0. That is what makes it sound to remember what bytes meant.
"""

from typing import NamedTuple

from hpack.exceptions import HPACKDecodingError
from hpack.table import HeaderTable

from extproc.transports.h2 import huffman

TABLE_SIZE_ZERO = 0x20
"""The dynamic table size update to 0, one byte, with which a block may begin."""

_STATIC: tuple[tuple[bytes, bytes], ...] = ((b"", b""), *HeaderTable.STATIC_TABLE)
_MOST_CONTINUED = 4
"""Bytes that may continue an integer: 28 bits, more than any block is long."""
_MOST_NAMES = 256
_LONGEST_NAME_KEPT = 64

_names: dict[bytes, bytes] = {}


class Field(NamedTuple):
    """A field, and where its representation ends in the block.

    The string of its value begins at `string`; that of a field whose value is in the static table, nowhere (0).
    """

    name: bytes
    value: bytes
    end: int
    string: int


def skip_size_updates(block: bytes) -> int:
    """Where the fields of a block begin.

    Raises:
        HPACKDecodingError: the block wants a dynamic table.
    """
    start = 0
    while start < len(block) and block[start] & 0xE0 == TABLE_SIZE_ZERO:
        if block[start] != TABLE_SIZE_ZERO:
            raise HPACKDecodingError("a dynamic table size update above the limit of 0")
        start += 1
    return start


def read_field(block: bytes, start: int) -> Field:
    """The field whose representation begins at `start`.

    Raises:
        HPACKDecodingError: there is none that stands alone.
    """
    try:
        first = block[start]
        if first & 0x80:
            index, end = _read_integer(block, start, 0x7F)
            name, value = _static(index)
            return Field(name, value, end, 0)
        if first & 0x40:
            index, end = _read_integer(block, start, 0x3F)
        elif first & 0x20:
            raise HPACKDecodingError("a dynamic table size update behind a field")
        else:
            index, end = _read_integer(block, start, 0x0F)
        if index:
            name = _static(index)[0]
        else:
            name, end = _read_name(block, end)
        string = end
        value, end = read_string(block, string)
    except IndexError:
        raise HPACKDecodingError("a field block is cut off") from None
    return Field(name, value, end, string)


def _static(index: int) -> tuple[bytes, bytes]:
    if not 0 < index < len(_STATIC):
        raise HPACKDecodingError(f"index {index} is not in the static table, and the dynamic one has size 0")
    return _STATIC[index]


def _read_integer(block: bytes, start: int, prefix: int) -> tuple[int, int]:
    """An integer (section 5.1) whose first bits are those of `prefix`, and where it ends."""
    value = block[start] & prefix
    start += 1
    if value < prefix:
        return value, start
    for shift in range(0, 7 * _MOST_CONTINUED, 7):
        byte = block[start]
        start += 1
        value += (byte & 0x7F) << shift
        if byte < 0x80:
            return value, start
    raise HPACKDecodingError("an integer is too long")


def _read_name(block: bytes, start: int) -> tuple[bytes, int]:
    """A name; those that come again and again are decoded once."""
    length, begin = _read_integer(block, start, 0x7F)
    end = begin + length
    coded = block[start:end]
    name = _names.get(coded)
    if name is None:
        name, _ = read_string(block, start)
        if length <= _LONGEST_NAME_KEPT:
            if len(_names) >= _MOST_NAMES:
                _names.clear()
            _names[coded] = name
    return name, end


def read_string(block: bytes, start: int) -> tuple[bytes, int]:
    """A string (section 5.2), and where it ends.

    Raises:
        HPACKDecodingError: there is none.
        IndexError: the block ends before its length.
    """
    length, begin = _read_integer(block, start, 0x7F)
    end = begin + length
    if end > len(block):
        raise HPACKDecodingError("a string is cut off")
    coded = block[begin:end]
    return (huffman.decode(coded) if block[start] & 0x80 else coded), end

"""Arrays of counts as short byte strings.

Summaries hold their arrays in this form: immutable, comparable, and already what goes over the wire. Counts and the
steps between sorted keys are mostly small, so each array takes the fewest bytes per item that its largest item needs.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]

_WIDTHS = (1, 2, 4, 8)


def packed(values: Integers) -> bytes:
    """Integers from 0 to 2**63 - 1 as bytes: the width of an item, then the items, little-endian.

    >>> packed(np.array([1, 2, 300]))
    b'\\x02\\x01\\x00\\x02\\x00,\\x01'
    """
    if not values.size:
        return b""
    largest = int(values.max())
    width = next(width for width in _WIDTHS if largest < 1 << 8 * width)
    return bytes([width]) + values.astype(f"<u{width}").tobytes()


def unpacked(data: bytes) -> Integers:
    """The integers that `packed` wrote.

    Raises:
        ValueError: it wrote no such bytes.
    """
    return raw(data).astype(np.int64)


def raw(data: bytes) -> NDArray[np.unsignedinteger[Any]]:
    """The same integers as they stand in the bytes, which is quicker: to look at, not to compute with.

    Raises:
        ValueError: `packed` wrote no such bytes.
    """
    if not data:
        return _NONE
    width = data[0]
    if width not in _WIDTHS or (len(data) - 1) % width:
        raise ValueError("not a packed array of integers")
    values: NDArray[np.unsignedinteger[Any]] = np.frombuffer(data, _TYPES[width], offset=1)
    if width == 8 and values.size and int(values.max()) >= 1 << 62:
        raise ValueError("an integer of a packed array is out of range")
    return values


_TYPES = {width: np.dtype(f"<u{width}") for width in _WIDTHS}
_NONE = np.zeros(0, np.uint8)

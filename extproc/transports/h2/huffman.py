"""Huffman-coded strings (RFC 7541, section 5.2), a byte at a step.

The hpack library's state machine takes half a byte at a step. Two of its steps make one of ours. Those of a state are worked
out together when it is first met, and stand side by side: a `traceparent` is new in every request, so this is hot, and what it
walks through should be little and close together.
"""

from hpack.exceptions import HPACKDecodingError
from hpack.huffman_table import HUFFMAN_COMPLETE, HUFFMAN_EMIT_SYMBOL, HUFFMAN_FAIL, HUFFMAN_TABLE

_STATES = 256


class _Row:
    """What each byte does in one state: the next state, what is decoded, and whether the string may end there.

    What is decoded is None behind EOS or wrong padding.
    """

    __slots__ = ("complete", "next", "symbols")

    def __init__(self, state: int) -> None:
        steps = [_step(state, byte) for byte in range(256)]
        self.next = bytes(following for following, _, _ in steps)
        self.symbols = [symbols for _, symbols, _ in steps]
        self.complete = bytes(complete for _, _, complete in steps)


def _step(state: int, byte: int) -> tuple[int, bytes | None, bool]:
    decoded = bytearray()
    flags = 0
    for half in (byte >> 4, byte & 0xF):
        state, flags, symbol = HUFFMAN_TABLE[state << 4 | half]
        if flags & HUFFMAN_FAIL:
            return 0, None, False
        if flags & HUFFMAN_EMIT_SYMBOL:
            decoded.append(symbol)
    return state, bytes(decoded), bool(flags & HUFFMAN_COMPLETE)


_rows: list[_Row | None] = [None] * _STATES


def decode(coded: bytes) -> bytes:
    """The string behind a code.

    Raises:
        HPACKDecodingError: it is none.
    """
    rows = _rows
    state, complete = 0, 1
    decoded = []
    for byte in coded:
        row = rows[state]
        if row is None:
            row = rows[state] = _Row(state)
        symbols = row.symbols[byte]
        if symbols is None:
            raise HPACKDecodingError("a Huffman-coded string holds EOS or wrong padding")
        decoded.append(symbols)
        state, complete = row.next[byte], row.complete[byte]
    if not complete:
        raise HPACKDecodingError("a Huffman-coded string is cut off")
    return b"".join(decoded)

"""Huffman-coded strings (RFC 7541, section 5.2), a byte at a step.

The hpack library's state machine takes half a byte at a step. Two of its steps make one of ours, which is worked out
when it is first needed and remembered: there are at most 65,536, and a few hundred in practice. A `traceparent` is new
in every request, so this is hot.
"""

from hpack.exceptions import HPACKDecodingError
from hpack.huffman_table import HUFFMAN_COMPLETE, HUFFMAN_EMIT_SYMBOL, HUFFMAN_FAIL, HUFFMAN_TABLE


class _Steps(dict[int, tuple[int, bytes, bool]]):
    """(state, byte) -> (next state, what was decoded, whether the string may end here).

    States stand in the upper bits, so that state and byte are joined with `|`.
    """

    def __missing__(self, key: int) -> tuple[int, bytes, bool]:
        state = key >> 8
        decoded = bytearray()
        flags = 0
        for half in (key >> 4 & 0xF, key & 0xF):
            state, flags, symbol = HUFFMAN_TABLE[state << 4 | half]
            if flags & HUFFMAN_FAIL:
                raise HPACKDecodingError("a Huffman-coded string holds EOS or wrong padding")
            if flags & HUFFMAN_EMIT_SYMBOL:
                decoded.append(symbol)
        step = self[key] = (state << 8, bytes(decoded), bool(flags & HUFFMAN_COMPLETE))
        return step


_steps = _Steps()


def decode(coded: bytes) -> bytes:
    """The string behind a code.

    Raises:
        HPACKDecodingError: it is none.
    """
    steps = _steps
    state, complete = 0, True
    decoded = []
    for byte in coded:
        state, symbols, complete = steps[state | byte]
        decoded.append(symbols)
    if not complete:
        raise HPACKDecodingError("a Huffman-coded string is cut off")
    return b"".join(decoded)

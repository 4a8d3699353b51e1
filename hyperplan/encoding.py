"""How observations travel: msgpack with no schema but the names of the fields, so that planes of different versions understand each
other. Unknown fields are passed over, and missing ones take their defaults.

Text that clients sent may hold halves of surrogate pairs, which JSON lets through; they survive the way.
"""

from functools import cache
from typing import TypeVar

import msgpack
import msgspec

T = TypeVar("T", bound=msgspec.Struct)

LARGEST = 1 << 20
"""Bytes of an encoded observation with all that it holds."""


def packed(observation: msgspec.Struct) -> bytes:
    """An observation as msgpack."""
    data: bytes = msgpack.packb(msgspec.to_builtins(observation), unicode_errors="surrogatepass")
    return data


def unpacked(data: bytes, kind: type[T], what: str) -> T:
    """Read an observation that `packed` wrote.

    Raises:
        ValueError: it is none of this kind; `what` is what it is called.
    """
    try:
        read: T = _decoder(kind).decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        pass  # it holds half a surrogate pair, or is none of this kind; what is slower reads the one, and says of the other why
    else:
        return read
    try:
        return msgspec.convert(msgpack.unpackb(data, unicode_errors="surrogatepass"), kind)
    except (msgpack.UnpackException, msgspec.ValidationError, RecursionError, ValueError) as error:
        raise ValueError(f"not a {what}: {error}") from None


@cache
def _decoder(kind: type[T]) -> msgspec.msgpack.Decoder[T]:
    return msgspec.msgpack.Decoder(kind)

"""Content codings of answers: the two that the standard library knows, within a limit.

Models are asked for answers that are not compressed. Some compress all the same, and what can be read should be.
"""

import zlib

LARGEST = 64 << 20
"""Bytes of a body that is read or written here: as many as an endpoint may allow for a request."""

_WINDOWS = {b"gzip": (31,), b"x-gzip": (31,), b"deflate": (15, -15)}
"""zlib's names of the formats to try. Some send deflate without the frame that RFC 9110 (8.4.1.2) wants around it."""


class Undecodable(ValueError):
    """A body whose coding nobody knows, or that is not in it; the message says which."""


def is_identity(coding: bytes | None) -> bool:
    """Whether a body with this `content-encoding` is as it stands."""
    return coding is None or coding.strip().lower() in (b"", b"identity")


def decoded(content: bytes, coding: bytes | None) -> bytes:
    """A body without its coding.

    Raises:
        Undecodable: it is in a coding that is not known here, or cut off, or has more than `LARGEST` bytes.
    """
    if coding is None or is_identity(coding):
        return content
    name = coding.strip().lower()
    if name not in _WINDOWS:
        raise Undecodable(f"it is in content-encoding {name.decode('ascii', 'replace')}")
    reason = ""
    for window in _WINDOWS[name]:
        decoder = zlib.decompressobj(window)
        try:
            plain = decoder.decompress(content, LARGEST + 1)
        except zlib.error as error:
            reason = str(error)
            continue
        if len(plain) > LARGEST:
            raise Undecodable(f"it has more than {LARGEST} bytes when decoded")
        if decoder.eof:
            return plain
        reason = "it is cut off"
    raise Undecodable(f"it is not {name.decode()}: {reason}")

"""What makes the fields of a request well formed (RFC 9113, section 8), and what it says.

A malformed request is no error of HPACK: it ends its stream and nothing else, so a flaw is a finding here and not an
exception. Requests that differ only in fields which no rule looks at (`traceparent`, say) are of one `Kind`.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

LARGEST_LIST = 16 << 10
"""Bytes of a request's fields, counted as SETTINGS_MAX_HEADER_LIST_SIZE counts them."""
FIELD_OVERHEAD = 32

_PSEUDO = {b":method", b":scheme", b":path", b":authority"}
_OF_CONNECTIONS = {b"connection", b"proxy-connection", b"keep-alive", b"transfer-encoding", b"upgrade"}
_RULED = {b"te", b"host", b"content-length", b"content-type", *_OF_CONNECTIONS}

# Sections 8.2.1 and 8.3: what a name and a value may not hold. Names of pseudo-headers are looked up, not matched.
_NAME = re.compile(rb"[\x21-\x39\x3b-\x40\x5b-\x7e]+")
_SPACES = b" \t"


class Kind:
    """What requests have in common that differ only in fields which no rule looks at.

    `flaw` says what is malformed, None for nothing. `fields` are the common ones (of a name that stands twice, the last),
    `content_length` what was announced. `verdict` is left to whoever answers, to note what became of such a request.
    """

    __slots__ = ("content_length", "fields", "flaw", "verdict")

    def __init__(self, fields: dict[bytes, bytes], flaw: str | None, content_length: int | None) -> None:
        self.fields = fields
        self.flaw = flaw
        self.content_length = content_length
        self.verdict: Any = None


@dataclass
class Request:
    """The headers of a request: its kind, and the fields that are its own."""

    kind: Kind
    own: tuple[tuple[bytes, bytes], ...]


def is_ruled(name: bytes) -> bool:
    """Whether a rule, of HTTP or of gRPC, looks at more of a field than its characters."""
    return name in _RULED or name.startswith((b":", b"grpc-"))


def is_value(value: bytes) -> bool:
    """Whether a value holds nothing that no value may hold: NUL, CR, LF, or a space at an end (section 8.2.1)."""
    if b"\0" in value or b"\r" in value or b"\n" in value:
        return False
    return not value or (value[0] not in _SPACES and value[-1] not in _SPACES)


def field_flaw(name: bytes, value: bytes) -> str | None:
    """What is wrong with one field taken by itself."""
    if name not in _PSEUDO and not _NAME.fullmatch(name):
        return f"a field may not be named {name[:40]!r}"
    if not is_value(value):
        return f"the value of {name!r} holds NUL, CR or LF, or begins or ends with a space"
    if name in _OF_CONNECTIONS:
        return f"{name!r} is not for HTTP/2"
    if name == b"te" and value != b"trailers":
        return "te may only be trailers"
    return None


def kind_of(fields: Sequence[tuple[bytes, bytes]]) -> Kind:
    """Judge the fields of a request."""
    values = dict(fields)
    lengths = {value for name, value in fields if name == b"content-length"}
    length = lengths.pop() if len(lengths) == 1 else b""
    flaw = _request_flaw(fields, values)
    if flaw is None and (lengths or (b"content-length" in values and not _is_number(length))):
        flaw = "content-length is no number, or several"
    return Kind(values, flaw, int(length) if length and flaw is None else None)


def trailers_flaw(fields: Iterable[tuple[bytes, bytes]]) -> str | None:
    """What is malformed in trailers: as in a request, and there are no pseudo-headers."""
    for name, value in fields:
        if name.startswith(b":"):
            return "pseudo-headers in trailers"
        if flaw := field_flaw(name, value):
            return flaw
    return None


def list_size(fields: Iterable[tuple[bytes, bytes]]) -> int:
    """The size of fields as SETTINGS_MAX_HEADER_LIST_SIZE counts it (section 6.5.2)."""
    return sum(len(name) + len(value) + FIELD_OVERHEAD for name, value in fields)


def _request_flaw(fields: Sequence[tuple[bytes, bytes]], values: dict[bytes, bytes]) -> str | None:
    seen = set()
    regular = False
    for name, value in fields:
        if flaw := field_flaw(name, value):
            return flaw
        if not name.startswith(b":"):
            regular = True
        elif regular:
            return f"{name!r} stands behind a field that is no pseudo-header"
        elif name in seen:
            return f"{name!r} stands twice"
        else:
            seen.add(name)
    return _target_flaw(values)


def _target_flaw(values: dict[bytes, bytes]) -> str | None:
    """Section 8.3.1, and 8.5 for CONNECT."""
    method, authority = values.get(b":method"), values.get(b":authority")
    if not method:
        return ":method is missing"
    if method == b"CONNECT":
        proper = b":scheme" not in values and b":path" not in values and authority
        return None if proper else "CONNECT takes :authority alone"
    if not values.get(b":scheme") or not values.get(b":path"):
        return ":scheme or :path is missing or empty"
    if values[b":scheme"] in (b"http", b"https"):
        path = values[b":path"]
        if not path.startswith(b"/") and not (path == b"*" and method == b"OPTIONS"):
            return ":path is no path"
        if b"@" in (authority or b""):
            return ":authority holds userinfo"
    host = values.get(b"host")
    if host is not None and authority is not None and host.lower() != authority.lower():
        return "host and :authority differ"
    return None


def _is_number(value: bytes) -> bool:
    return value.isdigit() and len(value) <= 18

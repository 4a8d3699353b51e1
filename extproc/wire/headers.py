"""Headers as Envoy sends and takes them: `raw_value`, since a header is not bound to be UTF-8."""

from extproc.wire.external_processing_pb2 import (
    OVERWRITE_IF_EXISTS_OR_ADD,
    HeaderMap,
    HeaderValue,
    HeaderValueOption,
)

_ENTRY = _KEY = 0x0A
_RAW_VALUE = 0x1A
"""The tags of protobuf's wire format: of an entry in the map, and of the key and the value in it."""


class Headers:
    """The headers of a request or an answer, read only as far as somebody asks. `encoded` is a HeaderMap.

    Most requests are asked for two or three of a dozen headers. Those are looked for in the bytes, entry by entry, without
    making anything of the others. For who asks for more there is `whole`.
    """

    __slots__ = ("_encoded", "_values")

    def __init__(self, encoded: bytes) -> None:
        self._encoded = encoded
        self._values: dict[str, bytes] | None = None

    @staticmethod
    def whole(encoded: bytes) -> "Headers":
        """The headers, read all at once.

        Raises:
            DecodeError: these are no headers.
        """
        headers = Headers(encoded)
        headers._parsed()
        return headers

    def get(self, name: str) -> bytes | None:
        """The value of a header; of one that stands twice, the last.

        Raises:
            DecodeError: these are no headers.
        """
        if self._values is not None:
            return self._values.get(name)
        key = name.encode()
        if key not in self._encoded:
            return None
        try:
            found = _find(self._encoded, key)
        except IndexError:  # cut off: a parser says what is wrong
            found = _UNUSUAL
        return found if found is not _UNUSUAL else self._parsed().get(name)

    def target(self) -> tuple[str, str]:
        """Host and path of a request, with the query."""
        return text(self.get(":authority") or b""), text(self.get(":path") or b"")

    def _parsed(self) -> dict[str, bytes]:
        if self._values is None:
            headers = HeaderMap.FromString(self._encoded).headers
            self._values = {header.key: header.raw_value or header.value for header in headers}
        return self._values


_UNUSUAL = b"unusual"
"""What is found in entries that are not written as Envoy writes them, or are long. By identity: a value may be the same."""


def _find(encoded: bytes, key: bytes) -> bytes | None:
    """The value of the last entry with a key, if every entry is a short key and a value below 16 KiB.

    Of a pseudo-header there is one, at the beginning.
    """
    found: bytes | None = None
    only = key.startswith(b":")
    position, end, length = 0, len(encoded), len(key)
    while position < end:
        if end - position < 4 or encoded[position] != _ENTRY:
            return _UNUSUAL
        size = encoded[position + 1]
        position += 2
        if size & 0x80:
            if encoded[position] & 0x80:
                return _UNUSUAL
            size = size & 0x7F | encoded[position] << 7
            position += 1
        following = position + size
        if following > end or size < 2 or encoded[position] != _KEY or encoded[position + 1] & 0x80:
            return _UNUSUAL
        if encoded[position + 1] == length and encoded.startswith(key, position + 2):
            position += 2 + length
            if position == following:
                found = b""
            elif position + 2 <= following and encoded[position] == _RAW_VALUE:
                begin = position + 2 if encoded[position + 1] < 0x80 else position + 3
                found = encoded[begin:following]
                if _size(encoded, position + 1) != len(found):
                    return _UNUSUAL
            else:
                return _UNUSUAL
            if only:
                return found
        position = following
    return found


def _size(encoded: bytes, position: int) -> int:
    """A length of one byte or two."""
    first = encoded[position]
    return first if first < 0x80 else first & 0x7F | encoded[position + 1] << 7


def text(value: bytes) -> str:
    """A value as text, whatever its bytes."""
    return value.decode("utf-8", "replace")


def overwritten(name: str, value: str) -> HeaderValueOption:
    """A mutation that leaves exactly this value, whatever the header was: mutations of a failed attempt persist into the next."""
    return HeaderValueOption(
        header=HeaderValue(key=name, raw_value=value.encode()), append_action=OVERWRITE_IF_EXISTS_OR_ADD
    )

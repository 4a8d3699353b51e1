"""Headers as Envoy sends and takes them: `raw_value`, since a header is not bound to be UTF-8."""

from extproc.wire.external_processing_pb2 import (
    OVERWRITE_IF_EXISTS_OR_ADD,
    HeaderMap,
    HeaderValue,
    HeaderValueOption,
)


class Headers:
    """The headers of a request or an answer, read only as far as somebody asks. `encoded` is a HeaderMap."""

    __slots__ = ("_encoded", "_map", "_values")

    def __init__(self, encoded: bytes) -> None:
        self._encoded = encoded
        self._map = HeaderMap.FromString(encoded)
        self._values: dict[str, bytes] | None = None

    def get(self, name: str) -> bytes | None:
        """The value of a header; of one that stands twice, the last."""
        # A name whose bytes are nowhere is not there, and to find that out costs next to nothing.
        if name.encode() not in self._encoded:
            return None
        if self._values is None:
            self._values = {header.key: _value(header) for header in self._map.headers}
        return self._values.get(name)

    def target(self) -> tuple[str, str]:
        """Host and path of a request, with the query. Pseudo-headers come first, so the others are not looked at."""
        host = path = None
        for header in self._map.headers:
            key = header.key
            if key == ":authority":
                host = _value(header)
            elif key == ":path":
                path = _value(header)
            else:
                continue
            if host is not None and path is not None:
                break
        return text(host or b""), text(path or b"")


def text(value: bytes) -> str:
    """A value as text, whatever its bytes."""
    return value.decode("utf-8", "replace")


def overwritten(name: str, value: str) -> HeaderValueOption:
    """A mutation that leaves exactly this value, whatever the header was: mutations of a failed attempt persist into the next."""
    return HeaderValueOption(
        header=HeaderValue(key=name, raw_value=value.encode()), append_action=OVERWRITE_IF_EXISTS_OR_ADD
    )


def _value(header: HeaderValue) -> bytes:
    return header.raw_value or header.value

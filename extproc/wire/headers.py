"""Headers as Envoy sends and takes them: `raw_value`, since a header is not bound to be UTF-8."""

from extproc.wire.external_processing_pb2 import (
    OVERWRITE_IF_EXISTS_OR_ADD,
    HeaderValue,
    HeaderValueOption,
    HttpHeaders,
)


def header_values(message: HttpHeaders) -> dict[str, bytes]:
    """The headers of a message; of a name that stands twice, the last."""
    return {header.key: header.raw_value or header.value for header in message.headers.headers}


def overwritten(name: str, value: str) -> HeaderValueOption:
    """A mutation that leaves exactly this value, whatever the header was: mutations of a failed attempt persist into the next."""
    return HeaderValueOption(
        header=HeaderValue(key=name, raw_value=value.encode()), append_action=OVERWRITE_IF_EXISTS_OR_ADD
    )

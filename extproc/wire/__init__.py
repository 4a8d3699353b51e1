"""Envoy's external processing messages, as far as Hyperplan speaks them.

`external_processing.proto` is the source; the classes are generated from it (`make proto`) and nobody edits them.
"""

from extproc.wire.external_processing_pb2 import (
    BUFFERED,
    NONE,
    SEND,
    SKIP,
    BodyMutation,
    BodyResponse,
    BodySendMode,
    CommonResponse,
    HeaderMap,
    HeaderMutation,
    HeadersResponse,
    HeaderValue,
    HeaderValueOption,
    HttpBody,
    HttpHeaders,
    HttpStatus,
    HttpTrailers,
    ImmediateResponse,
    ProcessingMode,
    ProcessingRequest,
    ProcessingResponse,
    TrailersResponse,
)
from extproc.wire.headers import Headers, overwritten, text

__all__ = [
    "BUFFERED",
    "NONE",
    "SEND",
    "SKIP",
    "BodyMutation",
    "BodyResponse",
    "BodySendMode",
    "CommonResponse",
    "HeaderMap",
    "HeaderMutation",
    "HeaderValue",
    "HeaderValueOption",
    "Headers",
    "HeadersResponse",
    "HttpBody",
    "HttpHeaders",
    "HttpStatus",
    "HttpTrailers",
    "ImmediateResponse",
    "ProcessingMode",
    "ProcessingRequest",
    "ProcessingResponse",
    "TrailersResponse",
    "overwritten",
    "text",
]

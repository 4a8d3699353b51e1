"""What a cluster says of HTTP to its models: how to speak it, and the filters that each try passes on its way to one.

Most clusters say nothing of filters, so that the router's own apply to them, which write the model's path. A cluster over models that must be
translated for, or that hand over to one another, has a chain in their place, which ends at the stage that translates:

    header mutation    tells the stage which model was picked, and where it wants to be asked
    ext_proc           asks the stage
    upstream codec     writes the request

The aggregate's filters count, not those of the model's cluster under it. They run for each try, and headers that a
failed try was given are still there in the next: all are written absolutely.
"""

import functools
from collections.abc import Mapping
from datetime import timedelta

from google.protobuf.any_pb2 import Any
from google.protobuf.message import Message
from google.protobuf.wrappers_pb2 import BoolValue

from extproc.wire.external_processing_pb2 import (
    NONE,
    OVERWRITE_IF_EXISTS_OR_ADD,
    SEND,
    HeaderValue,
    HeaderValueOption,
    HttpStatus,
    ProcessingMode,
)
from extproc.wire.resources_pb2 import (
    ExternalProcessor,
    GrpcService,
    HeaderForwardingRules,
    HeaderMutationFilter,
    HeaderMutationRules,
    Http1ProtocolOptions,
    HttpFilter,
    HttpProtocolOptions,
    ListStringMatcher,
    StringMatcher,
    UpstreamCodec,
    UpstreamHttpProtocolOptions,
)
from extproc.xds.packing import packed
from hyperplan.endpoint import WITHHELD_HEADERS

METADATA = "hyperplan"
"""The namespace in a model's metadata. Its keys are `model`, the name, and `path`, as in a request line."""

ADAPT = "hyperplan.adapt"
"""The name of the filter that asks the stage, and of the cluster in Envoy's own configuration that leads to it."""

_KEY = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
_IDLE_TIMEOUT = timedelta(seconds=1)
_LONGEST_WAIT = 5.0
"""Seconds that a try waits for the sidecar at most: more than it needs when dozens of large answers wait for it. New requests do not come here
while the sidecar is stuck, so a shorter limit would save nobody anything.
"""
_SHARE_OF_TRY = 0.9
"""A stuck sidecar is told from a slow model before the try is over: the next model would be asked through the same sidecar."""


@functools.cache
def plain(longest: float | None = None) -> Mapping[str, Any]:
    """The options of a cluster without filters of its own. `longest` is how many seconds a try may take."""
    return {_KEY: packed(_options(longest))}


@functools.cache
def adapting(longest: float, *, shadow: bool) -> Mapping[str, Any]:
    """The options of a cluster whose tries are translated. `longest` is how many seconds a try may take."""
    options = _options(None)
    options.http_filters.extend(
        [_telling(shadow), _asking(longest), _filter("envoy.filters.http.upstream_codec", UpstreamCodec())]
    )
    return {_KEY: packed(options)}


def _options(longest: float | None) -> UpstreamHttpProtocolOptions:
    """HTTP/1.1. An idle connection is closed after a second, before the server does so: the web
    servers under models wait between two and five, and a request that meets a closing connection is lost.
    """
    http1 = UpstreamHttpProtocolOptions.ExplicitHttpConfig(http_protocol_options=Http1ProtocolOptions())
    common = HttpProtocolOptions(idle_timeout=_IDLE_TIMEOUT)
    if longest is not None:
        common.max_stream_duration.FromTimedelta(timedelta(seconds=longest))
    return UpstreamHttpProtocolOptions(common_http_protocol_options=common, explicit_http_config=http1)


def _telling(shadow: bool) -> HttpFilter:
    values = {
        "x-hyperplan-path": f"%UPSTREAM_METADATA({METADATA}:path)%",
        "x-hyperplan-target": f"%UPSTREAM_METADATA({METADATA}:model)%",
    }
    if shadow:
        values["x-hyperplan-shadow"] = "1"
    changes = [HeaderMutationFilter.Change(append=_written(name, value)) for name, value in values.items()]
    mutations = HeaderMutationFilter.Mutations(request_mutations=changes)
    return _filter("hyperplan.tell-target", HeaderMutationFilter(mutations=mutations))


def _written(name: str, value: str) -> HeaderValueOption:
    return HeaderValueOption(
        header=HeaderValue(key=name, value=value.encode()), append_action=OVERWRITE_IF_EXISTS_OR_ADD
    )


def _asking(longest: float) -> HttpFilter:
    withheld = [StringMatcher(exact=name) for name in sorted(WITHHELD_HEADERS)]
    return _filter(
        ADAPT,
        ExternalProcessor(
            grpc_service=GrpcService(envoy_grpc=GrpcService.EnvoyGrpc(cluster_name=ADAPT)),
            message_timeout=timedelta(seconds=min(_LONGEST_WAIT, _SHARE_OF_TRY * longest)),
            # Envoy does not try again when the sidecar is away: it would be away for the next model too.
            status_on_error=HttpStatus(code=503),
            # Bodies are asked for: what needs no translation passes, and so does a stream.
            processing_mode=ProcessingMode(
                request_header_mode=SEND, response_header_mode=SEND, request_body_mode=NONE, response_body_mode=NONE
            ),
            allow_mode_override=True,
            mutation_rules=HeaderMutationRules(allow_all_routing=BoolValue(value=True)),
            forward_rules=HeaderForwardingRules(disallowed_headers=ListStringMatcher(patterns=withheld)),
        ),
    )


def _filter(name: str, configuration: Message) -> HttpFilter:
    return HttpFilter(name=name, typed_config=packed(configuration))

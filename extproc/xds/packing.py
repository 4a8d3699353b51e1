"""Messages as `google.protobuf.Any`, under the names that Envoy knows them by.

The classes are subsets of Envoy's, with names of their own; only here is it written down which of Envoy's messages each
stands for. A test starts from this table to hold every field to Envoy's definition of it.
"""

from collections.abc import Mapping

from google.protobuf.any_pb2 import Any
from google.protobuf.message import Message

from extproc.wire import resources_pb2 as wire

ENVOY_NAMES: Mapping[type[Message], str] = {
    wire.Cluster: "envoy.config.cluster.v3.Cluster",
    wire.RouteConfiguration: "envoy.config.route.v3.RouteConfiguration",
    wire.RouteList: "envoy.config.route.v3.RouteList",
    wire.HttpRequestHeaderMatchInput: "envoy.type.matcher.v3.HttpRequestHeaderMatchInput",
    wire.AggregateClusterConfig: "envoy.extensions.clusters.aggregate.v3.ClusterConfig",
    wire.UpstreamHttpProtocolOptions: "envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
    wire.UpstreamTlsContext: "envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
    wire.ExtProcPerRoute: "envoy.extensions.filters.http.ext_proc.v3.ExtProcPerRoute",
    wire.HeaderMutationFilter: "envoy.extensions.filters.http.header_mutation.v3.HeaderMutation",
    wire.ExternalProcessor: "envoy.extensions.filters.http.ext_proc.v3.ExternalProcessor",
    wire.UpstreamCodec: "envoy.extensions.filters.http.upstream_codec.v3.UpstreamCodec",
    wire.FilterConfig: "envoy.config.route.v3.FilterConfig",
    wire.PreviousPrioritiesConfig: "envoy.extensions.retry.priority.previous_priorities.v3.PreviousPrioritiesConfig",
}


def type_url(kind: type[Message]) -> str:
    """The type URL of a message that may be packed, as xDS and `Any` write it."""
    return f"type.googleapis.com/{ENVOY_NAMES[kind]}"


def packed(message: Message) -> Any:
    """A message with its type URL."""
    return Any(type_url=type_url(type(message)), value=serialised(message))


def serialised(message: Message) -> bytes:
    """The bytes of a message, the same for equal ones.

    Protobuf writes maps in any order unless told otherwise, and resources are compared by their bytes: Envoy would be
    given what it already has.
    """
    return message.SerializeToString(deterministic=True)

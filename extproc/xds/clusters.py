"""Envoy's clusters: one per model, one per arm, and the default upstream.

A model's cluster has its own DNS, TLS and health check. An arm is an aggregate cluster over the model's and those of
its fallbacks, so that Envoy fails over from one to the next without asking anybody.

Models have paths of their own, and a failover goes to another model's. So each attempt gets the path that the metadata
of its model names. Filters in Envoy's own configuration do that, once for all clusters: in each cluster they would be a Lua
state of 90 KB per worker.

The return values are serialised `google.protobuf.Any`, ready to push. Most of a cluster is the same in all of them, and
is built only once.
"""

import functools
import ipaddress
from collections.abc import Mapping, Sequence
from datetime import timedelta

from google.protobuf.any_pb2 import Any
from google.protobuf.struct_pb2 import Struct, Value
from google.protobuf.wrappers_pb2 import UInt32Value

from extproc.wire.resources_pb2 import (
    Address,
    AggregateClusterConfig,
    CertificateValidationContext,
    CircuitBreakers,
    Cluster,
    ClusterLoadAssignment,
    CommonTlsContext,
    Endpoint,
    HealthCheck,
    Http1ProtocolOptions,
    HttpProtocolOptions,
    LbEndpoint,
    LocalityLbEndpoints,
    Metadata,
    SdsSecretConfig,
    SocketAddress,
    StringMatcher,
    SubjectAltNameMatcher,
    TransportSocket,
    UpstreamHttpProtocolOptions,
    UpstreamTlsContext,
)
from extproc.xds.packing import packed, serialised
from hyperplan.endpoint import Model

METADATA = "hyperplan"
"""The namespace in a model's metadata. Its keys are `model`, the name, and `path`, as in a request line."""

AUTHORITIES = "hyperplan.authorities"
"""The name of the secret, in Envoy's own configuration, that says whose certificates to trust."""

_CONNECT_TIMEOUT = timedelta(seconds=1)
_HEALTH_TIMEOUT = timedelta(seconds=1)
_HEALTH_INTERVAL = timedelta(seconds=2)
_IDLE_TIMEOUT = timedelta(seconds=1)
_MANY = 100_000


def model(name: str, model_name: str, server: Model) -> bytes:
    """The cluster `name` of the model `model_name`, which has a URL."""
    fields = {"model": Value(string_value=model_name), "path": Value(string_value=server.path())}
    cluster = _single_host(name, server, Metadata(filter_metadata={METADATA: Struct(fields=fields)}))
    cluster.MergeFrom(_common())
    if server.health is not None:
        cluster.health_checks.append(_health_check(server))
        cluster.ignore_health_on_host_removal = True
    return serialised(packed(cluster))


def arm(name: str, members: Sequence[str]) -> bytes:
    """The cluster `name` of an arm: the clusters of its chain, the first preferred."""
    aggregate = packed(AggregateClusterConfig(clusters=members))
    cluster = Cluster(
        name=name,
        lb_policy=Cluster.CLUSTER_PROVIDED,
        cluster_type=Cluster.CustomClusterType(name="envoy.clusters.aggregate", typed_config=aggregate),
    )
    cluster.MergeFrom(_common())
    return serialised(packed(cluster))


def upstream(name: str, server: Model) -> bytes:
    """The cluster `name` of the default upstream, to which requests go as they came."""
    cluster = _single_host(name, server, None)
    cluster.MergeFrom(_common())
    return serialised(packed(cluster))


def _single_host(name: str, server: Model, metadata: Metadata | None) -> Cluster:
    host = server.address().hostname or ""
    literal = _is_ip_address(host)
    endpoint = Endpoint(
        address=Address(socket_address=SocketAddress(address=host, port_value=server.port())),
        hostname=authority(server),
    )
    return Cluster(
        name=name,
        type=Cluster.STATIC if literal else Cluster.STRICT_DNS,
        dns_lookup_family=Cluster.V4_PREFERRED,
        load_assignment=ClusterLoadAssignment(
            cluster_name=name,
            endpoints=[LocalityLbEndpoints(lb_endpoints=[LbEndpoint(endpoint=endpoint, metadata=metadata)])],
        ),
        transport_socket=_tls(host, literal) if server.address().scheme == "https" else None,
    )


def authority(server: Model) -> str:
    """The Host header that the server expects: its name, with the port where it is not that of the scheme."""
    address = server.address()
    host = address.hostname or ""
    if ":" in host:
        host = f"[{host}]"
    return f"{host}:{address.port}" if address.port else host


def _is_ip_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


@functools.cache
def _common() -> Cluster:
    """What all clusters have in common."""
    return Cluster(
        connect_timeout=_CONNECT_TIMEOUT,
        circuit_breakers=_circuit_breakers(),
        typed_extension_protocol_options=_protocol_options(),
    )


def _circuit_breakers() -> CircuitBreakers:
    """None to speak of. Envoy's defaults stop failing over in the moment it is needed: a model that dies under 64
    requests at once makes 64 retries, and Envoy allows three.
    """
    many = UInt32Value(value=_MANY)
    thresholds = CircuitBreakers.Thresholds(
        max_connections=many, max_pending_requests=many, max_requests=many, max_retries=many
    )
    return CircuitBreakers(thresholds=[thresholds])


def _protocol_options() -> Mapping[str, Any]:
    """HTTP/1.1. An idle connection is closed after a second, before the server does so: the web
    servers under models wait between two and five, and a request that meets a closing connection is lost.
    """
    http1 = UpstreamHttpProtocolOptions.ExplicitHttpConfig(http_protocol_options=Http1ProtocolOptions())
    options = UpstreamHttpProtocolOptions(
        common_http_protocol_options=HttpProtocolOptions(idle_timeout=_IDLE_TIMEOUT),
        explicit_http_config=http1,
    )
    return {"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": packed(options)}


def _health_check(server: Model) -> HealthCheck:
    """Asks the model for its health path. The short timeout matters twice: Envoy uses a new cluster only after the
    first answer, so it bounds how long a change of plan waits for a model that is not there.
    """
    return HealthCheck(
        timeout=_HEALTH_TIMEOUT,
        interval=_HEALTH_INTERVAL,
        # Envoy's default for clusters without traffic is a minute, and a fallback has none until it is needed.
        no_traffic_interval=_HEALTH_INTERVAL,
        unhealthy_threshold=UInt32Value(value=2),
        healthy_threshold=UInt32Value(value=1),
        http_health_check=HealthCheck.HttpHealthCheck(host=authority(server), path=server.health or "/"),
    )


def _tls(host: str, literal: bool) -> TransportSocket:
    """TLS with a server whose certificate is for this host, from an authority that Envoy's own configuration trusts."""
    kind = SubjectAltNameMatcher.IP_ADDRESS if literal else SubjectAltNameMatcher.DNS
    for_this_host = CertificateValidationContext(
        match_typed_subject_alt_names=[SubjectAltNameMatcher(san_type=kind, matcher=StringMatcher(exact=host))]
    )
    context = UpstreamTlsContext(
        sni="" if literal else host,
        common_tls_context=CommonTlsContext(
            combined_validation_context=CommonTlsContext.CombinedCertificateValidationContext(
                default_validation_context=for_this_host,
                validation_context_sds_secret_config=SdsSecretConfig(name=AUTHORITIES),
            )
        ),
    )
    return TransportSocket(name="envoy.transport_sockets.tls", typed_config=packed(context))

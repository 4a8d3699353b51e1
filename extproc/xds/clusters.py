"""Envoy's clusters: one or two per model, one per arm, one per shadow, and the default upstream.

A model's cluster has its own DNS, TLS and health check. An arm is an aggregate cluster over the model's and those of
its fallbacks, so that Envoy fails over from one to the next without asking anybody.

A model that others stand in for has a second cluster, its spare, in which nothing marks it as dead. Spares
end the chain: Envoy passes over models that health checks or their own errors have marked, and when all others have failed too, those are still
tried, since who is asked may live.

A shadow is an aggregate cluster too, over one model, for the filters that it needs.

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
    LbEndpoint,
    LocalityLbEndpoints,
    Metadata,
    OutlierDetection,
    Pipe,
    SdsSecretConfig,
    SocketAddress,
    StringMatcher,
    SubjectAltNameMatcher,
    TransportSocket,
    UpstreamTlsContext,
)
from extproc.xds import upstream_filters
from extproc.xds.packing import packed, serialised
from extproc.xds.upstream_filters import METADATA
from hyperplan.endpoint import Model

AUTHORITIES = "hyperplan.authorities"
"""The name of the secret, in Envoy's own configuration, that says whose certificates to trust."""

RULES_HOST = "rules"

_CONNECT_TIMEOUT = timedelta(seconds=1)
_HEALTH_TIMEOUT = timedelta(seconds=1)
_HEALTH_INTERVAL = timedelta(seconds=2)
_FAILURES_IN_A_ROW = 5
_EJECTION = timedelta(seconds=5)
_LONGEST_EJECTION = timedelta(seconds=30)
_MANY = 100_000


def model(
    name: str, model_name: str, server: Model, *, longest: float | None = None, has_stand_ins: bool = False
) -> bytes:
    """The cluster `name` of the model `model_name`, which has a URL.

    `longest` is how many seconds a try may take, if less than its route says. A model that has stand-ins is left out
    for a while when it fails again and again.
    """
    cluster = _model(name, model_name, server, longest)
    if server.health is not None:
        cluster.health_checks.append(_health_check(server))
        cluster.ignore_health_on_host_removal = True
    if has_stand_ins:
        cluster.outlier_detection.CopyFrom(_outlier_detection())
    return serialised(packed(cluster))


def spare(name: str, model_name: str, server: Model, *, longest: float | None = None) -> bytes:
    """The cluster `name` of a model that is asked whatever its health checks and its last answers were."""
    return serialised(packed(_model(name, model_name, server, longest)))


def rule(name: str, model_name: str, path: str, socket: str) -> bytes:
    """The cluster `name` of a rule, which the sidecar serves at a path of a unix socket. Named hosts share no cluster with those."""
    endpoint = Endpoint(address=Address(pipe=Pipe(path=socket)), hostname=RULES_HOST)
    cluster = _of(name, endpoint, _metadata(model_name, path), Cluster.STATIC)
    cluster.MergeFrom(_common())
    return serialised(packed(cluster))


def sidecar(name: str, socket: str) -> bytes:
    """The cluster `name` of what the sidecar answers itself, at a unix socket."""
    endpoint = Endpoint(address=Address(pipe=Pipe(path=socket)), hostname="sidecar")
    cluster = _of(name, endpoint, None, Cluster.STATIC)
    cluster.MergeFrom(_common())
    return serialised(packed(cluster))


def arm(name: str, members: Sequence[str]) -> bytes:
    """The cluster `name` of an arm: the clusters of its chain, the first preferred."""
    return _aggregate(name, members, upstream_filters.plain())


def adapted_arm(name: str, members: Sequence[str], longest: float) -> bytes:
    """The cluster `name` of an arm whose tries are translated; each may take `longest` seconds."""
    return _aggregate(name, members, upstream_filters.adapting(longest, shadow=False))


def shadow(name: str, member: str, longest: float) -> bytes:
    """The cluster `name` of a model that gets copies of requests. Its answers go to the sidecar alone."""
    return _aggregate(name, [member], upstream_filters.adapting(longest, shadow=True))


def upstream(name: str, server: Model) -> bytes:
    """The cluster `name` of the default upstream, to which requests go as they came."""
    cluster = _single_host(name, server, None)
    cluster.MergeFrom(_common())
    return serialised(packed(cluster))


def _model(name: str, model_name: str, server: Model, longest: float | None) -> Cluster:
    cluster = _single_host(name, server, _metadata(model_name, server.path()))
    cluster.MergeFrom(_common(longest))
    return cluster


def _metadata(model_name: str, path: str) -> Metadata:
    fields = {"model": Value(string_value=model_name), "path": Value(string_value=path)}
    return Metadata(filter_metadata={METADATA: Struct(fields=fields)})


def _aggregate(name: str, members: Sequence[str], options: Mapping[str, Any]) -> bytes:
    aggregate = packed(AggregateClusterConfig(clusters=members))
    cluster = Cluster(
        name=name,
        connect_timeout=_CONNECT_TIMEOUT,
        circuit_breakers=_circuit_breakers(),
        lb_policy=Cluster.CLUSTER_PROVIDED,
        cluster_type=Cluster.CustomClusterType(name="envoy.clusters.aggregate", typed_config=aggregate),
        typed_extension_protocol_options=options,
    )
    return serialised(packed(cluster))


def _single_host(name: str, server: Model, metadata: Metadata | None) -> Cluster:
    host = server.address().hostname or ""
    literal = _is_ip_address(host)
    endpoint = Endpoint(
        address=Address(socket_address=SocketAddress(address=host, port_value=server.port())),
        hostname=authority(server),
    )
    cluster = _of(name, endpoint, metadata, Cluster.STATIC if literal else Cluster.STRICT_DNS)
    if server.address().scheme == "https":
        cluster.transport_socket.CopyFrom(_tls(host, literal))
    return cluster


def _of(name: str, endpoint: Endpoint, metadata: Metadata | None, kind: Cluster.DiscoveryType) -> Cluster:
    hosts = [LocalityLbEndpoints(lb_endpoints=[LbEndpoint(endpoint=endpoint, metadata=metadata)])]
    return Cluster(
        name=name,
        type=kind,
        dns_lookup_family=Cluster.V4_PREFERRED,
        load_assignment=ClusterLoadAssignment(cluster_name=name, endpoints=hosts),
    )


def host_of(model: Model) -> str:
    """The Host header for a model; that for rules means nothing."""
    return RULES_HOST if model.rule is not None else authority(model)


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
def _common(longest: float | None = None) -> Cluster:
    """What all clusters of servers have in common."""
    return Cluster(
        connect_timeout=_CONNECT_TIMEOUT,
        circuit_breakers=_circuit_breakers(),
        typed_extension_protocol_options=upstream_filters.plain(longest),
    )


@functools.cache
def _circuit_breakers() -> CircuitBreakers:
    """None to speak of. Envoy's defaults stop failing over in the moment it is needed: a model that dies under 64
    requests at once makes 64 retries, and Envoy allows three.
    """
    many = UInt32Value(value=_MANY)
    thresholds = CircuitBreakers.Thresholds(
        max_connections=many, max_pending_requests=many, max_requests=many, max_retries=many
    )
    return CircuitBreakers(thresholds=[thresholds])


@functools.cache
def _outlier_detection() -> OutlierDetection:
    """Five failures in a row (an answer of 5xx, a reset, a timeout), and the model is passed over for five seconds, the next time for ten.

    Without it a model that hangs would cost every request the time of a try. It is the only host of its cluster,
    and Envoy leaves out none, or all.
    """
    return OutlierDetection(
        consecutive_5xx=UInt32Value(value=_FAILURES_IN_A_ROW),
        interval=_EJECTION,
        base_ejection_time=_EJECTION,
        max_ejection_time=_LONGEST_EJECTION,
        max_ejection_percent=UInt32Value(value=100),
    )


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

"""A plan as what Envoy needs to serve it: clusters and one route configuration.

What was built for an endpoint is kept, and taken over into the next plan's resources if the endpoint did not change: an
edit of one endpoint of many costs what that one does.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from extproc.wire.resources_pb2 import Cluster, RouteConfiguration
from extproc.xds import chains, clusters, routes
from extproc.xds.packing import packed, serialised, type_url
from extproc.xds.virtual_hosts import first_of, virtual_host
from hyperplan.endpoint import Endpoint, Model
from hyperplan.plan import (
    FEEDBACK_PATH,
    Plan,
    adapted,
    arm_cluster,
    model_cluster,
    rule_path,
    shadow_cluster,
    spare_cluster,
)
from hyperplan.problems import Invalid, Problem

CLUSTER = type_url(Cluster)
ROUTE_CONFIGURATION = type_url(RouteConfiguration)

ROUTES = "hyperplan"
"""The name of the route configuration, for which Envoy's listener asks."""

DEFAULT_UPSTREAM = "hyperplan.default-upstream"
"""The name of the cluster for everything that is no endpoint."""


FEEDBACK = "hyperplan.feedback"
"""The name of the cluster that takes feedback: the sidecar."""

RULES = "/run/hyperplan/rules.sock"
"""The unix socket at which the sidecar serves rules, in a container."""


class EndpointResources(NamedTuple):
    """What was built for one endpoint."""

    endpoint: Endpoint
    models: Mapping[str, bytes]
    arms: Mapping[str, bytes]
    routes: bytes


@dataclass(frozen=True)
class Resources:
    """Serialised resources by name. Two are equal if Envoy could not tell them apart.

    Models come before arms, since Envoy takes clusters in the order in which it gets them, and each that comes is compared
    with the members of every arm that it has by then: the other way round costs it a quarter more.
    `longest_timeout` is in seconds: for so long a request may still be under way on routes that were just replaced.
    `upstream` is the name of the default upstream's cluster, if there is one; the routes of each endpoint end with it.
    """

    clusters: Mapping[str, bytes]
    routes: Mapping[str, bytes]
    longest_timeout: float = field(default=0.0, compare=False)
    endpoints: Mapping[str, EndpointResources] = field(default_factory=dict, compare=False, repr=False)
    upstream: str | None = field(default=None, compare=False)


def resources_of(
    plan: Plan,
    default_upstream: str | None = None,
    before: Resources | None = None,
    *,
    rules: str = RULES,
    feedback: str | None = None,
) -> Resources:
    """The resources that serve a plan.

    `default_upstream` is the URL of the server for everything that is no endpoint. Endpoints that did not change are
    taken over from the resources before. `feedback` is the unix socket at which the sidecar takes it, if it does.

    Raises:
        Invalid: the default upstream is not the URL of a server.
    """
    upstream = None if default_upstream is None else DEFAULT_UPSTREAM
    known = before.endpoints if before and before.upstream == upstream else {}
    built: dict[str, EndpointResources] = {}
    for planned in plan.endpoints:
        old = known.get(planned.endpoint.name)
        unchanged = old and old.endpoint == planned.endpoint
        built[planned.endpoint.name] = old if old and unchanged else _built(planned.endpoint, upstream, rules)
    all_clusters = {name: cluster for part in built.values() for name, cluster in part.models.items()}
    all_clusters |= {name: cluster for part in built.values() for name, cluster in part.arms.items()}
    if default_upstream is not None:
        all_clusters[DEFAULT_UPSTREAM] = clusters.upstream(DEFAULT_UPSTREAM, _server(default_upstream))
    own: dict[str, bytes] = {}
    if feedback is not None:
        all_clusters[FEEDBACK] = clusters.sidecar(FEEDBACK, feedback)
        own[FEEDBACK_PATH] = first_of([*routes.feedback_routes(FEEDBACK), routes.otherwise(upstream)])
    return Resources(
        clusters=all_clusters,
        routes={ROUTES: _route_configuration(built, upstream, own)},
        longest_timeout=max((part.endpoint.timeout for part in built.values()), default=0.0),
        endpoints=built,
        upstream=upstream,
    )


def _built(endpoint: Endpoint, upstream: str | None, rules: str) -> EndpointResources:
    routing = endpoint.routing
    models: dict[str, bytes] = {}
    for model in endpoint.models:
        models |= _of_model(endpoint, model, rules)
    arms: dict[str, bytes] = {}
    for arm in routing.split:
        name = arm_cluster(endpoint, arm)
        members = chains.members(endpoint, arm)
        if adapted(endpoint, arm):
            arms[name] = clusters.adapted_arm(name, members, chains.longest_try(endpoint))
        else:
            arms[name] = clusters.arm(name, members)
    for model in routing.shadow:
        name = shadow_cluster(endpoint, model)
        arms[name] = clusters.shadow(name, model_cluster(endpoint, model), endpoint.timeout)
    return EndpointResources(endpoint, models, arms, first_of(routes.endpoint_routes(endpoint, upstream)))


def _of_model(endpoint: Endpoint, model: str, rules: str) -> Mapping[str, bytes]:
    """The cluster of a model, and its spare if it has one."""
    server, name = endpoint.models[model], model_cluster(endpoint, model)
    if server.rule is not None:
        return {name: clusters.rule(name, model, rule_path(endpoint.name, model), rules)}
    longest, has_stand_ins = chains.limit(endpoint, model), chains.has_stand_ins(endpoint, model)
    found = {name: clusters.model(name, model, server, longest=longest, has_stand_ins=has_stand_ins)}
    if chains.has_spare(endpoint, model):
        spare = spare_cluster(endpoint, model)
        found[spare] = clusters.spare(spare, model, server, longest=longest)
    return found


def _server(url: str) -> Model:
    server = Model(url=url)
    try:
        address, port = server.address(), server.port()
    except ValueError as error:
        raise Invalid([Problem("", f"the default upstream {url!r} is no URL: {error}")]) from None
    if address.scheme not in ("http", "https") or not address.hostname or not 0 < port < 65536:
        raise Invalid([Problem("", f"the default upstream {url!r} must be the URL of a server, like http://app:8000")])
    if address.path.strip("/") or address.query or address.fragment or address.username is not None:
        detail = f"the default upstream {url!r} must end after its port: clients' paths are kept as they are"
        raise Invalid([Problem("", detail)])
    return server


def _route_configuration(
    built: Mapping[str, EndpointResources], upstream: str | None, own: Mapping[str, bytes]
) -> bytes:
    """One virtual host for each host that an endpoint names, and one for the others.

    `own` are the routes of the sidecar's own paths, on each of them. An endpoint that names no host is reachable on all of them, at the paths that are not taken by those that do.
    """
    otherwise = first_of([routes.otherwise(upstream)])
    by_host: dict[str | None, list[EndpointResources]] = {}
    for part in built.values():
        by_host.setdefault(part.endpoint.match.host, []).append(part)
    named = sorted(host for host in by_host if host is not None)
    hosts = [virtual_host(host, {**own, **_by_path(host, by_host)}, otherwise) for host in (*named, None)]
    return serialised(packed(RouteConfiguration(name=ROUTES, virtual_hosts=hosts)))


def _by_path(host: str | None, by_host: Mapping[str | None, Sequence[EndpointResources]]) -> Mapping[str, bytes]:
    """The routes of the endpoint that answers at each path of a host."""
    found: dict[str, bytes] = {}
    for name in _names(host):
        for part in by_host.get(name, ()):
            found.setdefault(part.endpoint.match.path, part.routes)
    return found


def _names(host: str | None) -> tuple[str | None, ...]:
    """The hosts whose endpoints answer at a host, the most particular first: it, it at any port, and any."""
    if host is None:
        return (None,)
    name, colon, _ = host.rpartition(":")
    return (host, name, None) if colon else (host, None)

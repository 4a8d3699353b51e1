"""Envoy's routes: two for each endpoint, and the one for everything else.

With the routing header, which only the sidecar sets, a request goes to the arm that it names, and copies of it to the shadows.
Without it (the sidecar has not spoken yet, or is away) it goes to the default model, or to nobody if the endpoint is closed then, after the
filter `hyperplan.decide` has had its chance. Filters, time limit and body limit are the same on both, since Envoy takes them from the first.
"""

import functools
import json
from collections.abc import Sequence
from datetime import timedelta

from google.protobuf.any_pb2 import Any
from google.protobuf.wrappers_pb2 import BoolValue, UInt32Value, UInt64Value

from extproc.wire.external_processing_pb2 import OVERWRITE_IF_EXISTS_OR_ADD, HeaderValue, HeaderValueOption
from extproc.wire.resources_pb2 import (
    DataSource,
    DirectResponseAction,
    ExtProcOverrides,
    ExtProcPerRoute,
    FilterConfig,
    HeaderMatcher,
    PreviousPrioritiesConfig,
    RetryPolicy,
    Route,
    RouteAction,
    RouteMatch,
    StringMatcher,
)
from extproc.xds import chains, clusters
from extproc.xds.packing import packed
from extproc.xds.upstream_filters import METADATA
from hyperplan.endpoint import Endpoint, OnFailure
from hyperplan.plan import FEEDBACK_PATH, ROUTING_HEADER, adapted, longest_answer, model_cluster, shadow_cluster

DECIDE = "hyperplan.decide"
"""The name of the filter that asks the sidecar, in Envoy's own configuration."""

DECOMPRESSORS = ("hyperplan.gunzip", "hyperplan.unbrotli", "hyperplan.unzstd")
"""The names of the filters that undo the compression of request bodies."""

NOBODY = "hyperplan.nobody"
"""The name of a cluster that there is none of."""

_LEAST_IDLE_TIMEOUT = 60.0
_FEEDBACK_TIMEOUT = 5.0


def endpoint_routes(endpoint: Endpoint, upstream: str | None) -> Sequence[Route]:
    """The routes of paths that begin with that of an endpoint, in the order in which Envoy must try them.

    `upstream` is the name of the default upstream's cluster, if there is one.
    """
    chosen = RouteAction(
        cluster_header=ROUTING_HEADER, retry_policy=_failover(endpoint), request_mirror_policies=_mirrors(endpoint)
    )
    default = RouteAction(cluster=_default_cluster(endpoint))
    has_arm = HeaderMatcher(name=ROUTING_HEADER, present_match=True)
    routes = [
        _endpoint_route(endpoint, chosen, [_is_post(), has_arm]),
        _endpoint_route(endpoint, default, [_is_post()]),
    ]
    if upstream is None:
        routes.append(_other_methods(endpoint))
    return [*routes, otherwise(upstream)]


def feedback_routes(cluster: str) -> Sequence[Route]:
    """The routes of feedback to the sidecar, which never meet the filter that decides; whatever is posted is small."""
    action = RouteAction(cluster=cluster, timeout=timedelta(seconds=_FEEDBACK_TIMEOUT))
    match = RouteMatch(path=FEEDBACK_PATH, headers=[_is_post()])
    unpacked = dict.fromkeys(DECOMPRESSORS, _on())
    refused = _problem(405, "Method Not Allowed", "This path takes feedback; send it a POST.")
    refused.match.path = FEEDBACK_PATH
    refused.response_headers_to_add.append(_response_header("allow", "POST"))
    return [Route(match=match, route=action, typed_per_filter_config=unpacked), refused]


def otherwise(upstream: str | None) -> Route:
    """The route of everything that is no endpoint: the cluster of the default upstream, or 404."""
    if upstream is None:
        return _problem(404, "Not Found", "No endpoint is at this path.")
    # It may be a stream, so only silence is limited, by the listener.
    return Route(match=RouteMatch(prefix="/"), route=RouteAction(cluster=upstream, timeout=timedelta(0)))


def _other_methods(endpoint: Endpoint) -> Route:
    """The route that answers 405 on the path of an endpoint, for what is not a POST."""
    route = _problem(405, "Method Not Allowed", f"This path is the endpoint {endpoint.name}; send it a POST.")
    route.match.path = endpoint.match.path
    route.response_headers_to_add.append(_response_header("allow", "POST"))
    return route


def _endpoint_route(endpoint: Endpoint, action: RouteAction, headers: Sequence[HeaderMatcher]) -> Route:
    action.timeout.FromTimedelta(timedelta(seconds=endpoint.timeout))
    # The listener's limit on silence would cut off a model that may think for longer than that.
    action.idle_timeout.FromTimedelta(timedelta(seconds=max(_LEAST_IDLE_TIMEOUT, endpoint.timeout + 1)))
    action.auto_host_rewrite.value = True
    return Route(
        match=RouteMatch(path=endpoint.match.path, headers=headers),
        route=action,
        typed_per_filter_config={DECIDE: _decide(endpoint.on_failure), **dict.fromkeys(DECOMPRESSORS, _on())},
        request_body_buffer_limit=UInt64Value(value=_buffer_limit(endpoint)),
        response_headers_to_add=_response_headers(),
    )


def _default_cluster(endpoint: Endpoint) -> str:
    """Who answers what nobody has decided about. An endpoint that is closed without a sidecar is so too while the sidecar does not know it
    yet: its default may speak another protocol, or be a rule. Envoy answers 503 for a cluster that is not there, and takes the limits of
    the route all the same, which it would not take from one that answers by itself.
    """
    return NOBODY if endpoint.on_failure == "closed" else model_cluster(endpoint, endpoint.routing.default_model())


def _buffer_limit(endpoint: Endpoint) -> int:
    """Bytes of a body that Envoy holds: of a request until it is answered, to be sent again to a fallback, and of an answer that
    the sidecar reads. A larger request gets a 413, and a larger answer would never be handed on: where answers are read there is
    room for them, and it is the sidecar that refuses requests that are larger than the endpoint allows.
    """
    reads = endpoint.routing.shadow or any(adapted(endpoint, arm) for arm in endpoint.routing.split)
    return longest_answer(endpoint) if reads else endpoint.max_body


def _failover(endpoint: Endpoint) -> RetryPolicy | None:
    """Each model that failed hands over to the next of the chain, at once."""
    tries = chains.most_tries(endpoint)
    if tries == 1:
        return None
    at_once = timedelta(milliseconds=1)
    return RetryPolicy(
        retry_on="5xx,reset,connect-failure,refused-stream",
        num_retries=UInt32Value(value=tries - 1),
        per_try_timeout=timedelta(seconds=chains.longest_try(endpoint)),
        retry_back_off=RetryPolicy.RetryBackOff(base_interval=at_once, max_interval=at_once),
        retry_priority=_next_of_the_chain(),
    )


def _mirrors(endpoint: Endpoint) -> Sequence[RouteAction.RequestMirrorPolicy]:
    """A copy of each request for each shadow. Nobody waits for what becomes of it."""
    return [
        RouteAction.RequestMirrorPolicy(
            cluster=shadow_cluster(endpoint, model),
            disable_shadow_host_suffix_append=True,
            host_rewrite_literal=clusters.host_of(endpoint.models[model]),
        )
        for model in endpoint.routing.shadow
    ]


@functools.cache
def _next_of_the_chain() -> RetryPolicy.RetryPriority:
    """The members of an aggregate cluster are its priorities: try none twice."""
    return RetryPolicy.RetryPriority(
        name="envoy.retry_priorities.previous_priorities",
        typed_config=packed(PreviousPrioritiesConfig(update_frequency=1)),
    )


@functools.cache
def _decide(on_failure: OnFailure) -> Any:
    """Turns the filter on, and says what becomes of requests that the sidecar does not answer for."""
    overrides = ExtProcOverrides(failure_mode_allow=BoolValue(value=on_failure == "open"))
    return packed(ExtProcPerRoute(overrides=overrides))


@functools.cache
def _on() -> Any:
    """Turns a filter on, as it is in Envoy's own configuration: that is what an empty one in its place means."""
    config = FilterConfig()
    config.config.SetInParent()
    return packed(config)


@functools.cache
def _is_post() -> HeaderMatcher:
    return HeaderMatcher(name=":method", string_match=StringMatcher(exact="POST"))


@functools.cache
def _response_headers() -> tuple[HeaderValueOption, ...]:
    """What every answer of an endpoint says: which model gave it, how to name it later, and what was wrong."""
    return (
        _response_header("x-hyperplan-model", f"%UPSTREAM_METADATA({METADATA}:model)%"),
        _response_header("x-hyperplan-prediction-id", "%REQ(x-request-id)%"),
        _response_header("x-hyperplan-violations", "%REQ(x-hyperplan-violations)%"),
    )


def _problem(status: int, title: str, detail: str) -> Route:
    """A route, for any path, that answers with a problem document (RFC 9457)."""
    document = json.dumps({"type": "about:blank", "title": title, "status": status, "detail": detail})
    return Route(
        match=RouteMatch(prefix="/"),
        direct_response=DirectResponseAction(status=status, body=DataSource(inline_string=document)),
        response_headers_to_add=[_response_header("content-type", "application/problem+json")],
    )


def _response_header(name: str, value: str) -> HeaderValueOption:
    """A header of the answer, in place of one that the model sent; an empty value adds none."""
    return HeaderValueOption(
        header=HeaderValue(key=name, value=value.encode()), append_action=OVERWRITE_IF_EXISTS_OR_ADD
    )

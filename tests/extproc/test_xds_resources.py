"""What a plan becomes for Envoy. Whether Envoy takes it is for the tests with a real one."""

from datetime import timedelta
from typing import Any

import pytest
from envoy_data_plane.envoy.config.cluster.v3 import Cluster, ClusterDiscoveryType
from envoy_data_plane.envoy.config.route.v3 import Route, RouteConfiguration, RouteList, VirtualHost
from envoy_data_plane.envoy.extensions.clusters.aggregate.v3 import ClusterConfig
from envoy_data_plane.envoy.extensions.upstreams.http.v3 import HttpProtocolOptions
from envoy_data_plane.google.protobuf import Any as Packed
from envoy_data_plane.xds.type.matcher.v3 import MatcherOnMatch
from google.protobuf.struct_pb2 import Struct, Value
from hypothesis import given
from hypothesis import strategies as st

from extproc.xds.packing import serialised
from extproc.xds.resources import DEFAULT_UPSTREAM, ROUTES, Resources, resources_of
from hyperplan.documents import Document
from hyperplan.endpoint import read_endpoint
from hyperplan.plan import (
    Plan,
    PlannedEndpoint,
    arm_cluster,
    model_cluster,
    shadow_cluster,
    spare_cluster,
)
from hyperplan.problems import Invalid


def planned(revision: int = 1, **changes: Any) -> PlannedEndpoint:
    document = {
        "name": "delay",
        "match": {"path": "/delay"},
        "protocol": "tfserving",
        "task": "binary",
        "schema": {"features": {"x": {"type": "float"}}},
        "models": {
            "a@1": {"url": "http://127.0.0.1:9001/a", "protocol": "tfserving"},
            "b@1": {"url": "https://models.example.org/b", "protocol": "tfserving"},
        },
        "routing": {"split": {"a@1": 9, "b@1": 1}, "fallback": ["b@1"]},
        **changes,
    }
    return PlannedEndpoint(revision, read_endpoint(Document(document)))


def of(*endpoints: PlannedEndpoint, before: Resources | None = None) -> Resources:
    return resources_of(Plan(1, endpoints), before=before)


def cluster(resources: Resources, name: str) -> Cluster:
    unpacked = Packed.parse(resources.clusters[name]).unpack()
    assert isinstance(unpacked, Cluster)
    return unpacked


def virtual_host(resources: Resources, name: str = "*") -> VirtualHost:
    """That of a host, or of those that no endpoint names."""
    unpacked = Packed.parse(resources.routes[ROUTES]).unpack()
    assert isinstance(unpacked, RouteConfiguration)
    return next(host for host in unpacked.virtual_hosts if host.name == name)


def tried(found: MatcherOnMatch | None) -> list[Route]:
    """The routes that Envoy tries, in order, once it has looked up a path."""
    assert found is not None
    assert found.action is not None
    assert found.action.typed_config is not None
    unpacked = found.action.typed_config.unpack()
    assert isinstance(unpacked, RouteList)
    return unpacked.routes


def routes(resources: Resources, host: str = "*") -> list[Route]:
    """The routes of the path that the endpoint has."""
    matcher = virtual_host(resources, host).matcher
    assert matcher is not None
    assert matcher.matcher_tree is not None
    assert matcher.matcher_tree.prefix_match_map is not None
    return tried(matcher.matcher_tree.prefix_match_map.map["/delay"])


def test_each_model_and_each_arm_is_a_cluster() -> None:
    alone = planned(routing={"split": {"a@1": 9, "b@1": 1}})
    names = {of_kind(alone.endpoint, name) for of_kind in (model_cluster, arm_cluster) for name in ("a@1", "b@1")}
    assert of(alone).clusters.keys() == names


def test_only_a_model_that_may_be_passed_over_has_a_spare() -> None:
    models = {name: {"url": "http://127.0.0.1:9001/", "protocol": "tfserving"} for name in ("a@1", "b@1", "c@1")}
    models["rule@1"] = {"rule": "0.5"}
    routing = {"split": {"a@1": 1}, "fallback": ["b@1", "rule@1", "c@1"]}
    assert spares(of(planned(models=models, routing=routing))) == {"a@1", "b@1"}
    models["c@1"]["health"] = "/health"
    assert spares(of(planned(models=models, routing=routing))) == {"a@1", "b@1", "c@1"}
    assert spares(of(planned(models=models, routing={"split": {"c@1": 1}}))) == set()


def spares(resources: Resources) -> set[str]:
    """The models that have one."""
    return {name.split("/")[2] for name in resources.clusters if name.startswith("spare/")}


def test_the_spares_of_a_chain_come_after_all_of_its_models() -> None:
    endpoint = planned().endpoint
    aggregate = cluster(of(planned()), arm_cluster(endpoint, "a@1")).cluster_type
    assert aggregate is not None
    assert aggregate.typed_config is not None
    members = aggregate.typed_config.unpack()
    assert isinstance(members, ClusterConfig)
    models = [model_cluster(endpoint, model) for model in ("a@1", "b@1")]
    assert members.clusters == [*models, spare_cluster(endpoint, "a@1")]


def test_only_an_arm_that_is_adapted_and_a_shadow_have_filters_of_their_own() -> None:
    lone = planned(routing={"split": {"a@1": 1}, "shadow": ["b@1"]})
    backed = planned(routing={"split": {"a@1": 1}, "fallback": ["b@1"]})
    plain = filters(lone, arm_cluster(lone.endpoint, "a@1"))
    shadow = filters(lone, shadow_cluster(lone.endpoint, "b@1"))
    adapted = filters(backed, arm_cluster(backed.endpoint, "a@1"))
    adapting = ["hyperplan.tell-target", "hyperplan.adapt", "envoy.filters.http.upstream_codec"]
    assert (plain, shadow, adapted) == ([], adapting, adapting)


def filters(endpoint: PlannedEndpoint, name: str) -> list[str]:
    """The names of the filters of a cluster."""
    return [part.name for part in options(of(endpoint), name).http_filters]


def options(resources: Resources, name: str) -> HttpProtocolOptions:
    """What a cluster says of HTTP."""
    [packed] = cluster(resources, name).typed_extension_protocol_options.values()
    unpacked = packed.unpack()
    assert isinstance(unpacked, HttpProtocolOptions)
    return unpacked


def test_each_shadow_gets_a_copy_from_the_route_that_has_an_arm_alone() -> None:
    shadowed = planned(routing={"split": {"a@1": 1}, "shadow": ["b@1"]})
    chosen, default, *_ = routes(of(shadowed))
    assert chosen.route is not None
    assert default.route is not None
    assert [policy.cluster for policy in chosen.route.request_mirror_policies] == [
        shadow_cluster(shadowed.endpoint, "b@1")
    ]
    assert default.route.request_mirror_policies == []


def test_a_rule_is_at_its_path_of_the_socket_of_rules() -> None:
    models = {"a@1": {"url": "http://127.0.0.1:9001/a", "protocol": "tfserving"}, "r@1": {"rule": "0.5"}}
    ruled = planned(models=models, routing={"split": {"a@1": 1, "r@1": 1}, "default": "a@1"})
    found = cluster(resources_of(Plan(1, (ruled,)), rules="/run/rules.sock"), model_cluster(ruled.endpoint, "r@1"))
    assert found.load_assignment is not None
    [host] = found.load_assignment.endpoints[0].lb_endpoints
    assert host.endpoint is not None
    assert host.endpoint.address is not None
    assert host.endpoint.address.pipe is not None
    assert host.endpoint.address.pipe.path == "/run/rules.sock"
    assert host.metadata is not None
    assert host.metadata.filter_metadata["hyperplan"].to_dict() == {"model": "r@1", "path": "/rules/delay/r@1"}


def test_every_model_comes_before_every_arm() -> None:
    resources = of(planned(), planned(name="other", match={"path": "/other"}))
    kinds = [name.startswith("arm/") for name in resources.clusters]
    assert kinds == sorted(kinds)
    assert kinds.count(True) == 4


def test_an_address_is_static_and_a_name_is_looked_up() -> None:
    resources, endpoint = of(planned()), planned().endpoint
    kinds = [cluster(resources, model_cluster(endpoint, model)).type for model in ("a@1", "b@1")]
    assert kinds == [ClusterDiscoveryType.STATIC, ClusterDiscoveryType.STRICT_DNS]


def test_only_https_is_encrypted() -> None:
    resources, endpoint = of(planned()), planned().endpoint
    sockets = [cluster(resources, model_cluster(endpoint, model)).transport_socket for model in ("a@1", "b@1")]
    assert sockets[0] is None
    assert sockets[1] is not None


def test_a_plan_of_other_weights_is_the_same_to_envoy() -> None:
    other = planned(revision=2, routing={"split": {"a@1": 8, "b@1": 2}, "fallback": ["b@1"]})
    assert of(planned()) == of(other)


CHANGES: list[dict[str, Any]] = [
    {"url": "http://127.0.0.1:9009/a"},
    {"url": "http://127.0.0.1:9001/other"},
    {"protocol": "mlflow"},
    {"features": ["x"]},
    {"signature": "other"},
    {"answer": {"component": 0}},
]
"""What can be said of a model otherwise, so that it is not what it was."""


@given(st.lists(st.sampled_from(CHANGES), max_size=3), st.sampled_from([[], ["b@1"], ["c@1"], ["b@1", "c@1"]]))
def test_a_cluster_that_two_plans_have_means_the_same_to_a_request_that_either_decided(
    changes: list[dict[str, Any]], fallback: list[str]
) -> None:
    def with_first(first: dict[str, Any], fallback: list[str]) -> PlannedEndpoint:
        models = {name: {"url": f"http://127.0.0.1:9001/{name}", "protocol": "tfserving"} for name in ("b@1", "c@1")}
        models["a@1"] = {"url": "http://127.0.0.1:9001/a", "protocol": "tfserving", **first}
        routing = {"split": {"a@1": 1}, "fallback": fallback, "shadow": ["b@1"], "default": "b@1"}
        return planned(models=models, routing=routing)

    before = with_first({}, ["b@1"])
    changed: dict[str, Any] = {}
    for change in changes:
        changed |= change
    if changed.get("protocol") == "mlflow":
        changed.pop("signature", None)
    after = with_first(changed, fallback)
    common = of(before).clusters.keys() & of(after).clusters.keys()
    same_model = before.endpoint.models["a@1"] == after.endpoint.models["a@1"]
    assert (model_cluster(before.endpoint, "a@1") in common) == same_model
    assert (arm_cluster(before.endpoint, "a@1") in common) == (same_model and fallback == ["b@1"])
    assert {model_cluster(before.endpoint, "b@1"), shadow_cluster(before.endpoint, "b@1")} <= common


def test_a_model_that_is_merely_watched_in_another_way_keeps_its_cluster() -> None:
    watched = {
        "url": "http://127.0.0.1:9001/a",
        "protocol": "tfserving",
        "health": "/",
        "timeout": 1,
        "lineage": {"algorithm": "gbm"},
    }
    models = {"a@1": watched, "b@1": {"url": "https://models.example.org/b", "protocol": "tfserving"}}
    assert of(planned(models=models)).clusters.keys() >= of(planned()).clusters.keys()


def test_a_change_of_the_default_model_is_not_the_same_to_envoy() -> None:
    other = planned(revision=2, routing={"split": {"a@1": 1, "b@1": 2}, "fallback": ["b@1"]})
    assert of(planned()) != of(other)


def test_endpoints_that_did_not_change_are_taken_over() -> None:
    before = of(planned())
    after = of(planned(), planned(name="other", match={"path": "/other"}), before=before)
    assert after.endpoints["delay"] is before.endpoints["delay"]
    assert after.clusters.keys() > before.clusters.keys()


def test_an_endpoint_that_changed_is_built_anew() -> None:
    before = of(planned())
    assert of(planned(timeout=3), before=before) == of(planned(timeout=3))


def test_another_default_upstream_is_at_the_end_of_the_routes_of_endpoints_that_did_not_change() -> None:
    plan = Plan(1, (planned(),))
    assert resources_of(plan, "http://app", before=of(planned())) == resources_of(plan, "http://app")
    assert resources_of(plan, before=resources_of(plan, "http://app")) == of(planned())


def test_equal_messages_are_equal_bytes_in_whichever_order_their_maps_were_filled() -> None:
    names = [f"name {n}" for n in range(100)]
    one = Struct(fields={name: Value(string_value=name) for name in names})
    other = Struct(fields={name: Value(string_value=name) for name in reversed(names)})
    assert one == other
    assert serialised(one) == serialised(other)


def test_no_endpoint_is_a_plan_too() -> None:
    resources = of()
    matcher = virtual_host(resources).matcher
    assert matcher is not None
    assert (matcher.matcher_tree, len(tried(matcher.on_no_match))) == (None, 1)
    assert (resources.clusters, resources.longest_timeout) == ({}, 0.0)


def test_envoy_tries_the_same_routes_however_many_endpoints_there_are() -> None:
    others = [planned(name=f"other-{number}", match={"path": f"/delay/{number}"}) for number in range(50)]
    assert routes(of(planned(), *others)) == routes(of(planned()))


def test_only_the_routes_of_the_endpoint_that_names_the_host_are_tried_on_it() -> None:
    shop = planned(name="shop", match={"path": "/delay", "host": "shop.example"})
    assert routes(of(shop, planned()), "shop.example") == routes(of(planned(name="shop")))
    assert routes(of(shop, planned())) == routes(of(planned()))


def test_the_order_of_endpoints_is_the_same_to_envoy() -> None:
    endpoints = [planned(), planned(name="other", match={"path": "/other"})]
    assert of(*endpoints).routes == of(*reversed(endpoints)).routes


def test_the_longest_time_limit_is_known() -> None:
    other = planned(name="other", match={"path": "/other"}, timeout=40)
    assert of(planned(), other).longest_timeout == 40


def test_a_lone_model_is_not_tried_twice() -> None:
    chosen, default, *_ = routes(of(planned(routing={"split": {"a@1": 1}})))
    assert chosen.route is not None
    assert default.route is not None
    assert (chosen.route.retry_policy, default.route.retry_policy) == (None, None)


def test_a_chain_is_tried_to_the_end_of_its_spares() -> None:
    chosen, *_ = routes(of(planned()))
    assert chosen.route is not None
    assert chosen.route.retry_policy is not None
    assert chosen.route.retry_policy.num_retries == 2


def test_a_try_may_take_an_equal_share_of_the_time_or_what_its_model_says() -> None:
    models = {
        name: {"url": "http://127.0.0.1:9001/", "protocol": "tfserving", **timeout}
        for name, timeout in {"a@1": {"timeout": 7}, "b@1": {}, "c@1": {"timeout": 1}}.items()
    }
    limited = planned(timeout=9, models=models, routing={"split": {"a@1": 1}, "fallback": ["b@1", "c@1"]})
    resources = of(limited)
    chosen, *_ = routes(resources)
    assert chosen.route is not None
    assert chosen.route.retry_policy is not None
    assert chosen.route.retry_policy.per_try_timeout == timedelta(seconds=7)
    common = [options(resources, model_cluster(limited.endpoint, name)).common_http_protocol_options for name in models]
    limits = [None if part is None else part.max_stream_duration for part in common]
    assert limits == [None, timedelta(seconds=3), timedelta(seconds=1)]


def test_the_default_upstream_is_a_cluster() -> None:
    resources = resources_of(Plan(1, (planned(),)), "http://app:8000")
    assert cluster(resources, DEFAULT_UPSTREAM).type == ClusterDiscoveryType.STRICT_DNS


@pytest.mark.parametrize(
    "url", ["app:8000", "http://", "ftp://app", "http://app:99999", "http://app/path", "http://[", ""]
)
def test_a_default_upstream_that_is_no_server_is_refused_by_name(url: str) -> None:
    with pytest.raises(Invalid, match="default upstream"):
        resources_of(Plan(0), url)

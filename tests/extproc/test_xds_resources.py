"""What a plan becomes for Envoy. Whether Envoy takes it is for the tests with a real one."""

from typing import Any

import pytest
from envoy_data_plane.envoy.config.cluster.v3 import Cluster, ClusterDiscoveryType
from envoy_data_plane.envoy.config.route.v3 import Route, RouteConfiguration, RouteList, VirtualHost
from envoy_data_plane.google.protobuf import Any as Packed
from envoy_data_plane.xds.type.matcher.v3 import MatcherOnMatch
from google.protobuf.struct_pb2 import Struct, Value

from extproc.xds.packing import serialised
from extproc.xds.resources import DEFAULT_UPSTREAM, ROUTES, Resources, resources_of
from hyperplan.documents import Document
from hyperplan.endpoint import read_endpoint
from hyperplan.plan import Plan, PlannedEndpoint, arm_cluster, model_cluster
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
    names = {model_cluster("delay", model) for model in ("a@1", "b@1")}
    assert of(planned()).clusters.keys() == names | {arm_cluster("delay", arm) for arm in ("a@1", "b@1")}


def test_every_model_comes_before_every_arm() -> None:
    resources = of(planned(), planned(name="other", match={"path": "/other"}))
    kinds = [name.partition("/")[0] for name in resources.clusters]
    assert kinds == ["model"] * 4 + ["arm"] * 4


def test_an_address_is_static_and_a_name_is_looked_up() -> None:
    resources = of(planned())
    kinds = [cluster(resources, model_cluster("delay", model)).type for model in ("a@1", "b@1")]
    assert kinds == [ClusterDiscoveryType.STATIC, ClusterDiscoveryType.STRICT_DNS]


def test_only_https_is_encrypted() -> None:
    resources = of(planned())
    sockets = [cluster(resources, model_cluster("delay", model)).transport_socket for model in ("a@1", "b@1")]
    assert sockets[0] is None
    assert sockets[1] is not None


def test_a_plan_of_other_weights_is_the_same_to_envoy() -> None:
    other = planned(revision=2, routing={"split": {"a@1": 8, "b@1": 2}, "fallback": ["b@1"]})
    assert of(planned()) == of(other)


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


def test_each_model_of_a_chain_gets_one_try() -> None:
    chosen, *_ = routes(of(planned()))
    assert chosen.route is not None
    assert chosen.route.retry_policy is not None
    assert chosen.route.retry_policy.num_retries == 1


def test_the_default_upstream_is_a_cluster() -> None:
    resources = resources_of(Plan(1, (planned(),)), "http://app:8000")
    assert cluster(resources, DEFAULT_UPSTREAM).type == ClusterDiscoveryType.STRICT_DNS


@pytest.mark.parametrize(
    "url", ["app:8000", "http://", "ftp://app", "http://app:99999", "http://app/path", "http://[", ""]
)
def test_a_default_upstream_that_is_no_server_is_refused_by_name(url: str) -> None:
    with pytest.raises(Invalid, match="default upstream"):
        resources_of(Plan(0), url)

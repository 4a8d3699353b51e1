"""The order in which resources reach Envoy, as a conversation without a network."""

from collections import deque

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from extproc.wire.discovery_pb2 import DiscoveryRequest, DiscoveryResponse, Node
from extproc.xds.delivery import Delivery, Send, State
from extproc.xds.resources import CLUSTER, ROUTE_CONFIGURATION, ROUTES, Resources

OLD = Resources({"a": b"a", "both": b"both"}, {ROUTES: b"a both"})
NEW = Resources({"b": b"b", "both": b"both"}, {ROUTES: b"b both"})
ENVOY = 1


def subscribe(kind: str, *names: str) -> DiscoveryRequest:
    return DiscoveryRequest(type_url=kind, resource_names=names)


def ack(send: Send, *names: str) -> DiscoveryRequest:
    response = send.response
    return DiscoveryRequest(
        type_url=response.type_url,
        version_info=response.version_info,
        response_nonce=response.nonce,
        resource_names=names,
    )


def nack(send: Send, reason: str) -> DiscoveryRequest:
    request = ack(send)
    request.error_detail.message = reason
    return request


def pushed(sends: list[Send]) -> list[tuple[str, list[bytes]]]:
    return [(send.response.type_url, sorted(send.response.resources)) for send in sends]


def connected(delivery: Delivery, stream: int = ENVOY) -> None:
    """An Envoy that has acknowledged what is served."""
    delivery.opened(stream)
    for kind in (CLUSTER, ROUTE_CONFIGURATION):
        sends = delivery.received(stream, subscribe(kind))
        while sends:
            sends = [more for send in sends for more in delivery.received(stream, ack(send))]


@pytest.fixture
def delivery() -> Delivery:
    delivery = Delivery(OLD)
    connected(delivery)
    return delivery


def test_a_push_keeps_the_order_of_the_resources() -> None:
    delivery = Delivery(Resources({"second": b"2", "first": b"1"}, {}))
    delivery.opened(ENVOY)
    [push] = delivery.received(ENVOY, subscribe(CLUSTER))
    assert list(push.response.resources) == [b"2", b"1"]


def test_clusters_go_before_routes_and_old_ones_stay_until_they_expire(delivery: Delivery) -> None:
    [clusters] = delivery.propose(NEW)
    assert pushed([clusters]) == [(CLUSTER, [b"a", b"b", b"both"])]
    [routes] = delivery.received(ENVOY, ack(clusters))
    assert pushed([routes]) == [(ROUTE_CONFIGURATION, [b"b both"])]
    assert delivery.state is State.ROUTING
    assert delivery.received(ENVOY, ack(routes)) == []
    assert (delivery.state, delivery.current, delivery.refusal) == (State.SETTLED, NEW, None)
    assert delivery.retired() == {"a"}
    assert pushed(delivery.expire(["a"])) == [(CLUSTER, [b"b", b"both"])]


def test_resources_that_envoy_could_not_tell_from_the_current_ones_are_not_pushed(delivery: Delivery) -> None:
    same = Resources(dict(OLD.clusters), dict(OLD.routes), longest_timeout=9)
    assert delivery.propose(same) == []
    assert (delivery.state, delivery.current is same) == (State.SETTLED, True)


def test_a_change_of_routes_alone_pushes_routes_alone(delivery: Delivery) -> None:
    assert pushed(delivery.propose(Resources(OLD.clusters, {ROUTES: b"a"}))) == [(ROUTE_CONFIGURATION, [b"a"])]


def test_refused_clusters_are_taken_back(delivery: Delivery) -> None:
    [clusters] = delivery.propose(NEW)
    assert pushed(delivery.received(ENVOY, nack(clusters, "bad b"))) == [(CLUSTER, [b"a", b"both"])]
    assert (delivery.state, delivery.current, delivery.refusal) == (State.SETTLED, OLD, "bad b")


def test_refused_routes_are_taken_back_and_the_new_clusters_retired(delivery: Delivery) -> None:
    [clusters] = delivery.propose(NEW)
    [routes] = delivery.received(ENVOY, ack(clusters))
    assert pushed(delivery.received(ENVOY, nack(routes, "bad"))) == [(ROUTE_CONFIGURATION, [b"a both"])]
    assert (delivery.current, delivery.retired()) == (OLD, frozenset("b"))


def test_an_accepted_change_after_a_refused_one_forgets_the_refusal(delivery: Delivery) -> None:
    [clusters] = delivery.propose(NEW)
    [again] = delivery.received(ENVOY, nack(clusters, "bad"))
    delivery.received(ENVOY, ack(again))
    [clusters] = delivery.propose(NEW)
    [routes] = delivery.received(ENVOY, ack(clusters))
    delivery.received(ENVOY, ack(routes))
    assert (delivery.current, delivery.refusal) == (NEW, None)


def test_an_ack_of_an_older_push_counts_for_nothing(delivery: Delivery) -> None:
    [overtaken] = delivery.propose(NEW)
    delivery.abandon()
    delivery.propose(NEW)
    assert delivery.received(ENVOY, ack(overtaken)) == []
    assert delivery.state is State.WIDENING


def test_a_nack_of_an_older_push_counts_for_nothing(delivery: Delivery) -> None:
    [overtaken] = delivery.propose(NEW)
    delivery.abandon()
    delivery.propose(NEW)
    assert delivery.received(ENVOY, nack(overtaken, "bad")) == []
    assert (delivery.state, delivery.refusal) == (State.WIDENING, None)


def test_a_stream_that_breaks_takes_its_ack_with_it(delivery: Delivery) -> None:
    [clusters] = delivery.propose(NEW)
    delivery.received(ENVOY, ack(clusters))
    assert delivery.closed(ENVOY) == []
    delivery.opened(2)
    assert delivery.received(2, subscribe(ROUTE_CONFIGURATION, ROUTES)) != []
    assert delivery.state is State.ROUTING


def test_a_new_stream_gets_routes_only_after_it_has_acknowledged_clusters(delivery: Delivery) -> None:
    delivery.propose(NEW)
    delivery.closed(ENVOY)
    delivery.opened(2)
    [clusters] = delivery.received(2, subscribe(CLUSTER))
    assert pushed([clusters]) == [(CLUSTER, [b"a", b"b", b"both"])]
    assert delivery.received(2, subscribe(ROUTE_CONFIGURATION, ROUTES)) == []
    [routes] = delivery.received(2, ack(clusters))
    assert pushed([routes]) == [(ROUTE_CONFIGURATION, [b"b both"])]
    delivery.received(2, ack(routes, ROUTES))
    assert (delivery.state, delivery.current) == (State.SETTLED, NEW)


def test_a_stream_that_refuses_the_clusters_it_starts_with_still_gets_routes() -> None:
    delivery = Delivery(OLD)
    delivery.opened(ENVOY)
    [clusters] = delivery.received(ENVOY, subscribe(CLUSTER))
    delivery.received(ENVOY, subscribe(ROUTE_CONFIGURATION))
    assert pushed(delivery.received(ENVOY, nack(clusters, "one is bad"))) == [(ROUTE_CONFIGURATION, [b"a both"])]


def test_without_an_envoy_a_change_waits() -> None:
    delivery = Delivery(OLD)
    assert delivery.propose(NEW) == []
    assert delivery.state is State.WIDENING


def test_every_connected_envoy_is_waited_for(delivery: Delivery) -> None:
    connected(delivery, 2)
    first, second = delivery.propose(NEW)
    assert delivery.received(first.stream, ack(first)) == []
    assert len(delivery.received(second.stream, ack(second))) == 2


def test_an_envoy_that_leaves_is_waited_for_no_more(delivery: Delivery) -> None:
    connected(delivery, 2)
    first, second = delivery.propose(NEW)
    delivery.received(first.stream, ack(first))
    assert pushed(delivery.closed(second.stream)) == [(ROUTE_CONFIGURATION, [b"b both"])]


def test_the_node_is_needed_in_no_message(delivery: Delivery) -> None:
    delivery.opened(2)
    request = subscribe(CLUSTER)
    request.node.CopyFrom(Node(id="envoy"))
    [clusters] = delivery.received(2, request)
    assert delivery.received(2, ack(clusters)) == []


def test_a_type_that_is_not_served_gets_one_empty_answer(delivery: Delivery) -> None:
    kind = "type.googleapis.com/envoy.config.listener.v3.Listener"
    [empty] = delivery.received(ENVOY, subscribe(kind))
    assert pushed([empty]) == [(kind, [])]
    assert delivery.received(ENVOY, ack(empty)) == []


def test_a_type_nobody_asked_for_is_not_pushed() -> None:
    delivery = Delivery(OLD)
    delivery.opened(ENVOY)
    [clusters] = delivery.received(ENVOY, subscribe(CLUSTER))
    delivery.received(ENVOY, ack(clusters))
    [widened] = delivery.propose(NEW)
    assert delivery.received(ENVOY, ack(widened)) == []


def test_a_stream_gets_the_names_that_it_asks_for(delivery: Delivery) -> None:
    delivery.opened(2)
    [clusters] = delivery.received(2, subscribe(CLUSTER, "a", "unheard-of"))
    assert pushed([clusters]) == [(CLUSTER, [b"a"])]
    [others] = delivery.received(2, ack(clusters, "both"))
    assert pushed([others]) == [(CLUSTER, [b"both"])]


def test_an_abandoned_change_leaves_what_was(delivery: Delivery) -> None:
    delivery.propose(NEW)
    assert pushed(delivery.abandon()) == [(CLUSTER, [b"a", b"both"])]
    assert (delivery.state, delivery.current) == (State.SETTLED, OLD)
    assert delivery.abandon() == []


def test_a_cluster_that_came_back_into_use_does_not_expire(delivery: Delivery) -> None:
    [clusters] = delivery.propose(NEW)
    [routes] = delivery.received(ENVOY, ack(clusters))
    delivery.received(ENVOY, ack(routes))
    delivery.propose(OLD)
    assert delivery.expire(["a"]) == []


def test_nothing_expires_while_envoy_is_away(delivery: Delivery) -> None:
    [clusters] = delivery.propose(NEW)
    [routes] = delivery.received(ENVOY, ack(clusters))
    delivery.received(ENVOY, ack(routes))
    delivery.closed(ENVOY)
    delivery.expire(["a"])
    assert delivery.retired() == {"a"}
    connected(delivery, 2)
    assert pushed(delivery.expire(["a"])) == [(CLUSTER, [b"b", b"both"])]


def test_what_envoy_refused_is_pushed_again_with_the_next_change(delivery: Delivery) -> None:
    [clusters] = delivery.propose(NEW)
    [routes] = delivery.received(ENVOY, ack(clusters))
    delivery.received(ENVOY, ack(routes))
    delivery.closed(ENVOY)
    delivery.opened(2)
    [clusters] = delivery.received(2, subscribe(CLUSTER))
    assert delivery.received(2, nack(clusters, "no")) == []
    [again] = delivery.propose(OLD)
    assert pushed([again]) == [(CLUSTER, [b"a", b"b", b"both"])]
    delivery.received(2, ack(again))
    delivery.received(2, subscribe(ROUTE_CONFIGURATION))
    assert delivery.state is State.ROUTING


def test_one_change_at_a_time(delivery: Delivery) -> None:
    delivery.propose(NEW)
    with pytest.raises(RuntimeError, match="under way"):
        delivery.propose(OLD)


NAMES = ("a", "b", "c")


def resources(names: frozenset[str]) -> Resources:
    """Clusters with these names, and routes that lead to each of them."""
    return Resources({name: name.encode() for name in names}, {ROUTES: " ".join(sorted(names)).encode()})


class MakeBeforeBreak(RuleBasedStateMachine):
    """An Envoy that takes its time, refuses, and loses its stream; a caller that changes its mind.

    Whatever happens, Envoy never holds routes to a cluster that it does not have.
    """

    def __init__(self) -> None:
        super().__init__()
        self.delivery = Delivery(resources(frozenset("a")))
        self.stream = 0
        self.online = False
        self.inbox: deque[DiscoveryResponse] = deque()
        self.clusters: set[str] = set()
        self.routes: set[str] = set()

    def is_new(self, response: DiscoveryResponse) -> bool:
        current = self.delivery.current
        held = current.clusters if response.type_url == CLUSTER else current.routes
        return not set(response.resources) <= set(held.values())

    def deliver(self, sends: list[Send]) -> None:
        self.inbox.extend(send.response for send in sends)

    @precondition(lambda self: not self.online)
    @rule(routes_first=st.booleans())
    def connect(self, routes_first: bool) -> None:
        """A fresh Envoy asks for routes when it has clusters; one that was connected before asks for both at once."""
        self.stream, self.online = self.stream + 1, True
        self.delivery.opened(self.stream)
        self.deliver(self.delivery.received(self.stream, subscribe(CLUSTER)))
        if self.routes or routes_first:
            self.deliver(self.delivery.received(self.stream, subscribe(ROUTE_CONFIGURATION)))
            self.asked_for_routes = True
        else:
            self.asked_for_routes = False

    @precondition(lambda self: self.online)
    @rule()
    def disconnect(self) -> None:
        self.online = False
        self.inbox.clear()
        self.deliver(self.delivery.closed(self.stream))

    @precondition(lambda self: self.inbox)
    @rule()
    def accept(self) -> None:
        response = self.inbox.popleft()
        held = [resource.decode() for resource in response.resources]
        if response.type_url == CLUSTER:
            self.clusters = set(held)
        else:
            self.routes = set(held[0].split())
        self.answer(ack(Send(self.stream, response)))

    @precondition(lambda self: self.inbox and self.is_new(self.inbox[0]))
    @rule()
    def refuse(self) -> None:
        """Only what is proposed may be bad; what is in force was good before. Envoy takes the clusters that are good."""
        response = self.inbox.popleft()
        if response.type_url == CLUSTER:
            good = self.clusters | self.delivery.current.clusters.keys()
            self.clusters = good & {resource.decode() for resource in response.resources}
        self.answer(nack(Send(self.stream, response), "no"))

    def answer(self, request: DiscoveryRequest) -> None:
        self.deliver(self.delivery.received(self.stream, request))
        if not self.asked_for_routes:
            self.asked_for_routes = True
            self.deliver(self.delivery.received(self.stream, subscribe(ROUTE_CONFIGURATION)))

    @precondition(lambda self: self.delivery.state is State.SETTLED)
    @rule(names=st.frozensets(st.sampled_from(NAMES)))
    def propose(self, names: frozenset[str]) -> None:
        self.deliver(self.delivery.propose(resources(names)))

    @rule()
    def abandon(self) -> None:
        self.deliver(self.delivery.abandon())

    @rule(names=st.frozensets(st.sampled_from(NAMES)))
    def expire(self, names: frozenset[str]) -> None:
        self.deliver(self.delivery.expire(names))

    @invariant()
    def every_route_leads_somewhere(self) -> None:
        assert self.routes <= self.clusters

    def teardown(self) -> None:
        """An Envoy that accepts everything ends up with what is in force, and every change comes to its end."""
        if not self.online:
            self.connect(False)
        while self.inbox:
            self.accept()
            self.every_route_leads_somewhere()
        assert self.delivery.state is State.SETTLED
        wanted = set(self.delivery.current.clusters)
        assert self.routes == wanted
        assert self.clusters - self.delivery.retired() == wanted


TestMakeBeforeBreak = MakeBeforeBreak.TestCase
TestMakeBeforeBreak.settings = settings(max_examples=80, stateful_step_count=40)

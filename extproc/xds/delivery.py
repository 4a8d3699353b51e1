"""In which order resources reach Envoy, as a state machine: messages in, messages out, no I/O.

Make before break: clusters first, old and new together; routes to them only when every connected Envoy has acknowledged
those; old clusters go last, after a grace that the caller keeps.

    state      what Envoy is given          on ACK by all        on NACK
    SETTLED    clusters, routes
    WIDENING   old and new clusters         ROUTING              SETTLED, on the old
    ROUTING    the same, and new routes     SETTLED, on the new  SETTLED, on the old

A refused push is partly applied by Envoy, so after a NACK the old set is pushed again. An ACK counts only on the stream
that got the push and only for the newest one: a stream that breaks takes what it acknowledged with it, and the one that
Envoy opens next starts over, with clusters before routes.

The protocol is xDS in its "state of the world" form: every push of a type holds all resources of the type.
"""

import enum
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from extproc.wire.discovery_pb2 import DiscoveryRequest, DiscoveryResponse
from extproc.xds.resources import CLUSTER, ROUTE_CONFIGURATION, Resources


class Send(NamedTuple):
    """A message for a stream, which is known by a number."""

    stream: int
    response: DiscoveryResponse


class State(enum.Enum):
    """Where a change of resources is on its way; see the table above."""

    SETTLED = enum.auto()
    WIDENING = enum.auto()
    ROUTING = enum.auto()


@dataclass
class _Served:
    """The resources of one type that Envoy is given now. The version grows with every change."""

    resources: Mapping[str, bytes]
    version: int = 1


_NOTHING = _Served({})
"""What is served of types that Hyperplan does not have: an empty answer, so that Envoy does not wait for one."""


@dataclass
class _Subscription:
    """What one stream asked for of one type, and the versions that it was sent, answered and acknowledged last."""

    names: tuple[str, ...]
    nonce: str = ""
    sent: int = 0
    answered: int = 0
    acknowledged: int = 0


class Delivery:
    """The resources in force, the change under way, and the streams that must learn of it.

    Every input returns the messages to send because of it, in order. A proposal has come to its end when `state` is
    SETTLED again: `current` then tells whether it was accepted, and `refusal`, if Envoy refused it, why.
    """

    def __init__(self, resources: Resources) -> None:
        self.current = resources
        self.state = State.SETTLED
        self.refusal: str | None = None
        self._proposed = resources
        self._clusters_before = resources.clusters
        self._served = {CLUSTER: _Served(resources.clusters), ROUTE_CONFIGURATION: _Served(resources.routes)}
        self._streams: dict[int, dict[str, _Subscription]] = {}
        self._nonce = 0

    def retired(self) -> frozenset[str]:
        """The clusters that Envoy still has and that nothing in force or under way needs."""
        current, proposed = self.current.clusters, self._proposed.clusters
        return frozenset(
            name for name in self._served[CLUSTER].resources if name not in current and name not in proposed
        )

    def opened(self, stream: int) -> None:
        """A stream was opened. Nothing is sent before it asks."""
        self._streams[stream] = {}

    def closed(self, stream: int) -> list[Send]:
        """A stream ended. The change may have been waiting for it alone."""
        del self._streams[stream]
        return self._advance()

    def received(self, stream: int, request: DiscoveryRequest) -> list[Send]:
        """A stream asked for a type or for other names of it, acknowledged a push, or refused one."""
        subscriptions, kind = self._streams[stream], request.type_url
        subscription = subscriptions.setdefault(kind, _Subscription(tuple(request.resource_names)))
        if request.response_nonce != subscription.nonce:
            return []  # an answer to a push that a newer one has overtaken
        subscription.answered = subscription.sent
        if request.HasField("error_detail"):
            return self._refused(kind, request.error_detail.message) + self._owed(stream)
        subscription.acknowledged = subscription.sent
        names = tuple(request.resource_names)
        if names != subscription.names:
            subscription.names, subscription.sent = names, 0
        return self._advance() + self._owed(stream)

    def propose(self, resources: Resources) -> list[Send]:
        """Begin to change to other resources.

        Raises:
            RuntimeError: another change is still under way.
        """
        if self.state is not State.SETTLED:
            raise RuntimeError("another change of resources is under way")
        self.refusal = None
        if resources == self.current:
            self.current = self._proposed = resources
            return []
        self.state, self._proposed = State.WIDENING, resources
        self._clusters_before = self._served[CLUSTER].resources
        return self._serve(CLUSTER, {**self._clusters_before, **resources.clusters}) + self._advance()

    def abandon(self) -> list[Send]:
        """Give up the change under way, if there is one: back to the resources before it."""
        if self.state is State.SETTLED:
            return []
        state, self.state, self._proposed = self.state, State.SETTLED, self.current
        if state is State.WIDENING:
            return self._serve(CLUSTER, {**self._clusters_before, **self.current.clusters})
        # Requests may be on their way to the new clusters: those stay, retired.
        sends = self._serve(ROUTE_CONFIGURATION, self.current.routes)
        return sends + self._serve(CLUSTER, {**self._served[CLUSTER].resources, **self.current.clusters})

    def expire(self, names: Iterable[str]) -> list[Send]:
        """Take away clusters that were retired long enough ago, except those that are needed again.

        An Envoy that is away may still route to them, and comes back with what it had: until one has acknowledged the
        routes in force, nothing is taken away.
        """
        if not self._all_have(ROUTE_CONFIGURATION):
            return []
        gone = self.retired().intersection(names)
        clusters = self._served[CLUSTER].resources
        return self._serve(CLUSTER, {name: clusters[name] for name in clusters if name not in gone})

    def _advance(self) -> list[Send]:
        """Take the steps for which nobody has to be waited for any more."""
        sends: list[Send] = []
        if self.state is State.WIDENING and self._all_have(CLUSTER):
            self.state = State.ROUTING
            sends = self._serve(ROUTE_CONFIGURATION, self._proposed.routes)
        if self.state is State.ROUTING and self._all_have(ROUTE_CONFIGURATION):
            self.state, self.current = State.SETTLED, self._proposed
        return sends

    def _refused(self, kind: str, reason: str) -> list[Send]:
        """A push was refused. If it belonged to the change under way, that has failed."""
        changing = (CLUSTER, ROUTE_CONFIGURATION) if self.state is State.ROUTING else (CLUSTER,)
        if self.state is State.SETTLED or kind not in changing:
            return []
        self.refusal = reason
        return self.abandon()

    def _all_have(self, kind: str) -> bool:
        """Whether there is an Envoy, and each has acknowledged what is served of a type.

        An Envoy is a stream that asked for clusters, which is what Envoy does first.
        """
        version = self._served[kind].version
        envoys = [subscriptions for subscriptions in self._streams.values() if CLUSTER in subscriptions]
        acknowledged = [kind in asked and asked[kind].acknowledged == version for asked in envoys]
        return bool(acknowledged) and all(acknowledged)

    def _is_refused(self, kind: str, version: int) -> bool:
        """Whether an Envoy has answered this version, but not with an ACK."""
        asked = [subscriptions[kind] for subscriptions in self._streams.values() if kind in subscriptions]
        return any(one.answered == version != one.acknowledged for one in asked)

    def _serve(self, kind: str, resources: Mapping[str, bytes]) -> list[Send]:
        """From now on give these resources, and push them to every stream that asked.

        What an Envoy has refused is pushed again even if it is the same: nobody would ever acknowledge it otherwise.
        """
        served = self._served[kind]
        if resources != served.resources or self._is_refused(kind, served.version):
            self._served[kind] = _Served(resources, served.version + 1)
        return [send for stream in self._streams for send in self._owed(stream)]

    def _owed(self, stream: int) -> list[Send]:
        """Pushes of what a stream asked for and does not have; of routes only after it has answered the clusters."""
        subscriptions = self._streams[stream]
        sends = []
        for kind, subscription in subscriptions.items():
            served = self._served.get(kind, _NOTHING)
            if subscription.sent == served.version:
                continue
            if kind == ROUTE_CONFIGURATION and CLUSTER in subscriptions:
                clusters = subscriptions[CLUSTER]
                if clusters.answered != self._served[CLUSTER].version:
                    continue
            sends.append(Send(stream, self._push(kind, subscription, served)))
        return sends

    def _push(self, kind: str, subscription: _Subscription, served: _Served) -> DiscoveryResponse:
        self._nonce += 1
        subscription.nonce, subscription.sent = str(self._nonce), served.version
        return DiscoveryResponse(
            version_info=str(served.version),
            resources=[resource for name, resource in served.resources.items() if _asks_for(subscription.names, name)],
            type_url=kind,
            nonce=subscription.nonce,
        )


def _asks_for(names: tuple[str, ...], name: str) -> bool:
    """No names, or a star, ask for everything."""
    return not names or "*" in names or name in names

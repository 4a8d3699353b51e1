"""The xDS server: the unix socket where Envoy fetches its clusters and routes.

A thin shell around `Delivery`: it carries messages between gRPC streams and the state machine, keeps the time after
which old clusters go, and lets a caller wait for what comes of a change.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterable
from pathlib import Path

import grpc
import grpc.aio

from extproc.wire.discovery_pb2 import DiscoveryRequest, DiscoveryResponse
from extproc.xds.delivery import Delivery, Send, State
from extproc.xds.resources import Resources

SERVICE = "envoy.service.discovery.v3.AggregatedDiscoveryService"

_AGAIN = 1.0
"""Seconds until clusters that could not be taken away, since no Envoy is there, are looked at again."""

_log = logging.getLogger(__name__)


class Refused(Exception):
    """Envoy refused resources; the message is Envoy's reason. The resources before are in force again."""


class XdsServer:
    """Serves resources to the Envoy that connects to a unix socket, and changes them without losing a request.

    Clusters that are not needed any more stay for as long as a request may take, and `grace` (seconds) on top.
    """

    def __init__(self, socket: Path, grace: float = 1.0) -> None:
        self._socket = socket
        self._grace = grace
        self._server: grpc.aio.Server | None = None
        self._delivery = Delivery(Resources({}, {}))
        self._outboxes: dict[int, asyncio.Queue[DiscoveryResponse | None]] = {}
        self._streams = 0
        self._changing = asyncio.Lock()
        self._settled = asyncio.Event()
        self._deadlines: dict[str, float] = {}
        self._timers: set[asyncio.TimerHandle] = set()

    async def start(self, resources: Resources) -> None:
        """Listen, and serve these resources to begin with.

        Raises:
            RuntimeError: the socket cannot be made.
        """
        self._delivery = Delivery(resources)
        self._socket.unlink(missing_ok=True)  # left by a sidecar that was killed
        handler = grpc.stream_stream_rpc_method_handler(
            self._stream,
            request_deserializer=DiscoveryRequest.FromString,
            response_serializer=DiscoveryResponse.SerializeToString,
        )
        server = grpc.aio.server()
        server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler(SERVICE, {"StreamAggregatedResources": handler}),)
        )
        server.add_insecure_port(f"unix:{self._socket}")
        await server.start()
        self._server = server
        self._socket.chmod(0o600)

    async def stop(self) -> None:
        """End the streams and remove the socket. Envoy keeps what it has."""
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
        if self._server is not None:
            await self._server.stop(grace=None)
            self._server = None
        self._socket.unlink(missing_ok=True)

    async def apply(self, resources: Resources) -> None:
        """Change to other resources, and return when Envoy has acknowledged that it routes by them.

        Waits for an Envoy if none is connected. Returns at once if Envoy would not see a difference. When cancelled,
        the resources before stay in force.

        Raises:
            Refused: Envoy would not have them.
        """
        async with self._changing:
            before = self._delivery.current
            self._deliver(self._delivery.propose(resources))
            try:
                await self._settled.wait()
            finally:
                self._deliver(self._delivery.abandon())
                self._retire(max(before.longest_timeout, resources.longest_timeout) + self._grace)
            if self._delivery.current is not resources:
                raise Refused(self._delivery.refusal or "no reason given")

    async def _stream(
        self, requests: AsyncIterator[DiscoveryRequest], _context: grpc.aio.ServicerContext
    ) -> AsyncIterator[DiscoveryResponse]:
        """One gRPC stream, from its opening to its end."""
        self._streams += 1
        stream = self._streams
        outbox: asyncio.Queue[DiscoveryResponse | None] = asyncio.Queue()
        self._outboxes[stream] = outbox
        self._delivery.opened(stream)
        reader = asyncio.create_task(self._read(stream, requests, outbox))
        try:
            while (response := await outbox.get()) is not None:
                yield response
        finally:
            reader.cancel()
            del self._outboxes[stream]
            self._deliver(self._delivery.closed(stream))

    async def _read(
        self,
        stream: int,
        requests: AsyncIterator[DiscoveryRequest],
        outbox: asyncio.Queue[DiscoveryResponse | None],
    ) -> None:
        try:
            async for request in requests:
                if request.HasField("error_detail"):
                    _log.warning("Envoy refused a push of %s: %s", request.type_url, request.error_detail.message)
                self._deliver(self._delivery.received(stream, request))
        finally:
            outbox.put_nowait(None)

    def _deliver(self, sends: Iterable[Send]) -> None:
        """Hand messages to their streams, and tell a waiting `apply` if its change has come to an end."""
        for send in sends:
            self._outboxes[send.stream].put_nowait(send.response)
        if self._delivery.state is State.SETTLED:
            self._settled.set()
        else:
            self._settled.clear()

    def _retire(self, delay: float) -> None:
        """Have the clusters that are not needed any more taken away after a delay in seconds."""
        loop = asyncio.get_running_loop()
        retired = self._delivery.retired()
        for name in self._deadlines.keys() - retired:
            del self._deadlines[name]
        new = retired - self._deadlines.keys()
        if new:
            self._deadlines.update(dict.fromkeys(new, loop.time() + delay))
            self._timers = {timer for timer in self._timers if timer.when() > loop.time()}
            self._timers.add(loop.call_later(delay, self._expire))

    def _expire(self) -> None:
        now = asyncio.get_running_loop().time()
        # The loop's timers may fire within its clock's resolution, that is a little early.
        due = [name for name, deadline in self._deadlines.items() if deadline <= now + 0.1]
        for name in due:
            del self._deadlines[name]
        self._deliver(self._delivery.expire(due))
        self._retire(_AGAIN)

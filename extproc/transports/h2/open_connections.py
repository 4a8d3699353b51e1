"""The connections that are open, however they came here: from a socket of our own, or handed over by another process."""

import asyncio
import logging
import socket
from typing import cast

from extproc.stages import Stage
from extproc.transports.h2.protocol import ServerProtocol

log = logging.getLogger("hyperplan.transport")


class OpenConnections:
    """Serves a stage on connections."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._protocols: dict[ServerProtocol, None] = {}  # in the order in which they came
        self._stopping = False
        self._empty = asyncio.Event()
        self._taking: set[asyncio.Task[object]] = set()
        self._coming: set[asyncio.Protocol] = set()  # those of connections that are being taken

    def __len__(self) -> int:
        """How many there are, those that are being taken included, those not counted that are only draining."""
        return sum(not protocol.is_draining for protocol in self._protocols) + len(self._coming)

    def protocol(self) -> asyncio.Protocol:
        """The protocol of a new connection."""
        return cast(asyncio.Protocol, ServerProtocol(self._stage, self._made, self._lost))

    def take(self, connection: socket.socket) -> None:
        """Serve a connection that was accepted elsewhere."""
        protocol = self.protocol()
        self._coming.add(protocol)

        def on_taken(task: asyncio.Task[object]) -> None:
            self._taking.discard(task)
            self._coming.discard(protocol)
            if not task.cancelled() and (error := task.exception()):
                log.warning("a connection that was handed over cannot be served: %s", error)

        loop = asyncio.get_running_loop()
        task = asyncio.ensure_future(loop.connect_accepted_socket(lambda: protocol, connection))
        self._taking.add(task)
        task.add_done_callback(on_taken)

    def shed(self) -> None:
        """Ask the peer of the newest connection to open another one for what is to come."""
        newest = next((one for one in reversed(self._protocols) if not one.is_draining), None)
        if newest is not None:
            newest.drain()

    async def stop(self, grace: float) -> None:
        """Take no new streams, and give those that are open `grace` seconds to end."""
        self._stopping = True
        for protocol in list(self._protocols):
            protocol.drain()
        if not await self._emptied(grace):
            for protocol in list(self._protocols):
                protocol.abort()
            await self._emptied(1.0)

    async def _emptied(self, patience: float) -> bool:
        """Whether every connection is gone, waiting so many seconds for it."""
        if self._protocols:
            self._empty.clear()
            try:
                await asyncio.wait_for(self._empty.wait(), patience)
            except TimeoutError:
                return False
        return True

    def _made(self, protocol: ServerProtocol) -> None:
        self._protocols[protocol] = None
        self._coming.discard(protocol)
        if self._stopping:
            protocol.drain()

    def _lost(self, protocol: ServerProtocol) -> None:
        self._protocols.pop(protocol, None)
        if not self._protocols:
            self._empty.set()

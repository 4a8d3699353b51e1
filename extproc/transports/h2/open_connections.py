"""The connections that are open, however they came here: from a socket of our own, or handed over by another process."""

import asyncio
import socket
from typing import cast

from extproc.stages import Stage
from extproc.transports.h2.protocol import ServerProtocol


class OpenConnections:
    """Serves a stage on connections."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._protocols: dict[ServerProtocol, None] = {}  # in the order in which they came
        self._stopping = False
        self._empty = asyncio.Event()
        self._taking: set[asyncio.Task[object]] = set()

    def __len__(self) -> int:
        """How many there are, those not counted that are only draining."""
        return sum(not protocol.is_draining for protocol in self._protocols)

    def protocol(self) -> asyncio.Protocol:
        """The protocol of a new connection."""
        return cast(asyncio.Protocol, ServerProtocol(self._stage, self._made, self._lost))

    def take(self, connection: socket.socket) -> None:
        """Serve a connection that was accepted elsewhere."""
        task = asyncio.ensure_future(asyncio.get_running_loop().connect_accepted_socket(self.protocol, connection))
        self._taking.add(task)
        task.add_done_callback(self._taking.discard)

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
        if self._stopping:
            protocol.drain()

    def _lost(self, protocol: ServerProtocol) -> None:
        self._protocols.pop(protocol, None)
        if not self._protocols:
            self._empty.set()

"""The transport that speaks HTTP/2 by itself: as cheap as Python can be."""

import asyncio
from pathlib import Path

from extproc.stages import Stage
from extproc.transports.h2.open_connections import OpenConnections

BACKLOG = 1024


class H2Transport:
    """Serves a stage on a unix socket, or on a TCP address of host and port."""

    def __init__(self, stage: Stage, socket: Path | tuple[str, int]) -> None:
        self._connections = OpenConnections(stage)
        self._socket = socket
        self._server: asyncio.Server | None = None

    @property
    def port(self) -> int:
        """The TCP port it listens on, which the system chose if 0 was asked for."""
        assert self._server is not None
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def start(self) -> None:
        """Bind the socket, taking a unix socket over from a process that is gone, and serve.

        Raises:
            OSError: the socket cannot be bound.
        """
        loop = asyncio.get_running_loop()
        try:
            if isinstance(self._socket, Path):
                self._socket.unlink(missing_ok=True)
                self._server = await loop.create_unix_server(
                    self._connections.protocol, str(self._socket), backlog=BACKLOG
                )
            else:
                host, port = self._socket
                self._server = await loop.create_server(self._connections.protocol, host, port, backlog=BACKLOG)
        except OSError as error:
            raise OSError(f"cannot listen on {self._socket}: {error}") from None

    async def stop(self, grace: float) -> None:
        """Take no new streams, and give those that are open `grace` seconds to end."""
        if self._server is None:
            return
        self._server.close()
        await self._connections.stop(grace)

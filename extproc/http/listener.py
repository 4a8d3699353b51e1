"""A unix socket on which Envoy's HTTP requests are answered. The parser is loaded when the first connection comes."""

import asyncio
import socket
from pathlib import Path
from typing import TYPE_CHECKING

from extproc.http.reply import Answers

if TYPE_CHECKING:
    from extproc.http.connection import Connection

BACKLOG = 1024


class HttpListener:
    """Listens on a unix socket. `path` is absolute: Envoy is told of it, and may run elsewhere."""

    def __init__(self, path: Path, answers: Answers) -> None:
        self.path = path.absolute()
        self._answers = answers
        self._server: asyncio.Server | None = None
        self._connections: set[Connection] = set()

    async def start(self) -> None:
        """Listen.

        Raises:
            OSError: the socket cannot be bound.
        """
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self.path.unlink(missing_ok=True)
            listener.bind(str(self.path))
        except OSError as error:
            listener.close()
            raise OSError(f"cannot listen on {self.path}: {error}") from None
        loop = asyncio.get_running_loop()
        self._server = await loop.create_unix_server(self._connection, sock=listener, backlog=BACKLOG)

    async def stop(self, grace: float) -> None:
        """Take no more requests, and give those under way `grace` seconds to be answered."""
        if self._server is None:
            return
        self._server.close()
        connections = list(self._connections)
        for connection in connections:
            connection.finish()
        if connections:
            await asyncio.wait([connection.lost for connection in connections], timeout=grace)
        for connection in connections:
            connection.abort()

    def _connection(self) -> "Connection":
        from extproc.http.connection import Connection

        return Connection(self._answers, self._connections)

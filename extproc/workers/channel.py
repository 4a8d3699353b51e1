"""How a supervisor and a worker talk: two socket pairs, one for messages and one for connections.

Messages are length-prefixed msgpack on a stream. An accepted connection travels as a descriptor (SCM_RIGHTS) on a socket
that keeps the bounds of what is sent, with each a byte that says what it is for, so that none can be torn from its byte or be lost between two.
"""

import asyncio
import socket
import struct
from typing import Generic, TypeVar

import msgspec

from extproc.stages import Role

T = TypeVar("T")

_LENGTH = struct.Struct(">L")


class Channel(Generic[T]):
    """One end of a stream of messages. What comes in is of the type `kind`."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, kind: object) -> None:
        self._reader = reader
        self._writer = writer
        self._decoder: msgspec.msgpack.Decoder[T] = msgspec.msgpack.Decoder(kind)

    @classmethod
    async def over(cls, end: socket.socket, kind: object) -> "Channel[T]":
        """A channel over one end of a socket pair."""
        return cls(*await asyncio.open_connection(sock=end), kind)

    def send(self, message: msgspec.Struct) -> None:
        """Send a message. To a peer that is gone it is lost."""
        content = msgspec.msgpack.encode(message)
        self._writer.write(_LENGTH.pack(len(content)) + content)

    @property
    def unsent(self) -> int:
        """Bytes that the peer has not taken yet."""
        return self._writer.transport.get_write_buffer_size()

    async def drained(self) -> None:
        """Wait until the peer has taken nearly everything."""
        await self._writer.drain()

    async def receive(self) -> T | None:
        """The next message; None when the peer is gone."""
        try:
            (length,) = _LENGTH.unpack(await self._reader.readexactly(_LENGTH.size))
            return self._decoder.decode(await self._reader.readexactly(length))
        except (asyncio.IncompleteReadError, ConnectionError):
            return None

    def close(self) -> None:
        """Hang up."""
        self._writer.close()


def pass_connection(end: socket.socket, connection: socket.socket, role: Role) -> None:
    """Hand over a connection for one of the stages. The caller's own descriptor stays open.

    Raises:
        OSError: the other end is gone, or takes nothing at the moment.
    """
    socket.send_fds(end, [bytes([role])], [connection.fileno()])


def take_connection(end: socket.socket) -> tuple[socket.socket, Role] | None:
    """The next connection that was handed over, and the stage that it is for; None when the other end is gone.

    Raises:
        BlockingIOError: there is none yet.
    """
    content, descriptors, _, _ = socket.recv_fds(end, 1, 1)
    if not content:
        return None
    connection = socket.socket(fileno=descriptors[0])
    connection.setblocking(False)
    return connection, Role(content[0])

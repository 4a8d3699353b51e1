"""Length-prefixed messages (gRPC over HTTP/2) out of data that may hold several of them, or a piece of one."""

import struct

from extproc.transports.h2.status import Code, Status

PREFIX = struct.Struct(">BL")
"""Whether the message is compressed, and its length."""


class MessageReader:
    """The messages of one stream. `flaw` is set by the first bytes that are none; nothing comes after it."""

    __slots__ = ("_compressed", "_held", "_largest", "flaw")

    def __init__(self, largest: int, compressed: Status) -> None:
        self._largest = largest
        self._compressed = compressed  # what becomes of a compressed message
        self._held: bytearray | None = None
        self.flaw: Status | None = None

    @property
    def held(self) -> int:
        """Bytes of a message whose end has not come."""
        return 0 if self._held is None else len(self._held)

    def receive(self, data: bytes) -> list[bytes]:
        """The messages that end in this data."""
        held = self._held
        if held is None:
            # Nearly always: one whole message, and not compressed.
            if data[:1] == b"\0" and int.from_bytes(data[1:5], "big") == len(data) - 5 <= self._largest:
                return [data[5:]]
            held = self._held = bytearray()
        held += data
        messages = []
        position = 0
        while len(held) - position >= PREFIX.size and self.flaw is None:
            compressed, length = PREFIX.unpack_from(held, position)
            end = position + PREFIX.size + length
            if compressed or length > self._largest:
                self.flaw = self._flaw(compressed, length)
            elif end > len(held):
                break
            else:
                messages.append(bytes(memoryview(held)[position + PREFIX.size : end]))
                position = end
        if position:
            del held[:position]
        if not held or self.flaw is not None:
            self._held = None
        return messages

    def _flaw(self, compressed: int, length: int) -> Status:
        if compressed == 1:
            return self._compressed
        if compressed:
            return Status(Code.INTERNAL, f"a message whose compressed flag is {compressed}")
        return Status(Code.RESOURCE_EXHAUSTED, f"a message of {length} bytes, more than {self._largest}")

"""The model behind every row of the benchmark: it answers each POST on a path alike, as fast as Python can.

What a real model costs would hide what a proxy costs. `python -m bench.upstream PORT`.
"""

import asyncio
import sys

import uvloop

ROWS = (1, 10, 100, 1000)


def _answer(rows: int) -> bytes:
    body = b'{"predictions": [%s]}' % b", ".join([b"0.125"] * rows)
    return b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body)


ANSWERS = {b"/rows/%d" % rows: _answer(rows) for rows in ROWS}
"""By path; on all others the answer is to one row. TF Serving and MLflow have the same."""
ANSWER = _answer(1)


class Model(asyncio.Protocol):
    """One connection of HTTP/1.1, as Envoy speaks it: bodies have a length."""

    def __init__(self) -> None:
        self._held = b""
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Envoy is there."""
        self._transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        """Answer each request that is whole."""
        data = self._held + data
        while True:
            head, gap, rest = data.partition(b"\r\n\r\n")
            length = _content_length(head)
            if not gap or len(rest) < length:
                break
            self._transport.write(ANSWERS.get(head.split(b" ", 2)[1], ANSWER))
            data = rest[length:]
        self._held = data


def _content_length(head: bytes) -> int:
    _, found, rest = head.lower().partition(b"content-length:")
    return int(rest.partition(b"\r\n")[0]) if found else 0


async def serve(port: int) -> None:
    """Listen on loopback until the process ends."""
    server = await asyncio.get_running_loop().create_server(Model, "127.0.0.1", port, backlog=1024)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))

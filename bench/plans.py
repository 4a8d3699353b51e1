"""Plans for the sidecars of the benchmark, as control gives them: by long poll.

Control itself would take minutes to be told of ten thousand endpoints, one by one. What a sidecar asks and what it gets are
the same, and its next question tells that a plan is in force.
"""

import asyncio
import contextlib
import time
from urllib.parse import parse_qs, urlsplit

from hyperplan.plan import Plan

_HEAD = "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n"


class PlanServer:
    """Serves the newest plan to one sidecar."""

    def __init__(self) -> None:
        self._document = Plan(0).encode()
        self._number = 0
        self._published = 0.0
        self._changed = asyncio.Condition()
        self._applied: dict[int, float] = {}
        self._refusal = ""
        self._server: asyncio.Server | None = None
        self._asked: set[asyncio.Task[None]] = set()
        self.url = ""

    async def start(self) -> None:
        """Listen on loopback."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def stop(self) -> None:
        """Stop listening, and answer nobody any more."""
        if self._server:
            self._server.close()
        for task in self._asked:
            task.cancel()
        await asyncio.gather(*self._asked)

    async def publish(self, plan: Plan) -> None:
        """Give a plan to whoever asks from now on."""
        document = plan.encode()
        async with self._changed:
            self._document, self._number, self._published = document, plan.number, time.monotonic()
            self._changed.notify_all()

    async def in_force(self, number: int) -> float:
        """Wait until the sidecar says that a plan is in force; seconds since it was published.

        Raises:
            RuntimeError: the sidecar refuses it.
        """
        async with self._changed:
            await self._changed.wait_for(lambda: number in self._applied or self._refusal)
        if number not in self._applied:
            raise RuntimeError(self._refusal)
        return self._applied[number]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._asked.add(task)
        task.add_done_callback(self._asked.discard)
        with contextlib.suppress(ConnectionError, asyncio.CancelledError):
            while line := await reader.readline():
                while (await reader.readline()).strip():
                    pass
                document = await self._answer(parse_qs(urlsplit(line.split()[1].decode()).query))
                writer.write(_HEAD.format(status="200 OK", length=len(document)).encode() + document)
                await writer.drain()
        writer.close()

    async def _answer(self, question: dict[str, list[str]]) -> bytes:
        """What the sidecar does not have yet, once there is something."""
        after = int(question["after"][0]) if "after" in question else None
        async with self._changed:
            self._note(question)
            await self._changed.wait_for(lambda: self._number != after)
            return self._document

    def _note(self, question: dict[str, list[str]]) -> None:
        applied = int(question["applied"][0])
        if applied == self._number and applied not in self._applied:
            self._applied[applied] = time.monotonic() - self._published
        self._refusal = question.get("reason", [""])[0]
        self._changed.notify_all()

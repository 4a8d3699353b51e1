"""A worker: serves the stages on the connections that its supervisor hands it.

`python -m extproc.workers.worker MESSAGES CONNECTIONS`, with the descriptors of its ends of the two socket pairs. It holds no
socket of its own and writes no file. When the supervisor is gone, so is the worker: nobody would tell it of another plan.
"""

import asyncio
import contextlib
import logging
import signal
import socket
import sys

import uvloop

from extproc import garbage
from extproc.stages import Role, Stages
from extproc.transports.h2.open_connections import OpenConnections
from extproc.workers.channel import Channel, take_connection
from extproc.workers.messages import Adopt, Adopted, Begin, Logged, Prepare, Prepared, Shed, ToWorker
from extproc.workers.reporter import Reporter
from hyperplan.plan import EMPTY, CompiledPlan, Plan
from hyperplan.secret import Secret

log = logging.getLogger("hyperplan.worker")

INTERVAL = 0.1
"""Seconds between two reports."""
MOST_UNSENT = 8 << 20
"""Bytes of reports that the supervisor has not taken; with more on their way, what there is to tell waits here."""


class Worker:
    """One worker process."""

    def __init__(self, channel: Channel[ToWorker], handed_over: socket.socket) -> None:
        self._channel = channel
        self._handed_over = handed_over
        self._reporter = Reporter()
        self._stages = Stages(self._reporter)
        self._prepared = EMPTY
        self._connections = {role: OpenConnections(self._stages[role]) for role in Role}
        self._taken = dict.fromkeys(Role, 0)

    async def run(self) -> None:
        """Serve until the supervisor says stop, or is gone."""
        loop = asyncio.get_running_loop()
        self._handed_over.setblocking(False)
        loop.add_reader(self._handed_over.fileno(), self._on_connection)
        reporting = asyncio.create_task(self._report_for_ever())
        grace = await self._obey()
        loop.remove_reader(self._handed_over.fileno())
        for role in Role:  # what was decided is still to be adapted
            await self._connections[role].stop(grace)
        reporting.cancel()
        self._report()
        with contextlib.suppress(ConnectionError):  # the supervisor is gone
            await self._channel.drained()
        self._channel.close()

    async def _obey(self) -> float:
        """Do what the supervisor says, until it says stop; how long open streams then get, in seconds."""
        while message := await self._channel.receive():
            if isinstance(message, Begin):
                self._stages.decide.secret = Secret.from_bytes(message.secret) if message.secret else None
            elif isinstance(message, Prepare):
                await self._prepare(message.plan)
            elif isinstance(message, Adopt):
                self._adopt()
            elif isinstance(message, Shed):
                self._connections[message.role].shed()
            else:
                return message.grace
        return 0.0

    async def _prepare(self, document: bytes) -> None:
        # The supervisor has compiled it before: it is sound. It takes a while, in which requests must not wait.
        plan = await asyncio.to_thread(Plan.decode, document)
        self._prepared = await asyncio.to_thread(CompiledPlan, plan, self._prepared)
        self._stages.prepare(self._prepared)
        self._channel.send(Prepared(plan.number))

    def _adopt(self) -> None:
        self._stages.adopt(self._prepared)
        self._channel.send(Adopted(self._prepared.number))
        garbage.settle()

    def _on_connection(self) -> None:
        try:
            taken = take_connection(self._handed_over)
        except BlockingIOError:
            return
        if taken is None:
            asyncio.get_running_loop().remove_reader(self._handed_over.fileno())
            return
        connection, role = taken
        self._taken[role] += 1
        self._connections[role].take(connection)

    async def _report_for_ever(self) -> None:
        while True:
            await asyncio.sleep(INTERVAL)
            if self._channel.unsent < MOST_UNSENT:
                self._report()

    def _report(self) -> None:
        connections = [len(self._connections[role]) for role in Role]
        self._channel.send(self._reporter.report(connections, list(self._taken.values())))


class _ToSupervisor(logging.Handler):
    """Sends what is logged to the supervisor, whose log is the sidecar's."""

    def __init__(self, channel: Channel[ToWorker]) -> None:
        super().__init__()
        self._channel = channel
        self._loop = asyncio.get_running_loop()

    def emit(self, record: logging.LogRecord) -> None:
        """Send one record, from whichever thread."""
        message = Logged(record.levelno, record.name, self.format(record))
        self._loop.call_soon_threadsafe(self._channel.send, message)


async def serve(messages: int, connections: int) -> None:
    """Serve over the descriptors of this worker's ends."""
    channel: Channel[ToWorker] = await Channel.over(socket.socket(fileno=messages), ToWorker)
    logging.getLogger().addHandler(_ToSupervisor(channel))
    logging.getLogger("hyperplan").setLevel(logging.INFO)
    await Worker(channel, socket.socket(fileno=connections)).run()


if __name__ == "__main__":
    for number in (signal.SIGINT, signal.SIGTERM):  # they go to a whole group; it is the supervisor who decides
        signal.signal(number, signal.SIG_IGN)
    uvloop.run(serve(int(sys.argv[1]), int(sys.argv[2])))

"""The supervisor: starts the workers, keeps them running, and hands each new connection to the one that has the fewest.

Envoy keeps a few long connections, one for each of its threads. If workers accepted from the socket by themselves, chance
could give them all to one; so the supervisor accepts, and passes descriptors. It is not in the way of a request.

A worker that dies takes its connections with it. Envoy opens others within milliseconds, which go to the workers that
live; when the dead one is replaced, those that have more than their share are asked to let one go.
"""

import asyncio
import contextlib
import logging
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from extproc.workers.channel import Channel, pass_connection
from extproc.workers.messages import Adopt, Adopted, Report, Shed, Stop, ToSupervisor
from hyperplan.plan import CompiledPlan, Plan

log = logging.getLogger("hyperplan.workers")

BACKLOG = 1024
SHORTEST_PAUSE, LONGEST_PAUSE = 0.1, 5.0
"""Seconds until a worker that died is started again. The pause doubles when it dies young, from the one to the other."""
YOUNG = 10.0
"""Seconds of life that a worker needs to count as sound."""
START = 30.0
"""Seconds that a worker may take to start and to compile the plan."""


class _Worker:
    """A worker process, seen from the supervisor."""

    def __init__(self, process: asyncio.subprocess.Process, channel: Channel[ToSupervisor], end: socket.socket) -> None:
        self.process = process
        self.channel = channel
        self.end = end
        self.began = time.monotonic()
        self.connections = 0
        self.handed_over = 0
        self.adopted: int | None = None
        self.changed = asyncio.Event()
        """Set when it has adopted a plan, or is gone."""

    async def has_adopted(self, number: int) -> bool:
        """Wait until it serves a plan; False if it dies first."""
        while self.adopted != number:
            if self.process.returncode is not None:
                return False
            self.changed.clear()
            await self.changed.wait()
        return True


class Supervisor:
    """Serves the decide stage on a unix socket with `count` processes. `on_report` gets what they tell."""

    def __init__(self, count: int, path: Path, on_report: Callable[[Report], None]) -> None:
        self._count = count
        self._path = path
        self._on_report = on_report
        self._socket: socket.socket | None = None
        self._plan: Adopt | None = None
        self._number = 0
        self._workers: dict[int, _Worker] = {}
        self._lives: list[asyncio.Task[None]] = []
        self._stopping = False
        self._unplaced: set[socket.socket] = set()

    @property
    def connections(self) -> dict[int, int]:
        """How many connections each worker that serves has, by its process id."""
        return {worker.process.pid: worker.connections for worker in self._workers.values()}

    async def start(self) -> None:
        """Bind the socket, taking it over from a process that is gone, and start the workers.

        A plan must have been adopted. Connections wait until a worker serves it.

        Raises:
            OSError: the socket cannot be bound, or a worker cannot be started.
        """
        self._socket = self._listen()
        self._lives = [asyncio.create_task(self._keep(index)) for index in range(self._count)]
        asyncio.get_running_loop().add_reader(self._socket.fileno(), self._accept)

    async def adopt(self, plan: Plan, compiled: CompiledPlan) -> None:  # noqa: ARG002 - each worker compiles its own
        """Have a plan served; returns when every worker that lives serves it."""
        number = plan.number
        self._number, self._plan = number, Adopt(plan.encode())
        workers = list(self._workers.values())
        for worker in workers:
            worker.channel.send(self._plan)
        await asyncio.gather(*(worker.has_adopted(number) for worker in workers))

    async def stop(self, grace: float) -> None:
        """Take no new connections, give open streams `grace` seconds to end, and end the workers."""
        self._stopping = True
        if self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket.fileno())
            self._socket.close()
        for connection in self._unplaced:
            connection.close()
        for worker in self._workers.values():
            worker.channel.send(Stop(grace))
        if self._lives:
            done, late = await asyncio.wait(self._lives, timeout=grace + 2.0)
            for life in late:
                life.cancel()
            await asyncio.gather(*done, *late, return_exceptions=True)

    # Connections.

    def _listen(self) -> socket.socket:
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._path.unlink(missing_ok=True)
            listener.bind(str(self._path))
        except OSError as error:
            listener.close()
            raise OSError(f"cannot listen on {self._path}: {error}") from None
        listener.listen(BACKLOG)
        listener.setblocking(False)
        return listener

    def _accept(self) -> None:
        assert self._socket is not None
        with contextlib.suppress(BlockingIOError):
            connection, _ = self._socket.accept()
            self._unplaced.add(connection)
            self._place()

    def _place(self) -> None:
        """Hand over the connections that wait, if there is a worker to take them."""
        while self._unplaced and self._workers:
            worker = min(self._workers.values(), key=lambda worker: worker.connections)
            connection = self._unplaced.pop()
            try:
                pass_connection(worker.end, connection)
            except OSError:
                # It is dying, or has a queue of them already. Closed, the connection is opened again by Envoy.
                log.warning("worker %d takes no connection", worker.process.pid)
            else:
                worker.connections += 1
                worker.handed_over += 1
            connection.close()

    def _level(self) -> None:
        """Ask workers that have two connections more than another to let one go."""
        fewest = min(self.connections.values(), default=0)
        for worker in self._workers.values():
            if worker.connections >= fewest + 2:
                worker.connections -= 1
                worker.channel.send(Shed())

    # Processes.

    async def _keep(self, index: int) -> None:
        """Run one worker after the other, until the end."""
        pause = SHORTEST_PAUSE
        while not self._stopping:
            worker = await self._launch()
            try:
                await self._live(index, worker)
            except msgspec.DecodeError as error:
                log.error("worker %d says what nobody understands: %s", worker.process.pid, error)
            finally:
                self._workers.pop(index, None)
                await _bury(worker)
            if self._stopping:
                return
            age = time.monotonic() - worker.began
            pause = SHORTEST_PAUSE if age > YOUNG else min(pause * 2, LONGEST_PAUSE)
            code = worker.process.returncode
            log.error("worker %d ended with code %s; another starts in %.1f s", worker.process.pid, code, pause)
            await asyncio.sleep(pause)

    async def _launch(self) -> _Worker:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        our_end, their_end = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        our_end.setblocking(False)
        with theirs, their_end:
            descriptors = (theirs.fileno(), their_end.fileno())
            arguments = ["-m", "extproc.workers.worker", *map(str, descriptors)]
            process = await asyncio.create_subprocess_exec(
                sys.executable, *arguments, pass_fds=descriptors, stdin=asyncio.subprocess.DEVNULL
            )
        return _Worker(process, await Channel.over(ours, ToSupervisor), our_end)

    async def _live(self, index: int, worker: _Worker) -> None:
        """Listen to a worker until it is gone. It gets connections once it serves the plan of the moment."""
        if self._plan is not None:
            worker.channel.send(self._plan)
        while message := await worker.channel.receive():
            if isinstance(message, Report):
                # Those that were still on their way when it reported are its connections too.
                worker.connections = message.connections + worker.handed_over - message.taken
                self._on_report(message)
                self._level()
            elif isinstance(message, Adopted):
                self._on_adopted(index, worker, message.number)
            else:
                log.getChild(str(worker.process.pid)).log(message.level, "%s", message.text)

    def _on_adopted(self, index: int, worker: _Worker, number: int) -> None:
        worker.adopted = number
        worker.changed.set()
        if index in self._workers:
            return
        if number != self._number:  # a newer one came while it was compiling: it has not been sent that one
            assert self._plan is not None
            worker.channel.send(self._plan)
            return
        self._workers[index] = worker
        log.info("worker %d serves plan %d", worker.process.pid, number)
        self._place()


async def _bury(worker: _Worker) -> None:
    """Wait for the end of a process that is ending, and make sure that it does."""
    worker.channel.close()
    worker.end.close()
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(worker.process.wait(), 2.0)
    if worker.process.returncode is None:
        worker.process.kill()
        await worker.process.wait()
    worker.changed.set()

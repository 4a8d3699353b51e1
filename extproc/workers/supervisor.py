"""The supervisor: starts the workers, keeps them running, and hands each new connection to the one that has the fewest of its stage.

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
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

from extproc.stages import Role
from extproc.workers.channel import Channel, pass_connection
from extproc.workers.messages import Adopt, Adopted, Begin, Prepare, Prepared, Report, Shed, Stop, ToSupervisor
from hyperplan.plan import CompiledPlan, Plan
from hyperplan.secret import Secret

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
        self.connections = [0 for _ in Role]
        self.handed_over = [0 for _ in Role]
        self.prepared: int | None = None
        self.adopted: int | None = None
        self.changed = asyncio.Event()
        """Set when it has prepared or adopted a plan, or is gone."""

    async def has_prepared(self, number: int) -> None:
        """Wait until it is ready for a plan, or dies."""
        while self.prepared != number and self.process.returncode is None:
            await self._change()

    async def has_adopted(self, number: int) -> None:
        """Wait until it serves a plan, or dies."""
        while self.adopted != number and self.process.returncode is None:
            await self._change()

    async def _change(self) -> None:
        self.changed.clear()
        await self.changed.wait()


class Supervisor:
    """Serves each stage on a unix socket with `count` processes. `on_report` gets what they tell."""

    def __init__(
        self,
        count: int,
        paths: Mapping[Role, Path],
        on_report: Callable[[Report], None],
        secret: Secret | None = None,
    ) -> None:
        self._count = count
        self._begin = Begin(secret.to_bytes() if secret else None)
        self._paths = paths
        self._on_report = on_report
        self._sockets: dict[Role, socket.socket] = {}
        self._plan: Prepare | None = None
        self._number = 0  # of the plan that workers are to prepare
        self._ready = 0  # of the plan that they may adopt, since all that serve are prepared
        self._starting: dict[int, _Worker] = {}
        self._workers: dict[int, _Worker] = {}
        self._lives: list[asyncio.Task[None]] = []
        self._stopping = False
        self._unplaced: dict[socket.socket, Role] = {}

    @property
    def serving(self) -> list[int]:
        """The process ids of the workers that serve."""
        return [worker.process.pid for worker in self._workers.values()]

    @property
    def starting(self) -> list[int]:
        """The process ids of the workers that will serve in a moment."""
        return [worker.process.pid for worker in self._starting.values()]

    def connections(self, role: Role) -> dict[int, int]:
        """How many connections for a stage each worker that serves has, by its process id."""
        return {worker.process.pid: worker.connections[role] for worker in self._workers.values()}

    async def start(self) -> None:
        """Bind the sockets, taking them over from a process that is gone, and start the workers.

        A plan must have been adopted. Connections wait until a worker serves it.

        Raises:
            OSError: a socket cannot be bound, or a worker cannot be started.
        """
        for role in reversed(Role):  # what is decided can be adapted
            self._sockets[role] = _listening(self._paths[role])
        self._lives = [asyncio.create_task(self._keep(index)) for index in range(self._count)]
        for role, listener in self._sockets.items():
            asyncio.get_running_loop().add_reader(listener.fileno(), self._accept, role)

    async def adopt(self, plan: Plan, compiled: CompiledPlan) -> None:  # noqa: ARG002 - each worker compiles its own
        """Have a plan served; returns when every worker that serves does so by it, and one does if any lives.

        None decides by it before all are prepared: what one has decided another may have to adapt.
        """
        number = plan.number
        self._number, self._plan = number, Prepare(plan.encode())
        workers = list(self._workers.values())
        for worker in workers:
            worker.channel.send(self._plan)
        await asyncio.gather(*(worker.has_prepared(number) for worker in workers))
        self._ready = number
        starting = list(self._starting.values())
        prepared = [worker for worker in [*self._workers.values(), *starting] if worker.prepared == number]
        for worker in prepared:
            worker.channel.send(Adopt())
        await asyncio.gather(*(worker.has_adopted(number) for worker in prepared or starting))

    async def stop(self, grace: float) -> None:
        """Take no new connections, give open streams `grace` seconds to end, and end the workers."""
        self._stopping = True
        for listener in self._sockets.values():
            asyncio.get_running_loop().remove_reader(listener.fileno())
            listener.close()
        for connection in self._unplaced:
            connection.close()
        for worker in self._workers.values():
            worker.channel.send(Stop(grace))
        if self._lives:
            done, late = await asyncio.wait(self._lives, timeout=(grace + 1.0) * len(Role) + 1.0)
            for life in late:
                life.cancel()
            await asyncio.gather(*done, *late, return_exceptions=True)

    # Connections.

    def _accept(self, role: Role) -> None:
        with contextlib.suppress(BlockingIOError):
            connection, _ = self._sockets[role].accept()
            self._unplaced[connection] = role
            self._place()

    def _place(self) -> None:
        """Hand over the connections that wait, if there is a worker to take them."""
        while self._unplaced and self._workers:
            connection, role = self._unplaced.popitem()
            worker = min(self._workers.values(), key=lambda worker: (worker.connections[role], sum(worker.connections)))
            try:
                pass_connection(worker.end, connection, role)
            except OSError:
                # It is dying, or has a queue of them already. Closed, the connection is opened again by Envoy.
                log.warning("worker %d takes no connection", worker.process.pid)
            else:
                worker.connections[role] += 1
                worker.handed_over[role] += 1
            connection.close()

    def _level(self) -> None:
        """Ask workers that have two connections more than another, for the same stage, to let one go."""
        for role in Role:
            fewest = min(self.connections(role).values(), default=0)
            for worker in self._workers.values():
                if worker.connections[role] >= fewest + 2:
                    worker.connections[role] -= 1
                    worker.channel.send(Shed(role))

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
                self._starting.pop(index, None)
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
        assert self._plan is not None
        self._starting[index] = worker
        worker.channel.send(self._begin)
        worker.channel.send(self._plan)
        while message := await worker.channel.receive():
            if isinstance(message, Report):
                # Those that were still on their way when it reported are its connections too.
                for role in Role:
                    on_their_way = worker.handed_over[role] - message.taken[role]
                    worker.connections[role] = message.connections[role] + on_their_way
                self._on_report(message)
                self._level()
            elif isinstance(message, Prepared):
                self._on_prepared(index, worker, message.number)
            elif isinstance(message, Adopted):
                self._on_adopted(index, worker, message.number)
            else:
                log.getChild(str(worker.process.pid)).log(message.level, "%s", message.text)

    def _on_prepared(self, index: int, worker: _Worker, number: int) -> None:
        worker.prepared = number
        worker.changed.set()
        if index in self._starting:
            self._go_on(worker, number)

    def _on_adopted(self, index: int, worker: _Worker, number: int) -> None:
        worker.adopted = number
        worker.changed.set()
        if index not in self._starting:
            return
        if number != self._number:
            self._go_on(worker, number)
            return
        self._workers[index] = self._starting.pop(index)
        log.info("worker %d serves plan %d", worker.process.pid, number)
        self._place()

    def _go_on(self, worker: _Worker, number: int) -> None:
        """Lead a worker that is starting, and is prepared for this plan, on to the newest."""
        assert self._plan is not None
        if number != self._number:  # a newer one came while it was compiling: it has not been sent that one
            worker.channel.send(self._plan)
        elif number == self._ready:  # else it is told when the others are prepared
            worker.channel.send(Adopt())


def _listening(path: Path) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        path.unlink(missing_ok=True)
        listener.bind(str(path))
    except OSError as error:
        listener.close()
        raise OSError(f"cannot listen on {path}: {error}") from None
    listener.listen(BACKLOG)
    listener.setblocking(False)
    return listener


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

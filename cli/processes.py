"""Child processes: started with their logs prefixed, watched, and stopped, so that nothing is ever left running."""

import asyncio
import contextlib
import os
import shutil
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence

from cli.failure import Failure

Print = Callable[[str, str], None]
"""Takes the name of a process and one line of its log."""

PATIENCE = 10.0
"""Seconds between asking a process to stop and killing it."""
_DIE_WITH_PARENT = """
import ctypes, os, sys
ctypes.CDLL(None).prctl(1, 15)  # PR_SET_PDEATHSIG, SIGTERM
if os.getppid() == int(sys.argv[1]):
    os.execv(sys.argv[2], sys.argv[2:])
"""
"""Becomes another program, which Linux ends when its parent is gone, however that went.

A program of its own, since Python code between fork and exec may hang or crash in a parent that has threads.
"""


def ending_with_us(arguments: Sequence[str]) -> list[str]:
    """The command that runs a program, by its path, so that it ends when the thread that started it does; elsewhere than on Linux just the program."""
    if sys.platform != "linux":
        return list(arguments)
    return [sys.executable, "-I", "-S", "-c", _DIE_WITH_PARENT, str(os.getpid()), *arguments]


def print_prefixed(name: str, line: str) -> None:
    """Write one line of a process's log to standard error, its name in front."""
    print(f"{name:<8}| {line}", file=sys.stderr, flush=True)


class Process:
    """One child process. It leads a session of its own, so that a Ctrl-C reaches it in the order that its parent wants."""

    def __init__(self, name: str, arguments: Sequence[str], environment: Mapping[str, str], write: Print) -> None:
        self.name = name
        self._arguments = list(arguments)
        self._environment = dict(environment)
        self._write = write
        self._child: asyncio.subprocess.Process | None = None
        self._reading: asyncio.Task[None] | None = None
        self._last_lines: list[str] = []

    async def start(self) -> None:
        """Start it.

        Raises:
            Failure: the program cannot be run.
        """
        program = shutil.which(self._arguments[0])
        if program is None:
            raise Failure(f"{self.name} cannot be started: {self._arguments[0]} is no program")
        arguments = [program, *self._arguments[1:]]
        try:
            self._child = await asyncio.create_subprocess_exec(
                *ending_with_us(arguments),
                env=self._environment,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as error:
            raise Failure(f"{self.name} cannot be started: {error}") from None
        self._reading = asyncio.create_task(self._read(self._child))

    @property
    def pid(self) -> int:
        """The process id of the child."""
        return self._running().pid

    @property
    def is_running(self) -> bool:
        """Whether it was started and has not ended."""
        return self._child is not None and self._child.returncode is None

    async def wait(self) -> int:
        """Wait until it has ended; its exit code."""
        return await self._running().wait()

    async def until(self, ready: Callable[[], Awaitable[bool]], patience: float) -> None:
        """Wait until `ready` says so.

        Raises:
            Failure: the process ended first, or `patience` seconds went by; with the last lines of its log.
        """
        deadline = asyncio.get_running_loop().time() + patience
        while not await ready():
            if self._running().returncode is not None:
                await asyncio.sleep(0.1)  # its last words are still on their way
                raise Failure(f"{self.name} ended while it was starting:\n{self._last_words()}")
            if asyncio.get_running_loop().time() > deadline:
                raise Failure(f"{self.name} was not ready within {patience:g} seconds:\n{self._last_words()}")
            await asyncio.sleep(0.02)

    def send(self, number: signal.Signals) -> None:
        """Send a signal, if it still runs."""
        if self._child and self._child.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._child.send_signal(number)

    async def stop(self) -> None:
        """Ask it to stop, kill it if it does not, and read its log to the end."""
        if self._child is None:
            return
        self.send(signal.SIGTERM)
        try:
            await asyncio.wait_for(self._child.wait(), PATIENCE)
        except TimeoutError:
            self._write(self.name, f"does not stop within {PATIENCE:g} seconds and is killed")
            self.send(signal.SIGKILL)
            await self._child.wait()
        if self._reading:
            await self._reading

    async def _read(self, child: asyncio.subprocess.Process) -> None:
        assert child.stdout
        while True:
            try:
                raw = await child.stdout.readline()
            except ValueError:  # a line longer than the buffer
                continue
            if not raw:
                return
            line = raw.decode("utf-8", "replace").rstrip()
            self._last_lines = [*self._last_lines[-19:], line]
            self._write(self.name, line)

    def _last_words(self) -> str:
        return "\n".join(f"  {line}" for line in self._last_lines) or "  (it said nothing)"

    def _running(self) -> asyncio.subprocess.Process:
        if self._child is None:
            raise RuntimeError(f"{self.name} was not started")
        return self._child


def own_environment(**settings: str) -> dict[str, str]:
    """This process's environment with some variables set, and Python's output unbuffered."""
    return os.environ | {"PYTHONUNBUFFERED": "1"} | settings

"""`hyperplan up`: the whole of Hyperplan on this machine, until it is told to stop."""

import asyncio
import contextlib
import json

from cli.failure import Failure
from cli.processes import Print, print_prefixed
from cli.stack import Stack, StackSettings


def print_json(name: str, line: str) -> None:
    """Write one line of a process's log to standard output, as JSON."""
    print(json.dumps({"process": name, "line": line}), flush=True)


async def run(settings: StackSettings, stop: asyncio.Event, *, as_json: bool) -> None:
    """Run the stack until `stop` is set, be it running already or still starting.

    Raises:
        Failure: something does not start, or a process ends by itself; the others are stopped.
    """
    write = print_json if as_json else print_prefixed
    serving = asyncio.create_task(_serve(settings, write))
    stopped = asyncio.create_task(stop.wait())
    await asyncio.wait((serving, stopped), return_when=asyncio.FIRST_COMPLETED)
    stopped.cancel()
    if not serving.done():
        write("up", "stopping")
        serving.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await serving


async def _serve(settings: StackSettings, write: Print) -> None:
    """Run the stack until a process ends by itself, which is a failure, or until cancelled."""
    async with Stack(settings, write) as stack:
        write("up", f"clients call {settings.listen.url}, operators {settings.control.url}; Ctrl-C stops everything")
        ended = await stack.wait()
        raise Failure(f"{ended.name} ended by itself; its log is above")

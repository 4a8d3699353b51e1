"""`python -m bench.soak`: minutes of full load with everything that happens to a sidecar in months.

Requests are sampled and traced; clients give up in mid-request, Envoys connect and vanish, the plan changes every few
seconds. Memory, descriptors and errors are written down as it goes.
"""

import asyncio
import contextlib
import json
import time
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, NamedTuple
from urllib.parse import urlsplit

import typer
from rich.console import Console
from rich.table import Table

from bench import cost, flights
from bench.figures import Figure
from bench.load import load, write_script
from bench.report import figure_table, require_compiled, run_command
from bench.stand import Served, Stand, plan_of
from extproc.transports.h2.call import PATH
from extproc.transports.h2.frames import ACK, END_HEADERS, HEADERS, PREFACE, SETTINGS, frame
from extproc.transports.h2.status import literal

STRETCH = 15
"""Seconds of load between two looks."""
SHARE = 0.05
"""The share of requests that is sampled and traced: more than usual, since each leaves something behind."""
EDIT_EVERY = 3.0
"""Seconds between two plans."""
GROWTH = 1.05
"""How much memory may grow from the first minute to the last."""


_STREAM = (
    (b":method", b"POST"),
    (b":scheme", b"http"),
    (b":path", PATH),
    (b":authority", b"soak"),
    (b"te", b"trailers"),
    (b"content-type", b"application/grpc"),
)
"""The headers of a stream of Envoy's."""


class Look(NamedTuple):
    """The sidecar at one moment: minutes since the start, memory in MB, descriptors, and what came of the requests until then."""

    minute: float
    memory: float
    descriptors: int
    requests: int
    errors: int
    given_up: int
    reconnected: int
    plans: int


class Soak:
    """A sidecar under load, and what is done to it."""

    def __init__(self, stand: Stand, served: Served) -> None:
        self._stand = stand
        self._served = served
        self._began = time.monotonic()
        self.requests = self.errors = self.given_up = self.reconnected = 0
        self.plans = 1

    async def run(self, minutes: float, show: Callable[[Look], None]) -> list[Look]:
        """Load it for so many minutes; what was seen about four times a minute."""
        script = self._stand.folder / "soak.lua"
        write_script(script, flights.bodies())
        looks = []
        async with asyncio.TaskGroup() as group:
            torments = (self._edit, self._give_up, self._reconnect)
            tormenting = [group.create_task(self._for_ever(torment)) for torment in torments]
            while time.monotonic() - self._began < minutes * 60:
                seen = await load(self._served.url, script, connections=16, seconds=STRETCH)
                self.requests += seen.requests
                self.errors += seen.errors
                looks.append(self._look())
                show(looks[-1])
            for task in tormenting:
                task.cancel()
        return looks

    def _look(self) -> Look:
        assert self._served.processor
        pid = self._served.processor.pid
        minute = round((time.monotonic() - self._began) / 60, 2)
        memory, descriptors = cost.resident_mb(pid), cost.descriptors(pid)
        done = (self.requests, self.errors, self.given_up, self.reconnected, self.plans)
        return Look(minute, round(memory, 2), descriptors, *done)

    async def _for_ever(self, torment: Callable[[], Awaitable[None]]) -> None:
        with contextlib.suppress(asyncio.CancelledError):
            while True:
                await torment()

    async def _edit(self) -> None:
        """Another plan: other weights, and at every fourth another model, so that Envoy changes its clusters too."""
        await asyncio.sleep(EDIT_EVERY)
        document = self._stand.document(SHARE)
        self.plans += 1
        document["routing"]["split"] = {"gbm@1": 50 + self.plans % 50, "logit@1": 50}
        if self.plans % 4 == 0:
            document["models"]["logit@1"]["url"] = f"{self._stand.model.url}/predict/{self.plans}"
        assert self._served.plans
        await self._served.plans.publish(plan_of(self.plans, [document]))
        await self._served.plans.in_force(self.plans)

    async def _give_up(self) -> None:
        """A request whose client goes away before the answer, on a connection of its own."""
        address = urlsplit(self._served.url)
        _, writer = await asyncio.open_connection(address.hostname, address.port)
        body = flights.bodies(count=1)[0]
        head = f"POST {address.path} HTTP/1.1\r\nhost: bench\r\ncontent-length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + body[: len(body) // 2 * (self.given_up % 3)])  # nothing of the body, half, or all
        with contextlib.suppress(ConnectionError):
            await writer.drain()
        await asyncio.sleep(0.002)
        writer.close()
        self.given_up += 1
        await asyncio.sleep(0.02)

    async def _reconnect(self) -> None:
        """Another Envoy: it connects to the sidecar, opens streams, and is gone in the middle of them."""
        assert self._served.socket
        reader, writer = await asyncio.open_unix_connection(self._served.socket)
        block = b"".join(literal(name, value) for name, value in _STREAM)
        opened = [frame(HEADERS, END_HEADERS, 2 * number + 1, b" " * (number == 0) + block) for number in range(50)]
        writer.write(PREFACE + frame(SETTINGS, 0, 0) + frame(SETTINGS, ACK, 0) + b"".join(opened))
        with contextlib.suppress(ConnectionError):
            await reader.read(1)
        writer.close()
        self.reconnected += 1
        await asyncio.sleep(0.1)


def judged(looks: list[Look]) -> list[Figure]:
    """The figures of a soak: memory in the last minute against that in the first, errors, and descriptors."""
    first, last = looks[min(3, len(looks) - 1)], looks[-1]
    return [
        Figure.at_most(f"memory after {last.minute:.0f} minutes against after 1", last.memory / first.memory, GROWTH),
        Figure.at_most("errors", float(last.errors), 0),
        Figure.at_most("descriptors after against before", last.descriptors / first.descriptors, 1.25),
    ]


async def soak(minutes: float, console: Console) -> dict[str, Any]:
    """Soak a sidecar; what is printed as JSON."""

    def show(look: Look) -> None:
        told = f"{look.requests:,} requests, {look.errors} errors, {look.given_up} given up, {look.reconnected} reconnects, {look.plans} plans"
        line = f"{look.minute:5.1f} min: {look.memory:.1f} MB, {look.descriptors} descriptors; {told}"
        console.print(line, style="dim", highlight=False)

    async with Stand() as stand:
        served = await stand.sidecar("soak", [stand.document(SHARE)], tracing=SHARE * 100)
        looks = await Soak(stand, served).run(minutes, show)
    return {
        "looks": [look._asdict() for look in looks],
        "figures": [figure._asdict() for figure in judged(looks)],
    }


def main(
    minutes: Annotated[float, typer.Option(min=0.5, help="How long.")] = 10.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Load a sidecar for minutes, with samples, clients that give up, and a new plan every few seconds."""
    require_compiled("make soak")
    result = asyncio.run(soak(minutes, Console(stderr=True)))
    if as_json:
        print(json.dumps(result, indent=2))
        return
    console = Console()
    table = Table(*Look._fields, title="over time")
    for look in result["looks"]:
        table.add_row(*(f"{value:,}" for value in look.values()))
    console.print(table)
    console.print(figure_table([Figure(**figure) for figure in result["figures"]]))


if __name__ == "__main__":
    run_command(main)

"""Sidecars without processes of their own: many in one, so that hundreds can follow one control on one machine.

`python -m bench.followers CONTROL COUNT FOLDER`. Each is the sidecar's own source of plans (its long poll, its connection, its
thread), keeper and compiled plans. What it lacks is an Envoy and telemetry. A line is written when one has gone over to a plan, as a sidecar's log does.
"""

import asyncio
import logging
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import urlopen

from extproc.plans import BadPlan, ControlSource, Keeper, Shelf
from extproc.rules import RuleServer
from extproc.xds import XdsServer
from hyperplan.plan import CompiledPlan, Plan


class _Deciding:
    """A service whose stage nobody asks: it goes over to a plan as a stage does, from one moment to the next."""

    async def adopt(self, plan: Plan, compiled: CompiledPlan) -> None:  # noqa: ARG002 - as a `Service`
        self.compiled = compiled

    async def start(self) -> None:
        """There is nothing to bind."""

    async def stop(self, grace: float) -> None:
        """There is nothing to end."""


async def follow(control: str, name: str, first: Plan, folder: Path) -> None:
    """Follow a control for ever, from a first plan on."""
    keeper = Keeper(
        _Deciding(),
        XdsServer(folder / f"{name}.sock"),
        Shelf(folder / name),
        RuleServer(folder / f"{name}.rules.sock"),
        default_upstream=None,
        on_applied=lambda number: print(f"plan {number} is in force", flush=True),
    )
    await keeper.begin(first)
    source = ControlSource(urlsplit(control), name, lambda: keeper.status)
    async for found in source.plans(first):
        if isinstance(found, BadPlan):
            keeper.refuse(found)
        else:
            await keeper.apply(found)


async def follow_all(control: str, count: int, folder: Path) -> None:
    """So many sidecars, each with a thread that waits at control and one for what it compiles."""
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(2 * count))
    with urlopen(f"{control}/v1/plan") as answer:  # noqa: ASYNC210 - nothing else runs yet
        first = Plan.decode(answer.read())
    await asyncio.gather(*(follow(control, f"{folder.name}-{number}", first, folder) for number in range(count)))


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING)
    asyncio.run(follow_all(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])))

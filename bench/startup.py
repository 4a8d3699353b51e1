"""How long a sidecar takes from the start of its process to the first request that it decided, with its plan on disk.

Each start has an Envoy of its own, which waits for its first configuration. The endpoint is closed: nothing is answered but
what the sidecar has decided. Control is away.
"""

import asyncio
import statistics
import time
from pathlib import Path

import httpx

from bench import flights
from bench.stand import Stand, plan_of
from extproc.plans import Shelf

TIMES = 5
PATIENCE = 30.0
"""Seconds after which a start has failed."""
NOWHERE = "http://127.0.0.1:1"
"""A control that is away."""


async def seconds_to_first_answer(stand: Stand) -> float:
    """The median of several starts."""
    return statistics.median([await _start(stand) for _ in range(TIMES)])


async def _start(stand: Stand) -> float:
    run = stand.run_folder("start")
    Shelf(run / "data").save(plan_of(1, [stand.document()]))
    url, envoy = stand.envoy_process("start", run)
    sidecar = stand.sidecar_process(run, NOWHERE)
    await envoy.start()
    await envoy.until(lambda: _is_there(run / "admin.sock"), PATIENCE)
    began = time.monotonic()
    await sidecar.start()
    try:
        async with asyncio.timeout(PATIENCE):
            await _answered(url + flights.PATH)
        return time.monotonic() - began
    finally:
        await sidecar.stop()
        await envoy.stop()


async def _answered(url: str) -> None:
    body = flights.bodies(count=1)[0]
    async with httpx.AsyncClient() as client:
        while True:
            try:
                if (await client.post(url, content=body)).status_code == httpx.codes.OK:
                    return
            except httpx.TransportError:
                await asyncio.sleep(0.005)


async def _is_there(path: Path) -> bool:
    return path.exists()  # noqa: ASYNC240 - it is on this machine

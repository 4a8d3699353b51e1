"""The keeper of plans."""

import asyncio
import os
import threading
from pathlib import Path

from extproc.plans import Keeper, Shelf
from extproc.rules import RuleServer
from extproc.service import OneProcess
from extproc.stages import Role, Stages
from extproc.transports import TRANSPORTS
from extproc.xds import XdsServer
from hyperplan.plan import Plan
from tests.extproc.conversation import Memory
from tests.support.waiting import eventually


async def test_a_slow_disk_holds_up_nobody(tmp_path: Path) -> None:
    draft = tmp_path / "plan.draft"
    os.mkfifo(draft)  # whoever writes to it waits for a reader
    stages, applied = Stages(Memory()), list[int]()
    service = OneProcess(stages, {role: TRANSPORTS["h2"](stages[role], tmp_path / role.name) for role in Role})
    xds = XdsServer(tmp_path / "xds.sock")
    rules = RuleServer(tmp_path / "rules.sock")
    keeper = Keeper(service, xds, Shelf(tmp_path), rules, default_upstream=None, on_applied=applied.append)
    await keeper.begin(Plan(0))
    alive = threading.Event()

    def read_when_alive() -> tuple[bool, bytes]:
        was_alive = alive.wait(5)
        return was_alive, draft.read_bytes()

    try:
        reading = asyncio.create_task(asyncio.to_thread(read_when_alive))
        applying = asyncio.create_task(keeper.apply(Plan(1)))
        await eventually(lambda: applied == [0, 1])
        alive.set()
        was_alive, kept = await reading
        await applying
    finally:
        await xds.stop()
    assert was_alive
    assert Plan.decode(kept) == Plan(1)

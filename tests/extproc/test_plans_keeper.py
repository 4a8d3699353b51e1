"""The keeper of plans."""

import asyncio
import os
import threading
from pathlib import Path

import pytest

from extproc.plans import Keeper, Shelf
from extproc.rules import RuleServer
from extproc.service import OneProcess
from extproc.stages import Role, Stages
from extproc.transports import TRANSPORTS
from extproc.xds import XdsServer
from hyperplan.endpoint import parse_endpoint
from hyperplan.plan import Plan, PlannedEndpoint
from tests.extproc.conversation import DOCUMENT, Memory
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


async def test_what_cannot_be_hashed_for_want_of_a_key_is_said_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    stages = Stages(Memory())
    service = OneProcess(stages, {role: TRANSPORTS["h2"](stages[role], tmp_path / role.name) for role in Role})
    xds, rules = XdsServer(tmp_path / "xds.sock"), RuleServer(tmp_path / "rules.sock")
    text = DOCUMENT.replace("tailnum: { type: string,", "tailnum: { type: string, pii: true,")
    endpoints = (PlannedEndpoint(3, parse_endpoint(text)),)
    for has_secret, warnings in ((True, 0), (False, 1)):
        caplog.clear()
        keeper = Keeper(
            service, xds, Shelf(tmp_path), rules,
            default_upstream=None, on_applied=lambda _: None, has_secret=has_secret,
        )  # fmt: skip
        try:
            await keeper.begin(Plan(1, endpoints))
            await keeper.apply(Plan(2, endpoints))
        finally:
            await xds.stop()
        said = [record.getMessage() for record in caplog.records if "no key" in record.getMessage()]
        assert len(said) == warnings
        assert all("flight-delay: the feature tailnum and the entity" in line for line in said)

"""Control killed while it looks for skew and while it tells of it: no alert is lost, none opens twice, and what is told twice has one id."""

import asyncio
import base64
import json
import os
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import httpx
import numpy as np
import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from cli.addresses import claim_each
from control.alerts.book import AlertBook, Question
from control.alerts.outbox import DeliveryState
from control.alerts.tables import DeliveryRow
from control.jobs.tables import LeaseRow
from control.registry import Registry
from control.stores import open_store
from hyperplan.endpoint import Endpoint
from hyperplan.profile import Profile, Reference
from hyperplan.sample import Sample, observe_rows
from tests.control_alerts.conftest import BUCKET, SECRET
from tests.control_data.test_shared_control import export
from tests.support.waiting import eventually

PATIENCE = 60.0


class Site:
    """A data directory that one control after the other is started on, traffic that lacks a feature, and a webhook."""

    def __init__(self, data: Path, registry: Registry, endpoint: Endpoint, receiver: Any) -> None:
        self.data, self.registry, self.endpoint, self.receiver = data, registry, endpoint, receiver
        self._drawn = np.random.default_rng(0)
        self._samples = 0
        self._lack: tuple[str, ...] = ()
        store = open_store(data, BUCKET, lambda _: endpoint)
        series = [Profile.of_rows(endpoint.schema, self._rows(500)) for _ in range(4)]
        store.references.put(Reference(endpoint="flight-delay", model="gbm@1", made_at=1.0, rows=2000, series=series))
        store.close()

    def _rows(self, count: int) -> list[dict[str, Any]]:
        rows = [
            {"dep_delay": float(delay), "taxi_out": float(taxi), "carrier": "AA"}
            for delay, taxi in zip(
                self._drawn.integers(-10, 40, count), self._drawn.integers(5, 30, count), strict=True
            )
        ]
        return [{name: value for name, value in row.items() if name not in self._lack} for row in rows]

    @asynccontextmanager
    async def control(self) -> AsyncIterator[asyncio.subprocess.Process]:
        """A control that is served rows without `dep_delay`, and is killed in the end."""
        api, otlp = claim_each({"--listen": "127.0.0.1:0", "--otlp-listen": "127.0.0.1:0"})
        at = ["--listen", f"127.0.0.1:{api.port}", "--otlp-listen", f"127.0.0.1:{otlp.port}", "--data", str(self.data)]
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "cli.main", "control", *at),
            *("--bucket", str(BUCKET), "--webhook", self.receiver.url),
            env=os.environ | {"HYPERPLAN_WEBHOOK_SECRET": "whsec_" + base64.b64encode(SECRET).decode()},
            stderr=asyncio.subprocess.DEVNULL,
        )
        feeding = None
        try:
            await ready(f"http://127.0.0.1:{api.port}/readyz")
            feeding = asyncio.create_task(self._feed(f"127.0.0.1:{otlp.port}"))
            yield process
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()
            if feeding:
                feeding.cancel()
                await asyncio.gather(feeding, return_exceptions=True)
            self._forget_the_dead()

    async def _feed(self, address: str) -> None:
        self._lack = ("dep_delay",)
        async with grpc.aio.insecure_channel(address) as channel:
            while True:
                self._samples += 1
                sample = Sample(
                    prediction_id=f"p-{self._samples}",
                    time=time.time_ns(),
                    endpoint="flight-delay",
                    plan=1,
                    revision=1,
                    schema_version=self.endpoint.schema.version(),
                    chosen="gbm@1",
                    answered="gbm@1",
                    inclusion=1.0,
                    rows=observe_rows(self.endpoint.schema, self._rows(50)),
                )
                await export(channel, sample)
                await asyncio.sleep(BUCKET / 4)

    def _forget_the_dead(self) -> None:
        """As if the time of the lease was over that the dead one holds."""
        with Session(self.registry.engine) as session, session.begin():
            session.execute(update(LeaseRow).values(until=0))

    def deliveries(self) -> list[DeliveryRow]:
        with Session(self.registry.engine, expire_on_commit=False) as session:
            return list(session.scalars(select(DeliveryRow).order_by(DeliveryRow.created)))

    def all_delivered(self) -> bool:
        rows = self.deliveries()
        return bool(rows) and {row.state for row in rows} == {DeliveryState.DELIVERED.value}


async def ready(url: str) -> None:
    async with httpx.AsyncClient() as client, asyncio.timeout(PATIENCE):
        while True:
            try:
                if (await client.get(url)).is_success:
                    return
            except httpx.TransportError:
                pass
            await asyncio.sleep(0.05)


@pytest.fixture
def site(tmp_path: Path, registry: Registry, endpoint: Endpoint, receiver: Any) -> Site:
    return Site(tmp_path, registry, endpoint, receiver)


def in_mid_evaluation() -> Callable[[], bool]:
    """Some moment of one round or another: they are a fifth of a second apart."""
    until = time.monotonic() + float(np.random.default_rng().uniform(1, 2))
    return lambda: time.monotonic() >= until


@pytest.mark.heavy
async def test_alerts_outlive_a_killed_control(site: Site) -> None:
    site.receiver.silent = True
    async with site.control():
        await eventually(lambda: bool(site.receiver.received), PATIENCE)
    first = site.receiver.received[0]
    assert json.loads(first.body)["type"] == "alert.opened"
    assert site.deliveries()[0].state == DeliveryState.WAITING.value

    site.receiver.silent = False
    for _ in range(2):
        async with site.control():
            await eventually(in_mid_evaluation(), PATIENCE)
    async with site.control():
        await eventually(site.all_delivered, PATIENCE)

    again = [each for each in site.receiver.received if each.headers["webhook-id"] == first.headers["webhook-id"]]
    assert len(again) >= 2
    assert {each.body for each in again} == {first.body}
    opened = {
        each.headers["webhook-id"]
        for each in site.receiver.received
        if json.loads(each.body)["type"] in ("alert.opened", "alert.reopened")
    }
    assert opened == {first.headers["webhook-id"]}
    assert {each.headers["webhook-id"] for each in site.receiver.received} == {
        f"msg_{row.event}" for row in site.deliveries()
    }
    (alert,) = AlertBook(site.registry.engine).find(Question())
    assert {sighting.finding.feature for sighting in alert.sightings} == {"dep_delay"}

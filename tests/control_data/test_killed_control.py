"""Control killed while samples come in, again and again: nothing that it acknowledged is lost, and nothing counts twice."""

import asyncio
import itertools
import sys
from collections.abc import Callable
from pathlib import Path

import grpc
import pytest

from cli.addresses import claim_each
from control.stores import Store
from control.stores.samples import Question
from hyperplan.sample import Sample
from tests.control_data.test_shared_control import export

MakeSample = Callable[..., Sample]
FOREVER = 1 << 62
KILLS = 3
ENOUGH = 10
LANES = 3
ROW = [{"distance": 1.0, "carrier": "AA"}]
SENT_AT_ONCE = 20


class Senders:
    """Send batches to one control after the other, and remember what was sent and what was acknowledged."""

    def __init__(self, make_sample: MakeSample) -> None:
        self._make_sample = make_sample
        self.sent: list[Sample] = []
        self.acknowledged: set[str] = set()

    async def send_until_enough(self, name: str, address: str) -> None:
        """Send from several lanes until some batches more are acknowledged; others are then under way."""
        enough = len(self.acknowledged) + ENOUGH * SENT_AT_ONCE
        async with grpc.aio.insecure_channel(address) as channel:
            await asyncio.wait_for(channel.channel_ready(), 60)
            await asyncio.wait(
                [asyncio.create_task(self._send(f"{name}-{lane}", channel, enough)) for lane in range(LANES)],
                return_when=asyncio.FIRST_COMPLETED,
            )

    async def _send(self, name: str, channel: grpc.aio.Channel, enough: int) -> None:
        for number in itertools.count():
            batch = [
                self._make_sample(f"{name}-{number}-{index}", seconds=number, rows=ROW) for index in range(SENT_AT_ONCE)
            ]
            self.sent += batch
            await export(channel, *batch)
            self.acknowledged.update(sample.prediction_id for sample in batch)
            if len(self.acknowledged) >= enough:
                return


@pytest.mark.heavy
@pytest.mark.parametrize("backend", ["duckdb", "postgresql"], indirect=True)
async def test_nothing_that_control_acknowledged_is_lost_when_it_is_killed(
    store_place: Path | str, tmp_path: Path, open_again: Callable[[], Store], make_sample: MakeSample
) -> None:
    senders = Senders(make_sample)
    for kill in range(KILLS):
        await killed(senders, kill, tmp_path, ["--store", store_place] if isinstance(store_place, str) else [])
    sent, acknowledged = senders.sent, senders.acknowledged
    found = open_again()
    try:
        kept = {sample.prediction_id for sample in found.samples.find(Question("flight-delay", limit=1_000_000))}
        assert len(acknowledged) >= KILLS * ENOUGH * SENT_AT_ONCE
        assert acknowledged <= kept
        assert sum(bucket.profile.rows for bucket in found.windows.find("flight-delay", 0, FOREVER)) == len(kept)
        found.ingest(sent)  # as senders do that were not answered
        assert sum(bucket.profile.rows for bucket in found.windows.find("flight-delay", 0, FOREVER)) == len(sent)
    finally:
        found.close()


async def killed(senders: Senders, kill: int, data: Path, store: list[str]) -> None:
    """Run control, and kill it while samples come in."""
    api, otlp = claim_each({"--listen": "127.0.0.1:0", "--otlp-listen": "127.0.0.1:0"})
    at = ["--listen", f"127.0.0.1:{api.port}", "--otlp-listen", f"127.0.0.1:{otlp.port}", "--data", str(data)]
    control = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "cli.main", "control", *at, *store, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        await senders.send_until_enough(str(kill), f"127.0.0.1:{otlp.port}")
    finally:
        control.kill()
        await control.wait()

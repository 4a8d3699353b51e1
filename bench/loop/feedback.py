"""How feedback is sent to a control as it is deployed, and how its store is filled: for the parts that measure what it takes in, and how soon it is found.

Control runs as it is deployed, in one process. Feedback comes over HTTP, in requests of many, on several connections. For the join the store is filled
with samples first, ten million as the bar says; then one prediction after the other is asked for with its label, while feedback goes on coming in.
"""

import asyncio
import contextlib
import itertools
import json
import random
import sys
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import httpx
import msgspec
import pyarrow as pa

from bench import flights
from bench.ingest import applied
from cli.addresses import claim_each
from cli.processes import ending_with_us
from control.stores.store import FILE, open_store
from hyperplan.endpoint import parse_endpoint
from hyperplan.sample import Sample

DOCUMENT = flights.document("http://127.0.0.1:1/", sampling=1.0)
BAR = 20_000
BATCH = 1_000
"""Feedback in a request."""
UNDER_WAY = 8
ASKED = 1_000
"""Predictions that are asked for."""
INGESTED = 20
"""Requests of feedback a second while predictions are asked for: the bar's rate."""


@contextlib.asynccontextmanager
async def control(folder: Path) -> AsyncIterator[str]:
    """Control with the flights' endpoint; the URL of its API."""
    api, otlp = claim_each({"--listen": "127.0.0.1:0", "--otlp-listen": "127.0.0.1:0"})
    at = [f"--listen={api.host}:{api.port}", f"--otlp-listen={otlp.host}:{otlp.port}", f"--data={folder}"]
    command = ending_with_us([sys.executable, "-m", "cli.main", "control", *at])
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.DEVNULL)
    try:
        await applied(f"http://{api.host}:{api.port}", process)
        yield f"http://{api.host}:{api.port}"
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await process.wait()


def body(ids: Sequence[str]) -> bytes:
    """A request with a label for each prediction, as lines."""
    return b"\n".join(
        json.dumps({"endpoint": DOCUMENT["name"], "prediction_id": each, "label": 1}).encode() for each in ids
    )


async def post(client: httpx.AsyncClient, content: bytes) -> None:
    """Send a request, which must be taken."""
    answer = await client.post("/v1/feedback", content=content, headers={"content-type": "application/x-ndjson"})
    answer.raise_for_status()


async def send(url: str, bodies: Sequence[bytes]) -> float:
    """Send requests until all are acknowledged; the seconds that it took."""
    waiting = iter(bodies)

    async def some(client: httpx.AsyncClient) -> None:
        for content in waiting:
            await post(client, content)

    async with httpx.AsyncClient(base_url=url, timeout=60) as client:
        started = time.perf_counter()
        await asyncio.gather(*(some(client) for _ in range(UNDER_WAY)))
        return time.perf_counter() - started


async def rates(rounds: int, count: int, source: random.Random) -> list[float]:
    """Feedback a second in each round; a first, in which everything is imported, is left out."""
    with TemporaryDirectory(prefix="feedback-") as folder:
        async with control(Path(folder)) as url:
            await send(url, [body(new_ids(BATCH, source)) for _ in range(10)])
            found = []
            for _ in range(rounds):
                bodies = [body(new_ids(BATCH, source)) for _ in range(count // BATCH)]
                found.append(len(bodies) * BATCH / await send(url, bodies))
            return found


def new_ids(count: int, source: random.Random) -> list[str]:
    """Prediction ids as Envoy makes them."""
    digits = (f"{source.getrandbits(128):032x}" for _ in range(count))
    return [f"{one[:8]}-{one[8:12]}-{one[12:16]}-{one[16:20]}-{one[20:]}" for one in digits]


def filled(folder: Path, samples: int) -> list[str]:
    """Fill a store with samples, a second apart; some of their prediction ids. The samples are all alike but for id and time."""
    endpoint = parse_endpoint(json.dumps(DOCUMENT))
    store = open_store(folder, 60, lambda _: endpoint)
    now = time.time_ns()
    one = Sample(
        prediction_id="first", time=now, endpoint=endpoint.name, plan=1, revision=1, schema_version="1", inclusion=1.0,
        chosen="gbm@1", answered="gbm@1", propensity=1.0, predictions=[0.5], rows_seen=1,
    )  # fmt: skip
    store.ingest([one])
    store.close()
    with duckdb.connect(str(folder / FILE)) as connection:
        for part in range(0, samples, 1_000_000):
            connection.execute(
                "INSERT INTO samples BY NAME SELECT samples.* EXCLUDE (looked_up) REPLACE "
                "(time - (? + step) * 1000000 AS time, uuid()::VARCHAR AS prediction_id) "
                "FROM samples, range(?) numbers(step) WHERE prediction_id = 'first'",
                [part, min(1_000_000, samples - part)],
            )
        connection.execute("UPDATE samples SET looked_up = md5_number_lower(prediction_id) WHERE looked_up IS NULL")
        found = connection.execute(f"SELECT prediction_id FROM samples USING SAMPLE {ASKED} ROWS").fetchall()
        ids = [each for (each,) in found]
        bodies = [msgspec.structs.replace(one, prediction_id=each).encode() for each in ids]
        connection.register("asked", pa.table({"id": ids, "body": bodies}))
        connection.execute("UPDATE samples SET body = asked.body FROM asked WHERE prediction_id = asked.id")
    return ids


async def joins(samples: int, source: random.Random) -> list[float]:
    """Milliseconds until a prediction was there with its label, each, while feedback came in."""
    with TemporaryDirectory(prefix="feedback-") as folder:
        ids = await asyncio.to_thread(filled, Path(folder), samples)
        async with control(Path(folder)) as url, httpx.AsyncClient(base_url=url, timeout=60) as client:
            await post(client, body(ids))
            ingesting = asyncio.create_task(_ingest(url, source))
            found = []
            for each in ids:
                started = time.perf_counter()
                answer = await client.get(f"/v1/endpoints/{DOCUMENT['name']}/samples/{each}")
                found.append((time.perf_counter() - started) * 1000)
                answer.raise_for_status()
                if len(answer.json()["feedback"]) != 1:
                    raise ValueError(f"the prediction {each} has no label")
            if ingesting.done():
                await ingesting
            ingesting.cancel()
            await asyncio.gather(ingesting, return_exceptions=True)
            return found[10:]


async def _ingest(url: str, source: random.Random) -> None:
    bodies = [body(new_ids(BATCH, source)) for _ in range(20)]
    async with httpx.AsyncClient(base_url=url, timeout=60) as client:
        for content in itertools.cycle(bodies):
            await asyncio.gather(post(client, content), asyncio.sleep(1 / INGESTED))

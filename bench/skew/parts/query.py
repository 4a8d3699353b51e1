"""What a skew query over thirty days costs after a hundred times more traffic.

Two stores with the same endpoint, the same thirty days and the same buckets: by the minute for the last hours, wider ones before, as
control rolls them up. In the one each hour holds 600 rows, in the other 60,000. A control is started on each, and asked over HTTP, in turn with the
other; of the rounds the median counts.
"""

import asyncio
import contextlib
import json
import statistics
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import numpy as np
from numpy.typing import NDArray

from bench.flights import document
from bench.judgement import Bar, Line, Measured, Options, Part
from bench.probes import listens
from bench.skew.data import load
from bench.skew.serving import training_of
from cli.addresses import claim
from cli.failure import Failure
from cli.processes import Process, own_environment
from control.stores import open_store
from control.stores.scattered import appended
from control.stores.tables import WINDOWS
from control.stores.windows import _columns
from hyperplan.endpoint import Endpoint, parse_endpoint
from hyperplan.profile import Profile, Reference
from hyperplan.profile.columns import Counted
from hyperplan.windows import WindowKey
from hyperplan.windows.rollup import DAY, HOUR, MINUTE, STEPS

DAYS = 30
ROWS_AN_HOUR = 600
MORE = 100
ROUNDS = 9
PATIENCE = 60.0

FOLLOWS = Line("skew query over 30 days: time after 100 times more traffic", (Bar("ratio", 1.2),))


def spans(until: int, days: int) -> Iterator[tuple[int, int]]:
    """The start and width of each bucket of so many days until a time, as they are after being rolled up."""
    start = until - days * DAY
    while start < until:
        width = next((step.width for step in reversed(STEPS) if start < until - step.age), MINUTE)
        yield start, width
        start += width


class _Drawn:
    """A column that rows are drawn from. Texts are counted, millions of which would take longer than all that is measured."""

    def __init__(self, name: str, values: NDArray[Any]) -> None:
        self.name, self._numbers = name, values
        self._texts: list[Any] = []
        if values.dtype == object:
            self._texts = list(dict.fromkeys(values.tolist()))
            codes = {text: code for code, text in enumerate(self._texts)}
            self._numbers = np.array([codes[text] for text in values.tolist()])

    def values(self, rows: NDArray[np.int64]) -> NDArray[Any] | Counted:
        drawn = self._numbers[rows]
        if not self._texts:
            return drawn
        counts = np.bincount(drawn, minlength=len(self._texts)).tolist()
        return Counted({text: count for text, count in zip(self._texts, counts, strict=True) if count})


def fill(folder: Path, endpoint: Endpoint, until: int, days: int, rows_an_hour: float, seed: int) -> int:
    """Write the buckets of a store; how many there are."""
    data, drawn = load("flights"), np.random.default_rng(seed)
    columns = [_Drawn(name, data.columns[name][: data.split]) for name in data.schema.features if name in data.columns]
    store = open_store(folder, MINUTE / 1e9, lambda _: endpoint)
    model = endpoint.routing.default_model()
    buckets = {}
    for start, width in spans(until, days):
        rows = drawn.integers(data.split, size=max(1, round(rows_an_hour * width / HOUR)))
        profile = Profile.of_columns(endpoint.schema, {column.name: column.values(rows) for column in columns})
        buckets[WindowKey(endpoint.name, model, model, "", start, 1.0, width)] = profile
    # As Windows.add writes them; to go by way of samples would take hours.
    with store._database.writing() as writer:
        writer.append(WINDOWS, WINDOWS.rows(appended(_columns(buckets))))
    store.close()
    return len(buckets)


@contextlib.asynccontextmanager
async def control(folder: Path, endpoint: dict[str, Any], reference: bytes) -> AsyncIterator[httpx.AsyncClient]:
    """A control on a folder, with an endpoint and the reference of its default model."""
    api, otlp = claim("127.0.0.1:0", "a port"), claim("127.0.0.1:0", "a port")
    at = ["--listen", f"{api.host}:{api.port}", "--otlp-listen", f"{otlp.host}:{otlp.port}", "--data", str(folder)]
    process = Process("control", [sys.executable, "-m", "cli.main", "control", *at], own_environment(), lambda *_: None)
    await process.start()
    try:
        async with httpx.AsyncClient(base_url=api.url, timeout=PATIENCE) as client:
            await process.until(lambda: listens(api), PATIENCE)
            (await client.put(f"/v1/endpoints/{endpoint['name']}", json=endpoint)).raise_for_status()
            model = next(iter(endpoint["models"]))
            path = f"/v1/endpoints/{endpoint['name']}/models/{model}/reference"
            (await client.put(path, content=reference)).raise_for_status()
            yield client
    finally:
        await process.stop()


async def asked(client: httpx.AsyncClient, name: str, days: int) -> tuple[float, int]:
    """Seconds of a question, and the rows that the answer tells of."""
    began = time.perf_counter()
    answer = await client.get(f"/v1/endpoints/{name}/skew", params={"since": f"-{days}d", "window": "86400"})
    seconds = time.perf_counter() - began
    if answer.is_error:
        raise Failure(f"control answered {answer.status_code}: {answer.text[:200]}")
    return seconds, int(answer.json()["total"]["rows"])


async def compare(options: Options) -> Measured:
    """Fill two stores, and ask both."""
    plain = document("http://127.0.0.1:1", sampling=1.0)
    endpoint = parse_endpoint(json.dumps(plain))
    data = load("flights")
    series = training_of(data)
    reference = Reference(
        endpoint=endpoint.name,
        model=endpoint.routing.default_model(),
        made_at=time.time(),
        rows=sum(profile.rows for profile in series),
        series=series,
    ).encode()
    days, more = options.sized(DAYS, 2), max(2, round(MORE * min(1.0, options.scale * 5)))
    until = time.time_ns() // HOUR * HOUR
    async with contextlib.AsyncExitStack() as opened:
        clients, buckets = [], 0
        for times in (1, more):
            folder = Path(opened.enter_context(TemporaryDirectory()))
            buckets = fill(folder, endpoint, until, days, ROWS_AN_HOUR * times, options.seed)
            clients.append(await opened.enter_async_context(control(folder, plain, reference)))
        rounds: list[dict[str, Any]] = []
        for client in clients:
            await asked(client, endpoint.name, days)  # whatever is imported or cached by the first question
        for _ in range(ROUNDS):
            (few, rows), (many, most) = [await asked(client, endpoint.name, days) for client in clients]
            rounds.append(
                {"1 time, s": few, f"{more} times, s": many, "ratio": many / few, "rows": rows, "more rows": most}
            )
    ratio = statistics.median(one["ratio"] for one in rounds)
    beside = {
        "days": days,
        "buckets": buckets,
        "times more": more,
        "seconds": round(statistics.median(one[f"{more} times, s"] for one in rounds), 3),
    }
    return Measured([FOLLOWS.judged({"ratio": ratio}, beside)], {"skew queries": rounds})


def measure(options: Options) -> Measured:
    """The figure."""
    return asyncio.run(compare(options))


PART = Part("skew queries over a month", (FOLLOWS,), measure)

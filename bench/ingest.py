"""`python -m bench.ingest`: how many samples control acknowledges as durable in a second, in each of its stores.

Control runs as it is deployed, in one process with the flights' endpoint. The sender is this process, on the same machine: it has
everything encoded before the clock starts and keeps a few requests under way on several connections, as sidecars do that send what
waited in their spools. PostgreSQL is measured where a server is installed, with its durability as it comes; ClickHouse as chDB, inside
control's process, which syncs its parts.
"""

import asyncio
import contextlib
import itertools
import json
import os
import random
import statistics
import sys
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any, NamedTuple

import grpc
import grpc.aio
import httpx
import typer
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from rich.console import Console

from bench import flights
from bench.cost import cpu_seconds, resident_mb
from bench.figures import Figure
from bench.report import figure_table, run_command
from cli.addresses import claim_each
from cli.failure import Failure
from cli.processes import ending_with_us
from hyperplan.endpoint import parse_endpoint
from hyperplan.sample import Sample, observe_rows
from tests.support.databases import postgres_binaries, postgres_server

EXPORT = "/opentelemetry.proto.collector.logs.v1.LogsService/Export"
SAMPLES = 512
"""Samples in a request: what a sidecar sends at once."""
CONNECTIONS = 4
UNDER_WAY = 8
"""Requests that each connection keeps under way."""
BAR = 20_000


def requests(count: int, source: random.Random, beginning: int) -> list[bytes]:
    """Encoded export requests whose samples come 20 microseconds apart."""
    endpoint = parse_endpoint(json.dumps(flights.document("http://127.0.0.1:1/", sampling=1.0)))
    times = itertools.count(beginning, 20_000)
    return [_request([_sample(endpoint, source, next(times)) for _ in range(SAMPLES)]) for _ in range(count)]


def _request(samples: Sequence[Sample]) -> bytes:
    request = ExportLogsServiceRequest()
    records = request.resource_logs.add().scope_logs.add().log_records
    for sample in samples:
        record = records.add()
        record.event_name = Sample.EVENT_NAME
        record.body.bytes_value = sample.encode()
    return request.SerializeToString()


def _sample(endpoint: Any, source: random.Random, now: int) -> Sample:
    row = flights.flight(source)
    model = source.choice([*endpoint.routing.split])
    return Sample(
        prediction_id=f"{source.getrandbits(128):032x}",
        time=now,
        endpoint=endpoint.name,
        plan=1,
        revision=1,
        schema_version=endpoint.schema.version(),
        entity=str(row["tailnum"]),
        chosen=model,
        answered=model,
        attempts=1,
        propensity=0.5,
        inclusion=1.0,
        status=200,
        latency=source.random() / 50,
        rows=observe_rows(endpoint.schema, [row]),
        rows_seen=1,
        predictions=[source.random()],
    )


@contextlib.asynccontextmanager
async def control(folder: Path, store: str | None) -> AsyncIterator[tuple[str, int]]:
    """Control with the flights' endpoint; where it receives OTLP, and its process."""
    api, otlp = claim_each({"--listen": "127.0.0.1:0", "--otlp-listen": "127.0.0.1:0"})
    at = [f"--listen={api.host}:{api.port}", f"--otlp-listen={otlp.host}:{otlp.port}", f"--data={folder}"]
    more = [f"--store={store}"] if store else []
    command = ending_with_us([sys.executable, "-m", "cli.main", "control", *at, *more])
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.DEVNULL)
    try:
        await applied(f"http://{api.host}:{api.port}", process)
        yield f"{otlp.host}:{otlp.port}", process.pid
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await process.wait()


async def applied(url: str, process: asyncio.subprocess.Process) -> None:
    """Give control the flights' endpoint, as soon as it answers."""
    document = flights.document("http://127.0.0.1:1/", sampling=1.0)
    async with httpx.AsyncClient(base_url=url) as client:
        while True:
            if process.returncode is not None:
                raise Failure("control ended before it could be asked; it said why above")
            with contextlib.suppress(httpx.TransportError):
                answer = await client.put(f"/v1/endpoints/{document['name']}", json=document)
                answer.raise_for_status()
                return
            await asyncio.sleep(0.05)


async def send(address: str, encoded: Sequence[bytes]) -> float:
    """Send requests until all are acknowledged; the seconds that it took."""
    waiting = iter(encoded)
    started = time.perf_counter()
    async with contextlib.AsyncExitStack() as opened:
        options = [("grpc.use_local_subchannel_pool", 1)]  # or all would share one connection
        channels = [
            await opened.enter_async_context(grpc.aio.insecure_channel(address, options=options))
            for _ in range(CONNECTIONS)
        ]
        await asyncio.gather(*(_send(channel, waiting) for channel in channels for _ in range(UNDER_WAY)))
    return time.perf_counter() - started


async def _send(channel: grpc.aio.Channel, waiting: Iterator[bytes]) -> None:
    export = channel.unary_unary(EXPORT)
    for request in waiting:
        if await export(request):
            raise Failure("control refused some samples")  # an answer that says nothing is empty


class Round(NamedTuple):
    """Samples acknowledged in a second, and what each cost control in microseconds of CPU."""

    rate: float
    cpu: float


class Measured(NamedTuple):
    """The rounds of a store, and control's memory after them, in MB."""

    rounds: list[Round]
    memory: float

    def median(self, column: str) -> float:
        """The median of the rounds."""
        return float(statistics.median(getattr(one, column) for one in self.rounds))


async def measure(store: str | None, encoded: Sequence[Sequence[bytes]]) -> Measured:
    """Send rounds of requests; the first, in which everything is imported, is left out."""
    with TemporaryDirectory(prefix="ingest-") as folder:
        place = store.replace("$FOLDER", folder) if store else None
        async with control(Path(folder), place) as (address, pid):
            await send(address, encoded[0])
            rounds = []
            for some in encoded[1:]:
                before = cpu_seconds(pid)
                seconds = await send(address, some)
                samples = len(some) * SAMPLES
                rounds.append(Round(samples / seconds, (cpu_seconds(pid) - before) / samples * 1e6))
            return Measured(rounds, resident_mb(pid))


def main(
    rounds: Annotated[int, typer.Option(min=1, help="Rounds, whose median is told.")] = 5,
    samples: Annotated[int, typer.Option(min=SAMPLES, help="Samples of a round.")] = 100_000,
    store: Annotated[
        list[str] | None, typer.Option(help="duckdb, postgresql, chdb; all that are there if not given.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Measure how many samples a second control takes in."""
    source = random.Random(7)
    beginning = time.time_ns()
    size = samples // SAMPLES
    encoded = [requests(size, source, beginning + number * size * SAMPLES * 20_000) for number in range(rounds + 1)]
    measured: dict[str, Measured] = {}
    with contextlib.ExitStack() as opened:
        for name, place in _stores(set(store or ()), opened):
            measured[name] = asyncio.run(measure(place, encoded))
            told = measured[name]
            Console(stderr=True).print(
                f"{name}: {told.median('rate'):,.0f} samples/s, {told.median('cpu'):.1f} us of CPU each, {told.memory:.0f} MB"
            )
    figures = [
        Figure.at_least(f"samples ingested durably a second, one process, {name}", round(told.median("rate")), BAR)
        for name, told in measured.items()
    ]
    if as_json:
        rows = [
            {"store": name, "memory": told.memory, "rounds": [one._asdict() for one in told.rounds]}
            for name, told in measured.items()
        ]
        found = {"stores": rows, "cores": os.cpu_count(), "figures": [figure._asdict() for figure in figures]}
        typer.echo(json.dumps(found, indent=2))
    else:
        Console().print(figure_table(figures))


def _stores(wanted: set[str], opened: contextlib.ExitStack) -> Iterator[tuple[str, str | None]]:
    if not wanted or "duckdb" in wanted:
        yield "duckdb", None
    binaries = postgres_binaries()
    if binaries and (not wanted or "postgresql" in wanted):
        server = opened.enter_context(postgres_server(binaries, "-c fsync=on"))
        yield "postgresql", server.create_database("ingest")
    if not wanted or "chdb" in wanted:
        yield "chdb", "chdb://$FOLDER/chdb"


if __name__ == "__main__":
    run_command(main)

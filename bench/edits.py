"""`python -m bench.edits`: how long it takes from an edit at control to the first request on the new revision.

Everything is real: control, sidecar, Envoy, and clients that ask all the time; an edit gives all traffic to another model, so
an answer says by which revision it was routed. The clock runs from before the edit is sent until the answer is there.

With hundreds of sidecars on one control not all can be real, since a machine has no memory for them: some are processes of their
own, the rest are `bench.followers`. One has an Envoy, and its requests count as above. The others log the moment in which a
plan is in force, from where on they decide by it. All of them compile on the same two cores, which hundreds of machines
would share out among themselves.
"""

import asyncio
import contextlib
import functools
import json
import math
import random
import re
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path
from typing import Annotated, Any, NamedTuple, TypeVar

import httpx
import typer
from rich.console import Console
from rich.table import Table

from bench import cost, flights
from bench.figures import Figure
from bench.measure import Show
from bench.report import figure_table, run_command
from cli.addresses import claim
from cli.failure import Failure
from cli.processes import Process, own_environment
from cli.stack import Stack, StackSettings
from demo.client import Connection
from extproc.plans import Shelf
from hyperplan.plan import Plan

ONE, MANY = 0.2, 2.0
"""The bars: seconds within which 99 of 100 edits must have come to a sidecar that is alone, and to one of hundreds."""
EDITS, SIDECARS, REAL = 100, 500, 60
"""Edits of each kind, sidecars on one control, and how many of those are processes of their own, by default."""
CLIENTS, PACE = 4, 0.004
"""Clients that ask, and the seconds that each pauses between an answer and its next request: sidecars need the machine too."""
PATIENCE = 60.0
"""Seconds that an edit may take before the measurement has failed."""
PER_PROCESS = 125
"""Sidecars in one process of `bench.followers`."""
_MODELS = ("gbm@1", "logit@1")
_ENDPOINT = "/v1/endpoints/flight-delay"
_IN_FORCE = re.compile(r"plan (\d+) is in force")


T = TypeVar("T")


class Edited(NamedTuple):
    """The seconds that edits of one kind took to come to so many sidecars, and the requests that failed meanwhile.

    `cpu` is control's CPU time per edit, in seconds.
    """

    edit: str
    sidecars: int
    seconds: Sequence[float]
    cpu: float
    errors: int

    def percentile(self, share: float) -> float:
        """The time within which this share of the edits came, in seconds."""
        ordered = sorted(self.seconds)
        return ordered[math.ceil(share * len(ordered)) - 1]

    def as_dict(self) -> dict[str, object]:
        """As it is printed, times in milliseconds."""
        return {
            "edit": self.edit,
            "sidecars": self.sidecars,
            "observed": len(self.seconds),
            "p50_ms": round(statistics.median(self.seconds) * 1000, 1),
            "p99_ms": round(self.percentile(0.99) * 1000, 1),
            "max_ms": round(max(self.seconds) * 1000, 1),
            "control_cpu_ms": round(self.cpu * 1000, 1),
            "client_errors": self.errors,
        }


class Asking:
    """Clients that ask all the time, and know who answered."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._bodies = flights.bodies()
        self._wanted: dict[str, tuple[float, asyncio.Future[float]]] = {}
        self.errors = 0

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Ask while the block runs."""
        tasks = [asyncio.create_task(self._ask()) for _ in range(CLIENTS)]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def answer_of(self, model: str) -> float:
        """Wait for a model's answer to a request that is still to come; when it was there, on the monotonic clock."""
        found: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self._wanted[model] = time.monotonic(), found
        return await _in_time(found, f"no request was answered by {model}")

    async def _ask(self) -> None:
        connection = Connection(self._address)
        with contextlib.closing(connection):
            while True:
                sent = time.monotonic()
                status, headers, _ = await connection.post(flights.PATH, random.choice(self._bodies))
                self.errors += status != httpx.codes.OK
                since, found = self._wanted.get(headers.get("x-hyperplan-model", ""), (sent, None))
                if found and sent > since and not found.done():
                    found.set_result(time.monotonic())
                await asyncio.sleep(PACE)


class Site:
    """A control with a sidecar, its Envoy, and clients; and perhaps more sidecars on the same control."""

    def __init__(self, stack: Stack, model: str) -> None:
        self.stack = stack
        self._model = model
        self.asking = Asking(stack.settings.listen.url)
        self.api = httpx.AsyncClient(base_url=stack.settings.control.url, timeout=PATIENCE)
        self._turn = 0
        self.applied: dict[int, list[float]] = defaultdict(list)
        """When each plan was in force with sidecars other than the first, on the monotonic clock."""

    def note(self, _name: str, line: str) -> None:
        """Take a line of another sidecar's log."""
        found = _IN_FORCE.search(line)
        if found:
            self.applied[int(found[1])].append(time.monotonic())

    async def split(self) -> float:
        """Give all traffic to the other of two models; seconds until it got a request."""
        self._turn += 1
        tag = (await self.api.get(f"{_ENDPOINT}/routing")).headers["etag"]
        chosen = _MODELS[self._turn % 2]
        return await self._edit(f"{_ENDPOINT}/routing", _routing(chosen), chosen, **{"if-match": tag})

    async def model(self) -> float:
        """Give all traffic to a model that was not there; seconds until it got a request. Envoy learns a cluster for it."""
        self._turn += 1
        name = f"new@{self._turn}"
        document = _document(self._model)
        document["models"][name] = document["models"]["gbm@1"]
        document["routing"]["split"] = {name: 1}
        return await self._edit(_ENDPOINT, document, name)

    async def _edit(self, path: str, document: dict[str, Any], model: str, **condition: str) -> float:
        began = time.monotonic()
        put = asyncio.create_task(self.api.put(path, json=document, headers=condition))
        answered = await self.asking.answer_of(model)
        (await put).raise_for_status()
        return answered - began

    async def measure(self, edit: str, edits: int, sidecars: int = 1) -> Edited:
        """Make so many edits of a kind, one when all sidecars have the one before."""
        make: Callable[[], Awaitable[float]] = {"split": self.split, "model": self.model}[edit]
        seconds: list[float] = []
        errors, spent = self.asking.errors, 0.0
        async with self.asking.running():
            await make()  # what is done for the first time
            for _ in range(edits):
                await asyncio.sleep(random.uniform(0.05, 0.15))  # in step with nothing
                used, began = cost.cpu_seconds(self.stack.control.pid), time.monotonic()
                seconds.append(await make())
                number = (await self.api.get("/v1/plan")).json()["number"]
                seconds += [at - began for at in await self._everywhere(number, sidecars - 1)]
                spent += cost.cpu_seconds(self.stack.control.pid) - used
        return Edited(edit, sidecars, seconds, spent / edits, self.asking.errors - errors)

    async def _everywhere(self, number: int, others: int) -> list[float]:
        async def everywhere() -> None:
            while len(self.applied[number]) < others:  # noqa: ASYNC110 - they tell it in their logs
                await asyncio.sleep(0.01)

        await _in_time(everywhere(), f"plan {number} is not in force everywhere")
        return self.applied.pop(number, [])


@contextlib.asynccontextmanager
async def site() -> AsyncIterator[Site]:
    """A site that runs."""
    async with contextlib.AsyncExitStack() as opened:
        folder = Path(opened.enter_context(tempfile.TemporaryDirectory(prefix="hyperplan-edits-")))
        model = claim("127.0.0.1:0", "a port")
        upstream = _python("upstream", ["-m", "bench.upstream", str(model.port)], _ignore)
        await upstream.start()
        opened.push_async_callback(upstream.stop)
        (folder / "endpoints").mkdir()
        url = f"{model.url}/predict"
        (folder / "endpoints" / "flights.json").write_text(json.dumps(_document(url)))
        listen, control, otlp = (claim("127.0.0.1:0", "a port") for _ in range(3))
        settings = StackSettings(listen, control, otlp, folder / "data", folder / "endpoints")
        stack = await opened.enter_async_context(Stack(settings, _ignore))
        found = Site(stack, url)
        opened.push_async_callback(found.api.aclose)
        yield found


@contextlib.asynccontextmanager
async def more_sidecars(found: Site, real: int, light: int, show: Show) -> AsyncIterator[None]:
    """Other sidecars on the same control: so many that are processes, and so many that are not."""
    async with contextlib.AsyncExitStack() as stopping:
        # In memory: hundreds of machines have hundreds of disks.
        folder = Path(stopping.enter_context(tempfile.TemporaryDirectory(dir=_memory())))
        processes = [_followers(found, folder / f"many-{number}", count) for number, count in enumerate(_shares(light))]
        plan = Plan.decode((await found.api.get("/v1/plan")).content)
        processes += [_sidecar(found, folder / str(number), plan) for number in range(real)]
        for number, process in enumerate(processes):
            await process.start()
            stopping.push_async_callback(process.stop)
            if number % 10 == 9:  # two cores cannot start all of them at once
                show(f"{number + 1} of {len(processes)} processes with sidecars")
                await process.until(functools.partial(_some_follow, found.api, number), PATIENCE)
        await found.stack.control.until(lambda: _some_follow(found.api, 1 + real + light), PATIENCE)
        yield


def _followers(found: Site, run: Path, count: int) -> Process:
    run.mkdir()
    arguments = ["-m", "bench.followers", found.stack.settings.control.url, str(count), str(run)]
    return _python(run.name, arguments, found.note)


def _sidecar(found: Site, run: Path, plan: Plan) -> Process:
    """A sidecar without an Envoy. It starts from a plan on disk, since it would wait for Envoy to go over to a first one."""
    Shelf(run / "data").save(plan)
    settings = found.stack.settings
    options = ["--control", settings.control.url, "--run", str(run), "--data", str(run / "data")]
    environment = {"OTEL_EXPORTER_OTLP_ENDPOINT": settings.otlp.url}
    return _python(f"sidecar {run.name}", ["-m", "cli.main", "sidecar", *options], found.note, **environment)


async def _in_time(awaited: Awaitable[T], otherwise: str) -> T:
    try:
        async with asyncio.timeout(PATIENCE):
            return await awaited
    except TimeoutError:
        raise Failure(f"{otherwise} within {PATIENCE:g} seconds") from None


def _document(model: str) -> dict[str, Any]:
    return {**flights.document(model, sampling=0.01), "routing": _routing(_MODELS[0])}


def _routing(chosen: str) -> dict[str, Any]:
    # The default stays: it is a route of Envoy's.
    return {"split": {model: float(model == chosen) for model in _MODELS}, "sticky": True, "default": _MODELS[0]}


async def _some_follow(api: httpx.AsyncClient, count: int) -> bool:
    return len((await api.get("/v1/sidecars")).json()) >= count


def _shares(count: int) -> list[int]:
    whole, rest = divmod(count, PER_PROCESS)
    return [PER_PROCESS] * whole + [rest] * bool(rest)


def _memory() -> str | None:
    return "/dev/shm" if Path("/dev/shm").is_dir() else None


def _python(name: str, arguments: Sequence[str], write: Callable[[str, str], None], **settings: str) -> Process:
    return Process(name, [sys.executable, *arguments], own_environment(**settings), write)


def _ignore(_name: str, _line: str) -> None:
    pass


async def measure(edits: int, sidecars: int, real: int, show: Show) -> list[Edited]:
    """Edits that reach one sidecar, and edits that reach many on one control, of which so many are real."""
    found = []
    async with site() as one:
        for edit in ("split", "model"):
            show(f"{edits} edits of a {edit}, 1 sidecar")
            found.append(await one.measure(edit, edits))
    async with site() as many, more_sidecars(many, real, sidecars - real - 1, show):
        show(f"{edits} edits of a split, {sidecars} sidecars")
        found.append(await many.measure("split", max(10, edits // 5), sidecars))
    return found


def figures(found: Sequence[Edited]) -> list[Figure]:
    """What edits are held to."""
    return [
        Figure.at_most(
            f"edit of a {one.edit} to the first request on it, {one.sidecars} sidecar{'s' * (one.sidecars > 1)}: p99, s",
            one.percentile(0.99),
            ONE if one.sidecars == 1 else MANY,
        )
        for one in found
    ] + [Figure.at_most("requests that failed during edits", float(sum(one.errors for one in found)), 0)]


def table(rows: Sequence[dict[str, Any]]) -> Table:
    """What was measured, for people."""
    found = Table(*rows[0], title="from an edit to the first request on it")
    for row in rows:
        found.add_row(*(f"{value:,}" if isinstance(value, int | float) else str(value) for value in row.values()))
    return found


def main(
    edits: Annotated[int, typer.Option(min=1, help="How many edits of each kind.")] = EDITS,
    sidecars: Annotated[int, typer.Option(min=2, help="Sidecars on one control.")] = SIDECARS,
    real: Annotated[
        int, typer.Option(min=0, help="How many of them are processes, besides the one with an Envoy; 65 MB each.")
    ] = REAL,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Measure how long an edit at control takes to reach requests, with one sidecar and with hundreds."""
    progress = Console(stderr=True)
    found = asyncio.run(measure(edits, sidecars, real, lambda line: progress.print(line, style="dim", highlight=False)))
    held = figures(found)
    if as_json:
        print(json.dumps({"edits": [one.as_dict() for one in found], "figures": [one._asdict() for one in held]}))
        return
    console = Console()
    console.print(table([one.as_dict() for one in found]))
    console.print(figure_table(held))


if __name__ == "__main__":
    run_command(main)

"""The test stand: everything that is measured, running side by side, so that rows can be measured in turn.

Each row has an Envoy of its own, with the bootstrap that Hyperplan ships and the resources of the same endpoint; only
the external processor behind it differs. What is not measured at the moment waits for requests, which costs nothing.
"""

import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any, NamedTuple

import httpx

from bench import cost, flights
from bench.plans import PlanServer
from bench.probes import is_ready, listens, listens_on
from cli.addresses import Address, claim
from cli.envoy_config import EnvoySettings, envoy_binary, render
from cli.processes import Process, own_environment
from extproc.xds import XdsServer, resources_of
from hyperplan.documents import Document
from hyperplan.endpoint import read_endpoint
from hyperplan.plan import Plan, PlannedEndpoint

START = 60.0
"""Seconds that a process may take to be ready."""

ROOT = Path(__file__).parents[1]
COMPILED = ROOT / "build" / "compiled"
"""Where `make compiled` puts the packages with their hot path compiled; `ROOT` has them as they are written."""

SIDECAR = ("-m", "cli.main", "sidecar")

ALONE = "/alone"
"""A path that is no endpoint: Envoy passes it on to the default upstream, and asks nobody."""


class Served(NamedTuple):
    """Something to measure: an Envoy, and the processor that it asks, if any."""

    url: str
    envoy: Process
    processor: Process | None
    plans: PlanServer | None = None
    socket: Path | None = None

    def processor_pids(self) -> list[int]:
        """The processes of the processor: itself, and those that it has started."""
        return [] if self.processor is None else [self.processor.pid, *cost.children(self.processor.pid)]


def plan_of(number: int, documents: Sequence[dict[str, Any]]) -> Plan:
    """A plan of these endpoint documents."""
    return Plan(number, tuple(PlannedEndpoint(number, read_endpoint(Document(document))) for document in documents))


class Stand:
    """Starts what is measured, and stops it all. Use it as an async context manager."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="hyperplan-bench-"))
        self._running = AsyncExitStack()
        self._log: list[str] = []
        self.model = self._address()
        self.sink = self._address()

    async def __aenter__(self) -> "Stand":
        try:
            for name, address in (("upstream", self.model), ("sink", self.sink)):
                process = self._python(name, ["-m", f"bench.{name}", str(address.port)])
                await self._start(process, lambda address=address: listens(address))
        except BaseException:
            await self._running.aclose()
            raise
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _: TracebackType | None
    ) -> None:
        await self._running.aclose()
        shutil.rmtree(self.folder, ignore_errors=True)

    def document(self, sampling: float = 0.0) -> dict[str, Any]:
        """The flights endpoint, whose models are this stand's upstream."""
        return flights.document(f"{self.model.url}/predict", sampling=sampling)

    async def sidecar(
        self,
        name: str,
        documents: Sequence[dict[str, Any]],
        *options: str,
        tracing: float = 0.0,
        code: Path = COMPILED,
        program: Sequence[str] = SIDECAR,
        settings: Mapping[str, str] = MappingProxyType({}),
    ) -> Served:
        """Our sidecar with these endpoints and options, and its Envoy, which traces so many percent of requests.

        `code` is the folder whose packages it runs, `program` how Python is told what to run, and `settings` are
        variables of its environment.
        """
        run = self.run_folder(name)
        plans = PlanServer()
        await plans.start()
        self._running.push_async_callback(plans.stop)
        await plans.publish(plan_of(1, documents))
        environment = {"PYTHONPATH": f"{code}:{ROOT}", **settings}
        sidecar = self.sidecar_process(run, plans.url, *options, program=program, settings=environment)
        await self._start(sidecar, lambda: listens_on(run / "extproc.sock"))
        served = await self._served(name, run, sidecar, tracing, documents[-1]["match"]["path"])
        await plans.in_force(1)
        return served._replace(plans=plans, socket=run / "extproc.sock")

    def sidecar_process(
        self,
        run: Path,
        control: str,
        *options: str,
        program: Sequence[str] = SIDECAR,
        settings: Mapping[str, str] = MappingProxyType({}),
    ) -> Process:
        """A sidecar that is not started, with its sockets and its data in a folder."""
        environment = {"OTEL_EXPORTER_OTLP_ENDPOINT": self.sink.url, "PYTHONPATH": f"{COMPILED}:{ROOT}", **settings}
        arguments = ["--control", control, "--run", str(run), "--data", str(run / "data"), *options]
        return self._python("sidecar", ["-P", *program, *arguments], environment)

    async def peer(self, name: str, command: Sequence[str]) -> Served:
        """Another processor, which gets the path of its socket as its last argument, and its Envoy."""
        run = self.run_folder(name)
        await self._serve_xds(run)
        socket = run / "extproc.sock"
        peer = Process(name, [*command, str(socket)], own_environment(), self._note)
        await self._start(peer, lambda: listens_on(socket))
        return await self._served(name, run, peer, 0.0, flights.PATH)

    async def envoy_alone(self) -> Served:
        """An Envoy that passes requests on to the model and asks no processor."""
        run = self.run_folder("envoy")
        await self._serve_xds(run)
        url, envoy = await self._envoy("envoy", run, tracing=0.0)
        return Served(url + ALONE, envoy, None)

    async def _served(self, name: str, run: Path, processor: Process, tracing: float, path: str) -> Served:
        url, envoy = await self._envoy(name, run, tracing)
        served = Served(url + path, envoy, processor)
        await processor.until(lambda: _answers(served.url), START)
        return served

    async def _envoy(self, name: str, run: Path, tracing: float) -> tuple[str, Process]:
        url, envoy = self.envoy_process(name, run, tracing)
        await self._start(envoy, lambda: is_ready(_admin_at(run)))
        return url, envoy

    def envoy_process(self, name: str, run: Path, tracing: float = 0.0) -> tuple[str, Process]:
        """An Envoy that is not started, which looks for its sidecar in a folder; and its URL."""
        listen = self._address()
        settings = EnvoySettings(listen=listen, run=run, traces=self.sink if tracing else None, trace_sampling=tracing)
        (run / "envoy.yaml").write_text(render(settings))
        options = ("--disable-hot-restart", "--log-level", "error")
        arguments = [str(envoy_binary()), "-c", str(run / "envoy.yaml"), *options]
        return listen.url, Process(f"envoy of {name}", arguments, own_environment(), self._note)

    async def _serve_xds(self, run: Path) -> None:
        """Configure the Envoy of a processor that names no arm. The default model answers, so the endpoint is open: a closed one
        takes no answer but that of a chosen arm."""
        server = XdsServer(run / "xds.sock")
        document = self.document() | {"on_failure": "open"}
        await server.start(resources_of(plan_of(1, [document]), self.model.url))
        self._running.push_async_callback(server.stop)

    async def _start(self, process: Process, ready: Any) -> None:
        await process.start()
        self._running.push_async_callback(process.stop)
        await process.until(ready, START)

    def _python(self, name: str, arguments: Sequence[str], settings: Mapping[str, str] = {}) -> Process:
        return Process(name, [sys.executable, *arguments], own_environment(**settings), self._note)

    def run_folder(self, name: str) -> Path:
        """A folder for sockets, whose paths must be short."""
        run = self.folder / str(len(list(self.folder.iterdir())))
        run.mkdir()
        (run / "name").write_text(name)
        return run

    @staticmethod
    def _address() -> Address:
        return claim("127.0.0.1:0", "a port")

    def _note(self, name: str, line: str) -> None:
        self._log.append(f"{name}: {line}")


async def _answers(url: str) -> bool:
    async with httpx.AsyncClient() as client:
        try:
            return (await client.post(url, content=flights.bodies(count=1)[0])).status_code == httpx.codes.OK
        except httpx.TransportError:
            return False


def _admin_at(run: Path) -> httpx.AsyncClient:
    """A client of the admin interface of the Envoy that has this folder."""
    transport = httpx.AsyncHTTPTransport(uds=str(run / "admin.sock"))
    return httpx.AsyncClient(transport=transport, base_url="http://envoy")

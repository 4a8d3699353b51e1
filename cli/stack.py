"""Envoy, sidecar and control on one machine, started in order and stopped together.

`hyperplan up` and the demo run this stack, and so do the end-to-end tests: what they show is what a user gets. Each
process is the ordinary command, configured through the same environment variables as in a container.
"""

import asyncio
import shutil
import signal
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

import httpx

from cli.addresses import Address, collector
from cli.api import refused
from cli.envoy_config import EnvoySettings, envoy_binary, render
from cli.failure import Failure
from cli.processes import Print, Process, own_environment, print_prefixed
from hyperplan.endpoint import parse_endpoint
from hyperplan.problems import Invalid

START = 30.0
"""Seconds that a process may take to start."""


class StackSettings(NamedTuple):
    """Where the stack listens and keeps its data. `traces` is the URL of an OTLP receiver for traces, None for nowhere.

    `bucket` and `metric_interval` are in seconds, `trace_sampling` in percent. `workers` are the sidecar's processes, and
    `key_file` holds the key that personal values are hashed with.
    """

    listen: Address
    control: Address
    otlp: Address
    data: Path
    endpoints: Path | None = None
    default_upstream: str | None = None
    traces: str | None = None
    trace_sampling: float = 1.0
    bucket: float = 60.0
    metric_interval: float = 5.0
    workers: int = 1
    key_file: Path | None = None


class Stack:
    """The three processes. Use it as an async context manager: leaving it stops them all, however it is left."""

    def __init__(self, settings: StackSettings, write: Print = print_prefixed) -> None:
        self.settings = settings
        self._write = write
        # What may be missing or wrong is found out before anything is made.
        self._binary = envoy_binary()
        self._collector = collector(settings.traces, "--traces") if settings.traces else None
        # Paths of unix sockets are limited to some 100 characters, so they live in a short folder of their own.
        self.run = Path(tempfile.mkdtemp(prefix="hyperplan-"))
        self.control = self._python("control")
        self.sidecar = self._python("sidecar")
        self.envoy = self._envoy()

    async def __aenter__(self) -> "Stack":
        try:
            await self._start()
        except BaseException:
            await self._stop()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stop()

    async def wait(self) -> Process:
        """Wait until one of the processes has ended by itself, and name it."""
        waiting = {asyncio.create_task(process.wait()): process for process in self._processes()}
        try:
            done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            return waiting[done.pop()]
        finally:
            for task in waiting:
                task.cancel()

    async def start_sidecar(self) -> None:
        """Start the sidecar and wait until it takes requests."""
        await self.sidecar.start()
        await self.sidecar.until(self._sidecar_ready, START)

    async def start_control(self) -> None:
        """Start control and wait until it answers."""
        await self.control.start()
        await self.control.until(self._control_ready, START)

    async def start_envoy(self) -> None:
        """Start Envoy and wait until it is ready."""
        await self.envoy.start()
        await self.envoy.until(self._envoy_ready, START)

    async def kill(self, process: Process) -> None:
        """End a process without warning, as a crash does."""
        process.send(signal.SIGKILL)
        await process.wait()
        await process.stop()

    async def _start(self) -> None:
        documents = _read_documents(self.settings.endpoints) if self.settings.endpoints else {}
        await self.start_control()
        await self._apply(documents)
        await self.start_sidecar()
        await self.start_envoy()
        await self.sidecar.until(self._plan_settled, START)

    async def _stop(self) -> None:
        for process in reversed(self._processes()):
            await process.stop()
        shutil.rmtree(self.run, ignore_errors=True)

    def _processes(self) -> tuple[Process, ...]:
        return (self.control, self.sidecar, self.envoy)

    async def _apply(self, documents: Mapping[Path, str]) -> None:
        """Hand documents to control. What it knows already stays: it may have been edited since."""
        async with httpx.AsyncClient(base_url=self.settings.control.url, timeout=START) as http:
            for path, text in documents.items():
                name = parse_endpoint(text).name
                headers = {"content-type": "application/yaml", "if-none-match": "*", "hyperplan-author": "hyperplan up"}
                response = await http.put(f"/v1/endpoints/{quote(name)}", content=text, headers=headers)
                if response.status_code == httpx.codes.PRECONDITION_FAILED:
                    self._write("up", f"{name} is known to control and stays as it is ({path.name} is not applied)")
                elif response.is_error:
                    failure = refused(response)
                    raise Failure(f"control refuses {path}: {failure.message}", failure.problems)

    # The processes.

    def _python(self, command: str) -> Process:
        settings = self.settings
        environment = {
            "HYPERPLAN_CONTROL_LISTEN": str(settings.control),
            "HYPERPLAN_OTLP_LISTEN": str(settings.otlp),
            "HYPERPLAN_CONTROL": settings.control.url,
            "HYPERPLAN_ENDPOINTS": "",  # the documents were for `up`: plans come from control
            "HYPERPLAN_DATA": str(settings.data / command),
            "HYPERPLAN_BUCKET": f"{settings.bucket:g}",
            "HYPERPLAN_RUN": str(self.run),
            "HYPERPLAN_WORKERS": str(settings.workers),
            "OTEL_METRIC_EXPORT_INTERVAL": f"{settings.metric_interval * 1000:g}",
            "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT": settings.otlp.url,
            "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": settings.otlp.url,
        }
        if settings.default_upstream:
            environment["HYPERPLAN_DEFAULT_UPSTREAM"] = settings.default_upstream
        if settings.key_file:
            environment["HYPERPLAN_KEY_FILE"] = str(settings.key_file.absolute())
        if settings.traces:
            environment["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"] = settings.traces
        return Process(
            command, [sys.executable, "-m", "cli.main", command], own_environment(**environment), self._write
        )

    def _envoy(self) -> Process:
        settings = EnvoySettings(
            listen=self.settings.listen,
            run=self.run,
            traces=self._collector,
            trace_sampling=self.settings.trace_sampling,
        )
        path = self.run / "envoy.yaml"
        path.write_text(render(settings), encoding="utf-8")
        # Hot restart would let Envoys share state through the parent's address; a supervised one must not.
        arguments = [str(self._binary), "-c", str(path), "--disable-hot-restart", "--log-level", "warning"]
        return Process("envoy", arguments, own_environment(), self._write)

    # Whether they are ready.

    async def _control_ready(self) -> bool:
        async with httpx.AsyncClient(base_url=self.settings.control.url) as http:
            return await _answers_ok(http, "/readyz")

    async def _sidecar_ready(self) -> bool:
        try:
            _, writer = await asyncio.open_unix_connection(str(self.run / "extproc.sock"))
        except OSError:
            return False
        writer.close()
        return True

    async def _envoy_ready(self) -> bool:
        transport = httpx.AsyncHTTPTransport(uds=str(self.run / "admin.sock"))
        async with httpx.AsyncClient(base_url="http://envoy", transport=transport) as http:
            return await _answers_ok(http, "/ready")

    async def _plan_settled(self) -> bool:
        """Whether the sidecar, and Envoy with it, serves the plan of control, or has refused it and said so."""
        async with httpx.AsyncClient(base_url=self.settings.control.url) as http:
            try:
                number = (await http.get("/v1/plan")).json()["number"]
                sidecars = (await http.get("/v1/sidecars")).json()
            except httpx.HTTPError:
                return False
        return any(number in (sidecar["applied"], sidecar["refused"]) for sidecar in sidecars)


def _read_documents(folder: Path) -> dict[Path, str]:
    """The documents of `--endpoints`, each of which is an endpoint.

    Raises:
        Failure: there is none, or one cannot be read or is not valid.
    """
    paths = sorted(path for path in folder.iterdir() if path.suffix in (".yaml", ".yml", ".json"))
    if not paths:
        raise Failure(f"--endpoints {folder} holds no document (*.yaml, *.yml, *.json)")
    return {path: _read_document(path) for path in paths}


def _read_document(path: Path) -> str:
    try:
        text = path.read_text(encoding="utf-8")
        parse_endpoint(text)
    except OSError as error:
        raise Failure(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise Failure(f"{path} is not UTF-8: {error.reason} at byte {error.start}") from None
    except Invalid as error:
        raise Failure.of(str(path), error) from None
    return text


async def _answers_ok(http: httpx.AsyncClient, path: str) -> bool:
    try:
        return (await http.get(path)).status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False

"""What the end-to-end tests run and say: the stack of `hyperplan up` on free ports, clients, and endpoints for them.

Nothing in here knows how Hyperplan works inside: a test sees what clients, models, operators and receivers of telemetry
see, and the processes themselves.
"""

import asyncio
import contextlib
import http.client
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest

from cli.addresses import claim, parse_address
from cli.envoy_config import EnvoySettings, envoy_binary, render
from cli.processes import Process, own_environment, print_prefixed
from cli.stack import Stack, StackSettings
from tests.envoy.running import ModelServer

PATIENCE = 30.0
"""Seconds that a test waits for something before it fails. Machines are busy; nothing usually takes a tenth of it."""

PACE = 0.005
"""Seconds between two requests of a connection under load: processes that start at the same time need the machine too."""

T = TypeVar("T")


async def until(ask: Callable[[], Awaitable[T]], patience: float = PATIENCE) -> T:
    """Ask again and again, and give the first answer that is true.

    Raises:
        TimeoutError: there was none within `patience` seconds.
    """
    async with asyncio.timeout(patience):
        while not (found := await ask()):  # noqa: ASYNC110 - what is waited for is in another process
            await asyncio.sleep(0.02)
        return found


def wait_until(condition: Callable[[], bool]) -> None:
    """As `until`, for tests that are not asynchronous."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(0.02)


class Log:
    """The lines of the processes of a test. They are printed too: pytest shows them when the test fails."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str]] = []

    def __call__(self, name: str, line: str) -> None:
        self.lines.append((name, line))
        print_prefixed(name, line)

    def of(self, name: str) -> str:
        """All that one process has said."""
        return "\n".join(line for process, line in self.lines if process == name)


def without_settings() -> pytest.MonkeyPatch:
    """Take the settings of whoever runs the tests out of the environment, until `undo`. Samples are sent at once."""
    patch = pytest.MonkeyPatch()
    for name in list(os.environ):
        if name.startswith(("HYPERPLAN_", "OTEL_")) and name != "HYPERPLAN_ENVOY_BINARY":
            patch.delenv(name)
    patch.setenv("OTEL_BLRP_SCHEDULE_DELAY", "100")
    patch.setenv("OTEL_BSP_SCHEDULE_DELAY", "100")
    return patch


def stack_in(data: Path, log: Log, **changes: Any) -> Stack:
    """A stack that is not started yet, on free ports, with its data in a folder; `changes` are other settings."""
    listen, control, otlp = (claim("127.0.0.1:0", "a port") for _ in range(3))
    settings = StackSettings(listen, control, otlp, data, bucket=1.0, metric_interval=0.5)._replace(**changes)
    patch = without_settings()
    try:
        return Stack(settings, log)
    finally:
        patch.undo()


def path_of(endpoint: str) -> str:
    """Where clients find an endpoint of `document`."""
    return f"/v1/models/{endpoint}:predict"


def document(name: str, models: Mapping[str, str], **changes: Any) -> dict[str, Any]:
    """An endpoint document with models at these URLs, the first of which gets all traffic unless `routing` says else.

    A row is a number `x`, which must not be negative, and perhaps `who`, the entity.
    """
    return {
        "name": name,
        "match": {"path": path_of(name)},
        "protocol": "tfserving",
        "task": "regression",
        "entity": {"feature": "who"},
        "schema": {
            "on_violation": changes.pop("on_violation", "warn"),
            "features": {"x": {"type": "float", "min": 0}, "who": {"type": "string", "required": False}},
        },
        "models": {model: {"url": url, "protocol": "tfserving"} for model, url in models.items()},
        "routing": {"split": {next(iter(models)): 1}},
        "sampling": {"rate": 1, "max_per_second": 100_000},
        "timeout": 4,
        **changes,
    }


def row(x: Any = 1.0, **features: Any) -> bytes:
    """A request of one row."""
    return json.dumps({"instances": [{"x": x, **features}]}).encode()


class Hyperplan:
    """A stack that runs, as its clients and its operators see it."""

    def __init__(self, stack: Stack, log: Log) -> None:
        self.stack = stack
        self.log = log
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=100)
        self.client = httpx.AsyncClient(base_url=stack.settings.listen.url, timeout=PATIENCE, limits=limits)
        self.api = httpx.AsyncClient(base_url=stack.settings.control.url, timeout=PATIENCE)
        transport = httpx.AsyncHTTPTransport(uds=str(stack.run / "admin.sock"))
        self.admin = httpx.AsyncClient(base_url="http://envoy", timeout=PATIENCE, transport=transport)

    async def close(self) -> None:
        for client in (self.client, self.api, self.admin):
            await client.aclose()

    # As a client.

    async def predict(self, endpoint: str, body: bytes | None = None, **headers: str) -> httpx.Response:
        """One request for a prediction. Names of headers have underscores."""
        return await predict(self.client, endpoint, body, headers)

    async def arms_of(self, endpoint: str, entities: Sequence[str], connections: int = 4) -> dict[str, str]:
        """Which model answers for each entity. The endpoint is best closed, or the default may answer undecided."""
        shares = [entities[start::connections] for start in range(connections)]
        found = await asyncio.gather(*(asyncio.to_thread(self._arms_of, endpoint, share) for share in shares))
        return {entity: arm for share in found for entity, arm in share.items()}

    def _arms_of(self, endpoint: str, entities: Sequence[str]) -> dict[str, str]:
        """As `arms_of`, one after the other. The standard library's client is the quickest."""
        listen, found = self.stack.settings.listen, {}
        with contextlib.closing(http.client.HTTPConnection(listen.host, listen.port, timeout=PATIENCE)) as connection:
            for entity in entities:
                found[entity] = self._arm_of(connection, endpoint, entity)
        return found

    def _arm_of(self, connection: http.client.HTTPConnection, endpoint: str, entity: str) -> str:
        """Which model answers for an entity. A sidecar that a busy machine stopped for a while is asked again."""
        for _ in range(5):
            connection.request("POST", path_of(endpoint), row(who=entity))
            with connection.getresponse() as response:
                response.read()
            if response.status == 200:
                return response.headers["x-hyperplan-model"]
            assert response.status == 503
        raise AssertionError(f"nobody decides for {entity}")

    # As an operator.

    async def apply(self, endpoint: dict[str, Any]) -> None:
        """Make an endpoint be what a document says, and wait until it is served."""
        response = await self.api.put(f"/v1/endpoints/{endpoint['name']}", json=endpoint)
        assert response.is_success, response.text
        await self.in_force(endpoint["name"])

    async def in_force(self, endpoint: str) -> None:
        """Wait until a sidecar says that it serves an endpoint as control has it."""
        plan = (await self.api.get(f"/v1/endpoints/{endpoint}")).json()["plan"]

        async def served() -> bool:
            newest = (await self.api.get("/v1/plan")).json()["number"]
            sidecars = (await self.api.get("/v1/sidecars")).json()
            return newest >= plan and any(sidecar["applied"] == newest for sidecar in sidecars)

        await until(served)

    async def edit_routing(self, endpoint: str, **changes: Any) -> httpx.Response:
        """Change some of how an endpoint chooses. `in_force` waits until sidecars follow."""
        path = f"/v1/endpoints/{endpoint}/routing"
        current = await self.api.get(path)
        response = await self.api.patch(path, json=changes, headers={"if-match": current.headers["etag"]})
        assert response.is_success, response.text
        return response

    async def sample(self, endpoint: str, response: httpx.Response) -> dict[str, Any]:
        """The sample of the request that got this answer, once control has it."""
        prediction = response.headers["x-hyperplan-prediction-id"]

        async def arrived() -> dict[str, Any] | None:
            answer = await self.api.get(f"/v1/endpoints/{endpoint}/samples/{prediction}")
            found: dict[str, Any] = answer.json()
            return found if answer.is_success else None

        found = await until(arrived)
        assert found
        return found

    async def traffic(self, endpoint: str) -> dict[str, Any]:
        """What control knows of the traffic of an endpoint."""
        response = await self.api.get(f"/v1/endpoints/{endpoint}/traffic")
        assert response.is_success, response.text
        found: dict[str, Any] = response.json()
        return found

    # As whoever looks after the machine.

    async def heal(self) -> None:
        """Start whatever was killed and does not run."""
        stack = self.stack
        for process, start in (
            (stack.control, stack.start_control),
            (stack.sidecar, stack.start_sidecar),
            (stack.envoy, stack.start_envoy),
        ):
            if not is_alive(process.pid):
                await start()

    async def restart_sidecar(self) -> None:
        await self.stack.kill(self.stack.sidecar)
        await self.stack.start_sidecar()

    async def clusters(self) -> set[str]:
        """The names of the clusters that Envoy has."""
        status = (await self.admin.get("/clusters", params={"format": "json"})).json()
        return {cluster["name"] for cluster in status["cluster_statuses"]}


@contextlib.asynccontextmanager
async def running(stack: Stack, log: Log) -> AsyncIterator[Hyperplan]:
    """Start a stack, and stop it at the end."""
    async with stack:
        hyperplan = Hyperplan(stack, log)
        try:
            yield hyperplan
        finally:
            await hyperplan.close()


@dataclass
class Load:
    """What came of the requests of a load: each answer, with the time at which it began on the monotonic clock."""

    answers: list[tuple[float, httpx.Response]] = field(default_factory=list)
    errors: list[Exception] = field(default_factory=list)

    def statuses(self, since: float = 0.0) -> set[int]:
        """Every status that was answered to requests begun since then."""
        return {response.status_code for began, response in self.answers if began >= since}

    def models(self, since: float = 0.0) -> set[str | None]:
        """Every model that answered requests begun since then."""
        return {response.headers.get("x-hyperplan-model") for began, response in self.answers if began >= since}

    async def more(self, count: int) -> None:
        """Wait for so many more answers."""
        goal = len(self.answers) + count

        async def came() -> bool:
            assert not self.errors, self.errors
            return len(self.answers) >= goal

        await until(came)


@contextlib.asynccontextmanager
async def load(send: Callable[[], Awaitable[httpx.Response]], connections: int = 8) -> AsyncIterator[Load]:
    """Send requests, so many at a time, while the block runs. Whatever fails without an answer fails the test."""
    seen = Load()
    stopping = False

    async def work() -> None:
        while not stopping:
            began = time.monotonic()
            try:
                seen.answers.append((began, await send()))
            except httpx.HTTPError as error:
                seen.errors.append(error)
            await asyncio.sleep(PACE)

    workers = [asyncio.create_task(work()) for _ in range(connections)]
    try:
        yield seen
    finally:
        stopping = True
        await asyncio.gather(*workers)
    assert not seen.errors, seen.errors


def predictions(*models: ModelServer) -> list[Any]:
    """The requests that models were sent, in the order of the models."""
    return [seen for model in models for seen in model.seen if seen.method == "POST"]


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that has ended and waits to be buried does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in ("Z", "X")
    except FileNotFoundError:
        return False


def memory_of(process: Process) -> float:
    """The resident memory of a process (VmRSS), in MB."""
    lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1000 for line in lines if line.startswith("VmRSS"))


class Uncontrolled:
    """A sidecar and its Envoy, with endpoints from a folder and telemetry to a receiver of one's own; every request is traced."""

    def __init__(self, folder: Path, receiver: str, log: Log) -> None:
        self.endpoints = folder / "endpoints"
        self.log = log
        self._run = Path(tempfile.mkdtemp(prefix="hyperplan-"))
        listen = claim("127.0.0.1:0", "a port")
        self.client = httpx.AsyncClient(base_url=listen.url, timeout=PATIENCE)
        options = ["--endpoints", str(self.endpoints), "--run", str(self._run), "--data", str(folder / "data")]
        patch = without_settings()
        variables = {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver, "OTEL_METRIC_EXPORT_INTERVAL": "200"}
        arguments = [sys.executable, "-m", "cli.main", "sidecar", *options]
        self.sidecar = Process("sidecar", arguments, own_environment(**variables), log)
        patch.undo()
        traces = parse_address(receiver.removeprefix("http://"), "the receiver")
        settings = EnvoySettings(listen=listen, run=self._run, traces=traces, trace_sampling=100)
        bootstrap = self._run / "envoy.yaml"
        bootstrap.write_text(render(settings))
        arguments = [str(envoy_binary()), "-c", str(bootstrap), "--disable-hot-restart", "--log-level", "warning"]
        self._envoy = Process("envoy", arguments, own_environment(), log)

    def write(self, endpoint: dict[str, Any]) -> None:
        """Put an endpoint document into the folder, in place of the one before, as an editor does: in one go."""
        path = self.endpoints / f"{endpoint['name']}.yaml"
        draft = path.with_suffix(".draft")
        draft.write_text(json.dumps(endpoint, indent=2))
        draft.replace(path)

    async def predict(self, endpoint: str, body: bytes | None = None, **headers: str) -> httpx.Response:
        """One request for a prediction. Names of headers have underscores."""
        return await predict(self.client, endpoint, body, headers)

    async def served(self, endpoint: str) -> None:
        """Wait until an endpoint is there."""

        async def there() -> bool:
            try:
                return (await self.predict(endpoint)).status_code != 404
            except httpx.ConnectError:
                return False  # Envoy opens when it has something to serve

        await until(there)

    async def __aenter__(self) -> "Uncontrolled":
        self.endpoints.mkdir(parents=True)
        await self.sidecar.start()
        await self._envoy.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.client.aclose()
        await self._envoy.stop()
        await self.sidecar.stop()
        shutil.rmtree(self._run)


async def predict(
    client: httpx.AsyncClient, endpoint: str, body: bytes | None, headers: Mapping[str, str]
) -> httpx.Response:
    """One request for a prediction."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await client.post(path_of(endpoint), content=row() if body is None else body, headers=named)

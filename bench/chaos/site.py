"""What is broken: a whole Hyperplan with three models of three frameworks, and a rule as the last resort."""

import asyncio
import contextlib
import json
import signal
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import httpx

from bench.chaos.load import Load, path_of
from bench.chaos.model import APIS
from bench.probes import is_ready, listens
from cli.addresses import claim
from cli.envoy_config import EnvoySettings, envoy_binary, render
from cli.failure import Failure
from cli.processes import Print, Process, own_environment
from cli.stack import START, Stack, StackSettings

OPEN, CLOSED = "chaos", "chaos-closed"
"""Two endpoints over the same models; they differ in what becomes of requests while the sidecar is away."""
MODELS = {"first@1": "tfserving", "second@1": "mlflow", "third@1": "oip"}
"""The models, and what they speak. Clients speak what the first does: it is the default."""
RULE = "rule@1"
EXTRA = tuple(f"extra@{number}" for number in range(1, 51))
"""Models that come and go. They are where the second is."""
FACTORS = {"first@1": 1.0, "second@1": 2.0, "third@1": 3.0, RULE: 4.0} | dict.fromkeys(EXTRA, 2.0)
"""What each multiplies its feature by."""
ROUTING: dict[str, Any] = {
    "split": {"first@1": 2, "second@1": 1, "third@1": 1},
    "sticky": True,
    "fallback": [*MODELS, RULE],
    "default": "first@1",
}
PATIENCE = 20.0
"""Seconds that something may take which must happen in the end."""

Marks = dict[str, list[tuple[float, float]]]
"""When something was away, by what it was: beginnings and ends on the monotonic clock."""


class ModelProcess:
    """A model server: `bench.chaos.model`, on a port that it keeps."""

    def __init__(self, name: str, write: Print) -> None:
        self.name = name
        self.protocol = MODELS[name]
        self.address = claim("127.0.0.1:0", "a port")
        self._write = write
        self.process = self._made(self.protocol)

    def document(self) -> dict[str, Any]:
        """The model, as an endpoint document says it. The default takes what clients send, the others what they need."""
        api = APIS[self.protocol]
        taken = {} if self.name == ROUTING["default"] else {"features": ["x"]}
        return {"url": f"{self.address.url}{api.predict}", "protocol": self.protocol, "health": api.health, **taken}

    async def start(self) -> None:
        """Start it, and wait until it takes connections."""
        await self.process.start()
        await self.process.until(lambda: listens(self.address), START)

    async def kill(self) -> None:
        """End it as a crash does."""
        self.process.send(signal.SIGKILL)
        await self.process.wait()
        await self.process.stop()

    async def hand_over(self, protocol: str) -> None:
        """Kill it, and let something else have its port."""
        await self.kill()
        self.process = self._made(protocol)
        await self.start()

    async def restore(self) -> None:
        """Make it well, whatever was done to it."""
        self.process.send(signal.SIGCONT)
        await self.hand_over(self.protocol)

    async def be(self, mood: str) -> None:
        """Make it answer in this mood."""
        async with httpx.AsyncClient(base_url=self.address.url) as http:
            (await http.put(f"/mood/{mood}")).raise_for_status()

    def _made(self, protocol: str) -> Process:
        arguments = ["-m", "bench.chaos.model", protocol, str(FACTORS[self.name]), str(self.address.port)]
        return Process(self.name, [sys.executable, *arguments], own_environment(), self._write)


class Site:
    """All processes, and what an operator can do with them."""

    def __init__(self, stack: Stack, models: dict[str, ModelProcess], write: Print) -> None:
        self.stack = stack
        self.models = models
        self.api = httpx.AsyncClient(base_url=stack.settings.control.url, timeout=PATIENCE)
        self.marks: Marks = defaultdict(list)
        self.amiss: list[str] = []
        """What went wrong beside the requests, each as a sentence."""
        self._write = write

    def load(self, connections: int) -> Load:
        """Clients of both endpoints."""
        return Load(self.stack.settings.listen.url, (OPEN, CLOSED), FACTORS, connections)

    @contextlib.contextmanager
    def away(self, what: str) -> Iterator[None]:
        """Note that something is away while the block runs."""
        began = time.monotonic()
        yield
        self.marks[what].append((began, time.monotonic()))

    # As an operator.

    async def route(self, endpoint: str, routing: dict[str, Any]) -> None:
        """Replace how an endpoint chooses."""
        path = f"/v1/endpoints/{endpoint}/routing"
        tag = (await self.api.get(path)).headers["etag"]
        _check(await self.api.put(path, json=routing, headers={"if-match": tag}))

    async def put_model(self, endpoint: str, name: str, document: dict[str, Any]) -> None:
        """Add a model."""
        _check(await self.api.put(f"/v1/endpoints/{endpoint}/models/{name}", json=document))

    async def delete_model(self, endpoint: str, name: str) -> None:
        """Remove a model."""
        _check(await self.api.delete(f"/v1/endpoints/{endpoint}/models/{name}"))

    async def in_force(self) -> None:
        """Wait until the sidecar, and Envoy with it, serves what control has."""
        number = (await self.api.get("/v1/plan")).json()["number"]

        async def applied() -> bool:
            return any(one["applied"] == number for one in (await self.api.get("/v1/sidecars")).json())

        await until(applied, f"plan {number} is not in force")

    async def samples(self, endpoint: str) -> list[dict[str, Any]]:
        """The newest thousand samples of an endpoint, as control tells them."""
        response = await self.api.get(f"/v1/endpoints/{endpoint}/samples", params={"limit": 1000})
        _check(response)
        found: list[dict[str, Any]] = response.json()
        return found

    # As whoever looks after the machine.

    async def new_envoy(self) -> Process:
        """Another Envoy on the same port, which the kernel shares out between the two; ready."""
        admin = claim("127.0.0.1:0", "a port")  # the first one has the socket
        settings = EnvoySettings(listen=self.stack.settings.listen, run=self.stack.run, admin=admin)
        path = self.stack.run / "second.yaml"
        path.write_text(render(settings))
        options = ["--disable-hot-restart", "--log-level", "warning"]
        envoy = Process("envoy 2", [str(envoy_binary()), "-c", str(path), *options], own_environment(), self._write)
        await envoy.start()
        await envoy.until(lambda: is_ready(httpx.AsyncClient(base_url=admin.url)), START)
        return envoy

    async def drain_envoy(self) -> None:
        """Have the first Envoy send its clients away, take no new ones, and end when it has none any more."""
        transport = httpx.AsyncHTTPTransport(uds=str(self.stack.run / "admin.sock"))
        async with httpx.AsyncClient(base_url="http://envoy", transport=transport) as admin:
            (await admin.post("/healthcheck/fail")).raise_for_status()  # answers say `connection: close` from now on
            (await admin.post("/drain_listeners")).raise_for_status()

            async def alone() -> bool:
                stats = (await admin.get("/stats", params={"filter": "^http.hyperplan.downstream_cx_active$"})).text
                return stats.strip().endswith(": 0")

            await until(alone, "clients stay with an Envoy that drains")
        await self.stack.envoy.stop()

    def look_at_envoy(self) -> None:
        """Note if Envoy has ended by itself."""
        if not self.stack.envoy.is_running:
            self.amiss.append(f"{self.stack.envoy.name} ended by itself")

    async def come_to(self, wanted: str, holds: Callable[[], Awaitable[bool]]) -> None:
        """Wait for what must come in the end, and note if it does not."""
        try:
            await until(holds, f"not yet: {wanted}")
        except Failure as failure:
            self.amiss.append(failure.message)


def document(name: str, models: dict[str, ModelProcess], sampling: float, time_limit: float) -> dict[str, Any]:
    """One of the two endpoints."""
    return {
        "name": name,
        "match": {"path": path_of(name)},
        "protocol": "tfserving",
        "task": "regression",
        "entity": {"feature": "who"},
        "schema": {"features": {"x": {"type": "float"}, "who": {"type": "string", "required": False}}},
        "models": {**{each.name: each.document() for each in models.values()}, RULE: {"rule": "features.x * 4.0"}},
        "routing": ROUTING,
        "sampling": {"rate": sampling, "max_per_second": 100_000},
        "on_failure": "closed" if name == CLOSED else "open",
        "timeout": time_limit,
    }


@contextlib.asynccontextmanager
async def site(sampling: float, time_limit: float, write: Print) -> AsyncIterator[Site]:
    """A site that runs, with both endpoints, and of which nothing is left in the end.

    `sampling` and `time_limit`, in seconds, are those of the endpoints.
    """
    async with contextlib.AsyncExitStack() as opened:
        folder = Path(opened.enter_context(tempfile.TemporaryDirectory(prefix="hyperplan-chaos-")))
        models = {name: ModelProcess(name, write) for name in MODELS}
        for model in models.values():
            await model.start()
            opened.push_async_callback(_end, model)
        (folder / "endpoints").mkdir()
        for name in (OPEN, CLOSED):
            text = json.dumps(document(name, models, sampling, time_limit))
            (folder / "endpoints" / f"{name}.json").write_text(text)
        listen, control, otlp = (claim("127.0.0.1:0", "a port") for _ in range(3))
        settings = StackSettings(listen, control, otlp, folder / "data", folder / "endpoints", metric_interval=1.0)
        stack = await opened.enter_async_context(Stack(settings, write))
        found = Site(stack, models, write)
        opened.push_async_callback(found.api.aclose)
        yield found


async def until(holds: Callable[[], Awaitable[bool]], otherwise: str) -> None:
    """Wait for a condition.

    Raises:
        Failure: it did not hold in time.
    """
    try:
        async with asyncio.timeout(PATIENCE):
            while not await holds():  # noqa: ASYNC110 - what is waited for is in another process
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise Failure(f"{otherwise}, even after {PATIENCE:g} seconds") from None


def _check(response: httpx.Response) -> None:
    if response.is_error:
        raise Failure(f"control refuses {response.request.method} {response.request.url.path}: {response.text}")


async def _end(model: ModelProcess) -> None:
    model.process.send(signal.SIGCONT)
    await model.process.stop()

"""A real Envoy with the shipped bootstrap, the xDS server that configures it, and models to send requests to."""

import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

from extproc.sidecar import RULES_SOCKET
from extproc.xds import Resources, XdsServer
from hyperplan.plan import arm_cluster
from tests.envoy.running import (
    PATIENCE,
    ChoosingSidecar,
    ModelServer,
    RunningEnvoy,
    Served,
    Sidecar,
    endpoint_of,
    plan,
    resources,
)


@pytest.fixture
def run() -> Iterator[Path]:
    """A folder for sockets, with a path short enough for them."""
    folder = tempfile.mkdtemp(prefix="hyperplan-")
    yield Path(folder)
    shutil.rmtree(folder)


@pytest.fixture
async def model_server() -> AsyncIterator[Callable[..., Awaitable[ModelServer]]]:
    """Starts model servers on loopback; they end with the test."""
    async with AsyncExitStack() as stack:

        async def start(**fields: Any) -> ModelServer:
            model = ModelServer(**fields)
            await model.start()
            stack.push_async_callback(model.stop)
            return model

        yield start


@pytest.fixture
async def xds(run: Path) -> AsyncIterator[XdsServer]:
    """An xDS server that is not started yet."""
    server = XdsServer(run / "xds.sock", grace=0.2)
    yield server
    await server.stop()


@pytest.fixture
async def envoy_with(run: Path, xds: XdsServer) -> AsyncIterator[Callable[..., Awaitable[RunningEnvoy]]]:
    """Starts Envoy, configured with resources over xDS."""
    async with AsyncExitStack() as stack:

        async def start(resources: Resources, **settings: Any) -> RunningEnvoy:
            await xds.start(resources)
            envoy = await RunningEnvoy.launch(run, **settings)
            stack.push_async_callback(envoy.stop)
            await envoy.ready()
            return envoy

        yield start


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(timeout=PATIENCE) as client:
        yield client


@pytest.fixture
async def sidecar_choosing(run: Path) -> AsyncIterator[Callable[..., Awaitable[ChoosingSidecar]]]:
    """Starts a sidecar that sends every request to one arm of the endpoint of a document."""
    async with AsyncExitStack() as stack:

        async def start(document: dict[str, Any], arm: str, **headers: str) -> ChoosingSidecar:
            cluster = arm_cluster(endpoint_of(document), arm)
            sidecar = ChoosingSidecar(run, x_hyperplan_arm=cluster, **headers)
            await sidecar.start()
            stack.push_async_callback(sidecar.stop)
            return sidecar

        yield start


@pytest.fixture
async def served(
    run: Path, envoy_with: Callable[..., Awaitable[RunningEnvoy]]
) -> AsyncIterator[Callable[..., Awaitable[Served]]]:
    """Starts a sidecar and its Envoy for endpoint documents."""
    async with AsyncExitStack() as stack:

        async def start(*documents: dict[str, Any], default_upstream: str | None = None) -> Served:
            sidecar = Sidecar(run)
            await sidecar.start(plan(*documents))
            stack.push_async_callback(sidecar.stop)
            rules = str(run / RULES_SOCKET)
            envoy = await envoy_with(resources(*documents, default_upstream=default_upstream, rules=rules))
            return Served(envoy, sidecar)

        yield start

"""What the tests of real model servers share: the servers, each with both models, and three endpoints in front of them."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.end_to_end.stacks import Hyperplan, Log, running, stack_in
from tests.interop.flights import CLIENTS, MODELS, SCHEMA, Client, Flights, prepare
from tests.interop.servers import SERVERS, Running, Server

FORCE = "x-force-model"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run all tests of this folder on the loop of the servers that they share."""
    for item in items:
        if Path(__file__).parent in item.path.parents and pytest_asyncio.is_async_test(item):
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest.fixture(scope="session")
def log() -> Log:
    return Log()


@pytest.fixture(scope="session")
def flights(tmp_path_factory: pytest.TempPathFactory) -> Flights:
    return prepare(tmp_path_factory.mktemp("flights"))


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def served(
    flights: Flights, log: Log, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Mapping[str, Running]]:
    """Every model in every server, by its name: gbm-mlflow@1 and so on."""
    async with AsyncExitStack() as stack:
        found = {
            named(model, server): Running(server, flights.path(model), tmp_path_factory.mktemp(server.name), log)
            for server in SERVERS
            for model in MODELS
        }
        for server in found.values():
            await server.start()
            stack.push_async_callback(server.stop)
        await asyncio.gather(*(server.ready() for server in found.values()))
        yield found


def named(model: str, server: Server) -> str:
    """What a model in a server is called behind an endpoint."""
    return f"{model}-{server.name}@1"


def document(client: Client, served: Mapping[str, Running], **changes: Any) -> dict[str, Any]:
    """An endpoint for a client's protocol in front of all servers, an equal share for each, each the others' fallback.

    It is closed without a sidecar: no server speaks TensorFlow Serving's protocol, so nobody could stand in.
    """
    models = {name: server.document() for name, server in served.items()}
    return {
        "name": client.protocol,
        "match": {"path": client.path},
        "protocol": client.protocol,
        "task": "binary",
        "schema": SCHEMA,
        "models": models,
        "routing": {
            "split": dict.fromkeys(models, 1),
            "fallback": list(models),
            "force_header": FORCE,
        },
        "on_failure": "closed",
        "sampling": {"rate": 1, "max_per_second": 10_000},
    } | changes


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def hyperplan(
    served: Mapping[str, Running], log: Log, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Hyperplan]:
    """Envoy, sidecar and control, with the three endpoints applied. What is no endpoint goes to MLServer."""
    stack = stack_in(tmp_path_factory.mktemp("stack"), log, default_upstream=served["gbm-mlserver@1"].address.url)
    async with running(stack, log) as hyperplan:
        for client in CLIENTS:
            await hyperplan.apply(document(client, served))
        yield hyperplan

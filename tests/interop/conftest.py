"""What the tests of real model servers share: the servers, each with the same model, and three endpoints in front of them."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.end_to_end.stacks import Hyperplan, Log, running, stack_in
from tests.interop.flights import CLIENTS, SCHEMA, Client, Flights, train
from tests.interop.servers import SERVERS, Running

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
    return train(tmp_path_factory.mktemp("flights"))


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def served(
    flights: Flights, log: Log, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Mapping[str, Running]]:
    """Every server, by the name of its model."""
    async with AsyncExitStack() as stack:
        found = {
            server.model: Running(server, flights.path, tmp_path_factory.mktemp(server.name), log) for server in SERVERS
        }
        for server in found.values():
            await server.start()
            stack.push_async_callback(server.stop)
        await asyncio.gather(*(server.ready() for server in found.values()))
        yield found


def document(client: Client, served: Mapping[str, Running], **changes: Any) -> dict[str, Any]:
    """An endpoint for a client's protocol in front of all servers: a third of the requests for each, each the others' fallback.

    The default must take what clients send: KServe's V1 is what clients of TensorFlow Serving speak, as long as they send rows.
    """
    models = {name: server.server.document(server.address) for name, server in served.items()}
    if client.protocol == "tfserving":
        models["kserve@1"]["protocol"] = "tfserving"
    default = next(name for name, model in models.items() if model["protocol"] == client.protocol)
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
            "default": default,
            "force_header": FORCE,
        },
        "sampling": {"rate": 1, "max_per_second": 10_000},
    } | changes


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def hyperplan(
    served: Mapping[str, Running], log: Log, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Hyperplan]:
    """Envoy, sidecar and control, with the three endpoints applied. What is no endpoint goes to MLServer."""
    stack = stack_in(tmp_path_factory.mktemp("stack"), log, default_upstream=served["mlserver@1"].address.url)
    async with running(stack, log) as hyperplan:
        for client in CLIENTS:
            await hyperplan.apply(document(client, served))
        yield hyperplan

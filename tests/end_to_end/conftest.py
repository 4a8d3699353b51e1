"""What the end-to-end tests share: one running stack, for all that leave it as it was, and models."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.end_to_end.stacks import Hyperplan, Log, running, stack_in
from tests.envoy.running import ModelServer

ModelServers = Callable[..., Awaitable[ModelServer]]
JSON = {"content-type": "application/json"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the asynchronous tests of this folder on one loop, that of the stack they share."""
    for item in items:
        if Path(__file__).parent in item.path.parents and pytest_asyncio.is_async_test(item):
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def hyperplan(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Hyperplan]:
    """A running stack that all share: use an endpoint with a name of your own, and kill nothing."""
    log = Log()
    async with running(stack_in(tmp_path_factory.mktemp("shared"), log), log) as hyperplan:
        yield hyperplan


@pytest_asyncio.fixture(loop_scope="session")
async def model_server() -> AsyncIterator[ModelServers]:
    """Starts model servers on loopback, which answer JSON; they end with the test."""
    async with AsyncExitStack() as stack:

        async def start(**fields: Any) -> ModelServer:
            model = ModelServer(**{"headers": JSON, **fields})
            await model.start()
            stack.push_async_callback(model.stop)
            return model

        yield start

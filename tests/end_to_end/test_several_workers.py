"""A sidecar of several workers: one of them is killed under load, and everything is still counted and sampled once."""

import asyncio
import os
import re
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
import pytest_asyncio

from tests.end_to_end.stacks import Hyperplan, Log, document, load, running, stack_in, until
from tests.envoy.running import ModelServer

pytestmark = pytest.mark.heavy
ModelServers = Callable[..., Awaitable[ModelServer]]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def working(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Hyperplan]:
    log = Log()
    async with running(stack_in(tmp_path_factory.mktemp("workers"), log, workers=2), log) as hyperplan:
        yield hyperplan


def workers_of(hyperplan: Hyperplan) -> list[int]:
    """The process ids that served when they last said so, oldest first."""
    return [int(pid) for pid in re.findall(r"worker (\d+) serves", hyperplan.log.of("sidecar"))]


async def test_requests_samples_and_edits_are_the_same_as_with_one(
    working: Hyperplan, model_server: ModelServers
) -> None:
    models = [await model_server(), await model_server()]
    urls = {f"{name}@1": model.url() for name, model in zip("ab", models, strict=True)}
    await working.apply(document("shared", urls, on_failure="closed"))
    responses = [await working.predict("shared") for _ in range(20)]
    assert {response.headers["x-hyperplan-model"] for response in responses} == {"a@1"}
    sample = await working.sample("shared", responses[-1])
    assert (sample["chosen"], sample["answered"]) == ("a@1", "a@1")
    await working.edit_routing("shared", split={"a@1": 0, "b@1": 1})
    await working.in_force("shared")
    responses = [await working.predict("shared") for _ in range(20)]
    assert {response.headers["x-hyperplan-model"] for response in responses} == {"b@1"}


async def test_a_killed_worker_is_replaced_and_no_client_of_an_open_endpoint_notices(
    working: Hyperplan, model_server: ModelServers
) -> None:
    model = await model_server()
    await working.apply(document("steady", {"a@1": model.url()}))
    async with load(lambda: working.predict("steady")) as seen:
        await seen.more(100)
        for pid in workers_of(working)[-2:]:
            known = len(workers_of(working))
            os.kill(pid, signal.SIGKILL)

            async def replaced(known: int = known) -> bool:
                return len(workers_of(working)) > known

            await until(replaced)
            await seen.more(50)
        settled = time.monotonic()
        await seen.more(100)
    assert seen.statuses() == {200}
    assert seen.models(since=settled) == {"a@1"}


async def test_rules_are_served_by_the_one_process_that_all_workers_have(working: Hyperplan) -> None:
    endpoint = document("ruled", {"prior@1": ""}, on_failure="closed")
    endpoint["models"]["prior@1"] = {"rule": "features.x * 2.0"}
    await working.apply(endpoint)

    async def decides() -> bool:
        return (await working.predict("ruled")).status_code == 200

    await until(decides)  # workers take a moment to start
    responses = await asyncio.gather(*(working.predict("ruled") for _ in range(50)))
    assert {(response.status_code, response.text) for response in responses} == {(200, '{"predictions":[2.0]}')}


async def test_what_all_workers_count_adds_up(working: Hyperplan, model_server: ModelServers) -> None:
    model = await model_server()
    await working.apply(document("counted", {"a@1": model.url()}, on_failure="closed"))
    # Connections of several clients, so that both threads of Envoy and both workers are asked.
    responses = await asyncio.gather(*(working.predict("counted") for _ in range(200)))
    answered = sum(response.status_code == 200 for response in responses)

    async def all_counted() -> bool:
        traffic = await working.traffic("counted")
        total: dict[str, int] = traffic["total"]["requests"]
        return total.get("routed", 0) >= answered and traffic["sampled"]["requests"] >= answered

    await until(all_counted)

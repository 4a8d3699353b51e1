"""Both stages in one process, each on its socket."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bench.probes import listens_on
from extproc.service import OneProcess
from extproc.sidecar import sockets_in
from extproc.stages import Role, Stages
from extproc.transports import TRANSPORTS
from hyperplan.plan import CompiledPlan, Plan, PlannedEndpoint
from tests.extproc.attempts import ANSWER, REQUEST, an_endpoint, messages
from tests.extproc.conversation import Memory
from tests.extproc.h2.serving import grpc_client, request_headers


@pytest.fixture(params=TRANSPORTS)
async def service(request: pytest.FixtureRequest, memory: Memory, tmp_path: Path) -> AsyncIterator[OneProcess]:
    stages, transport = Stages(memory), TRANSPORTS[request.param]
    service = OneProcess(stages, {role: transport(stages[role], path) for role, path in sockets_in(tmp_path).items()})
    plan = Plan(3, (PlannedEndpoint(3, an_endpoint()),))
    await service.adopt(plan, CompiledPlan(plan))
    await service.start()
    yield service
    await service.stop(0.1)


async def attempted(socket: Path) -> bytes:
    """The body that a client gets after an attempt that is translated."""
    async with grpc_client(socket, **{"grpc.use_local_subchannel_pool": 1}) as call:
        stream = call()
        for message in messages("logit@1", REQUEST, 200, ANSWER):
            await stream.write(message)
            answer = await stream.read()
        body: bytes = answer.response_body.response.body_mutation.body
        return body


@pytest.mark.usefixtures("service")
async def test_each_stage_answers_on_its_own_socket(memory: Memory, tmp_path: Path) -> None:
    sockets = sockets_in(tmp_path)
    assert b"0.25" in await attempted(sockets[Role.ADAPT])
    async with grpc_client(sockets[Role.DECIDE]) as call:
        stream = call()
        await stream.write(request_headers())
        assert (await stream.read()).HasField("request_headers")
    assert memory.attempts == [("flight-delay", "logit@1", "ok")]


async def test_while_a_request_is_decided_others_are_adapted_though_the_service_is_stopping(
    service: OneProcess, tmp_path: Path
) -> None:
    sockets = sockets_in(tmp_path)
    async with grpc_client(sockets[Role.DECIDE]) as call:
        stream = call()
        await stream.write(request_headers())
        await stream.read()
        stopping = asyncio.create_task(service.stop(20))
        async with asyncio.timeout(15):
            while await listens_on(sockets[Role.DECIDE]):
                pass
        assert b"0.25" in await attempted(sockets[Role.ADAPT])
        assert not stopping.done()
        stream.cancel()
        await asyncio.wait_for(stopping, 10)

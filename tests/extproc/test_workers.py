"""Workers: real processes behind one socket, and what becomes of them."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any

import grpc.aio
import pytest

from extproc.sidecar import sockets_in
from extproc.stages import Role
from extproc.telemetry.counts import Counts
from extproc.telemetry.frames import SampleFrame
from extproc.wire import ProcessingResponse
from extproc.workers import Supervisor
from extproc.workers.messages import Report
from hyperplan.endpoint import parse_endpoint
from hyperplan.plan import EMPTY, Plan, PlannedEndpoint
from hyperplan.sample import Sample
from tests.extproc.attempts import ANSWER, REQUEST, SEVERAL, messages
from tests.extproc.conversation import DOCUMENT
from tests.extproc.h2.serving import grpc_client, request_body, request_headers
from tests.support.waiting import eventually

pytestmark = pytest.mark.heavy
GOOD = b'{"instances": [{"dep_delay": 1.5, "carrier": "AA", "distance": 10, "tailnum": "N1"}]}'
TRACED = (("traceparent", f"00-{'ab' * 16}-{'cd' * 8}-01"),)


def several(revision: int) -> str:
    """A document that has a model of its own at each revision."""
    return SEVERAL.replace("tree@1", f"m@{revision}")


def plan(number: int, document: str = DOCUMENT) -> Plan:
    return Plan(number, (PlannedEndpoint(number, parse_endpoint(document)),))


class Told:
    """What the workers reported."""

    def __init__(self) -> None:
        self.counts = Counts()
        self.samples: list[Sample] = []
        self.reports: list[Report] = []

    def __call__(self, report: Report) -> None:
        told = report.told()
        self.reports.append(report)
        self.counts.add(told.counts)
        self.samples += [Sample.decode(SampleFrame.decode(frame).body) for frame in told.samples]

    @property
    def routed(self) -> int:
        return sum(self.counts.choices.values())


class Running:
    """A supervisor, and what its workers tell."""

    def __init__(self, supervisor: Supervisor, sockets: Mapping[Role, Path], told: Told) -> None:
        self.supervisor = supervisor
        self.sockets = sockets
        self.told = told

    @property
    def connections(self) -> dict[int, int]:
        """How many connections each worker has that decides."""
        return self.supervisor.connections(Role.DECIDE)

    def client(self, role: Role = Role.DECIDE) -> contextlib.AbstractAsyncContextManager[Any]:
        """A client of a stage, with a connection of its own: channels to one address would share one."""
        return grpc_client(self.sockets[role], **{"grpc.use_local_subchannel_pool": 1})

    async def decided(self, body: bytes = GOOD) -> str:
        """The answer to a body, over a connection of its own: `body` or `immediate`."""
        return str((await self.answer(body)).WhichOneof("response"))

    async def revision_decided_by(self) -> str | None:
        """The revision that a good body was decided by."""
        mutation = (await self.answer(GOOD)).request_body.response.header_mutation
        values = {option.header.key: option.header.raw_value.decode() for option in mutation.set_headers}
        return values.get("x-hyperplan-revision")

    async def answer(self, body: bytes) -> ProcessingResponse:
        async with self.client() as call:
            stream = call(metadata=TRACED)
            await stream.write(request_headers())
            await stream.read()
            await stream.write(request_body(body))
            answer: ProcessingResponse = await stream.read()
            stream.cancel()
        return answer


Start = Callable[[int], contextlib.AbstractAsyncContextManager[Running]]


@pytest.fixture
def start(tmp_path: Path) -> Start:
    """Starts a supervisor with so many workers, which serve plan 1."""

    @contextlib.asynccontextmanager
    async def running(count: int) -> AsyncIterator[Running]:
        told, sockets = Told(), sockets_in(tmp_path)
        supervisor = Supervisor(count, sockets, told)
        await supervisor.adopt(plan(1), EMPTY)
        await supervisor.start()
        try:
            await eventually(lambda: len(supervisor.serving) == count)
            yield Running(supervisor, sockets, told)
        finally:
            await supervisor.stop(0.5)

    return running


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def test_each_connection_goes_to_the_worker_that_has_the_fewest(start: Start) -> None:
    async with start(2) as running, contextlib.AsyncExitStack() as held:
        for _ in range(4):
            call = await held.enter_async_context(running.client())
            stream = call()
            await stream.write(request_headers())
            await stream.read()
        await eventually(lambda: list(running.connections.values()) == [2, 2])


async def test_connections_are_level_for_each_stage_by_itself(start: Start) -> None:
    async with start(2) as running, contextlib.AsyncExitStack() as held:
        for role in (Role.DECIDE, Role.DECIDE, Role.ADAPT, Role.ADAPT):
            call = await held.enter_async_context(running.client(role))
            stream = call()
            await stream.write(request_headers())
            await stream.read()
        await eventually(lambda: list(running.connections.values()) == [1, 1])
        await eventually(lambda: list(running.supervisor.connections(Role.ADAPT).values()) == [1, 1])


async def test_each_socket_is_that_of_its_stage(start: Start) -> None:
    async with start(2) as running, running.client(Role.ADAPT) as call:
        await running.supervisor.adopt(plan(3, SEVERAL), EMPTY)
        stream = call()
        for message in messages("logit@1", REQUEST, 200, ANSWER):
            await stream.write(message)
            answer = await stream.read()
        assert b"predictions" in answer.response_body.response.body_mutation.body
        assert await running.decided() == "request_body"
        await eventually(lambda: running.told.counts.attempts() == {("flight-delay", "logit@1", "ok"): 1})


async def test_what_one_of_them_has_decided_by_a_new_plan_any_of_them_can_adapt(start: Start) -> None:
    async with start(2) as running, contextlib.AsyncExitStack() as held:
        calls = [await held.enter_async_context(running.client(Role.ADAPT)) for _ in range(2)]
        for revision in range(2, 12):
            adopting = asyncio.create_task(running.supervisor.adopt(plan(revision, several(revision)), EMPTY))
            while await running.revision_decided_by() != str(revision):
                pass
            for call in calls:
                stream = call()
                await stream.write(messages(f"m@{revision}", REQUEST, 200, ANSWER, revision=revision)[0])
                assert (await stream.read()).HasField("request_headers"), "the model of this revision is known"
                stream.cancel()
            await adopting


async def test_a_report_that_left_before_a_connection_was_handed_over_does_not_make_it_forgotten(start: Start) -> None:
    async with start(2) as running, contextlib.AsyncExitStack() as held:
        for number in range(1, 9):
            call = await held.enter_async_context(running.client())
            stream = call()
            await stream.write(request_headers())
            await stream.read()
            reports = len(running.told.reports)
            for _ in range(2):
                assert sum(running.connections.values()) == number
                await eventually(lambda reports=reports: len(running.told.reports) > reports)  # type: ignore[misc]


async def test_what_all_of_them_see_is_told_in_one_place(start: Start) -> None:
    async with start(2) as running:
        for _ in range(6):
            assert await running.decided() == "request_body"
        assert await running.decided(b"{") == "immediate_response"
        await eventually(lambda: len(running.told.samples) == 7)
    counts = running.told.counts
    assert counts.requests() == {("flight-delay", "routed"): 6, ("flight-delay", "rejected"): 1}
    assert counts.flaws == {("flight-delay", "not_json"): 1}
    assert {sample.chosen for sample in running.told.samples} <= {"gbm@1", "logit@1", None}
    spans = [span.decision() for report in running.told.reports for span in report.spans]
    assert {span.trace.trace_id for span in spans} == {int("ab" * 16, 16)}
    assert len(spans) == 7


async def test_a_new_plan_is_served_by_all_of_them_when_adopt_returns(start: Start) -> None:
    async with start(2) as running:
        strict = DOCUMENT.replace("dep_delay: { type: float,", "dep_delay: { max: 0, type: float,")
        await running.supervisor.adopt(plan(2, strict), EMPTY)
        assert [await running.decided() for _ in range(4)] == ["immediate_response"] * 4


async def test_a_plan_that_comes_before_any_worker_serves_is_served_when_adopt_returns(tmp_path: Path) -> None:
    supervisor = Supervisor(2, sockets_in(tmp_path), Told())
    await supervisor.adopt(plan(1), EMPTY)
    await supervisor.start()
    try:
        await eventually(lambda: len(supervisor.starting) == 2)
        await supervisor.adopt(plan(2), EMPTY)
        assert len(supervisor.serving) == 2
    finally:
        await supervisor.stop(0.5)


async def test_a_worker_that_dies_is_replaced_and_the_others_do_not_notice(start: Start) -> None:
    async with start(2) as running, running.client() as call:
        streams = []
        for _ in range(3):
            stream = call()
            await stream.write(request_headers())
            await stream.read()
            streams.append(stream)
        before = running.connections
        (idle,) = [pid for pid, connections in before.items() if not connections]
        os.kill(idle, signal.SIGKILL)
        for stream in streams:
            await stream.write(request_body(GOOD))
            assert (await stream.read()).HasField("request_body")
        await eventually(lambda: len(running.connections.keys() - before.keys()) == 1)
        assert [await running.decided() for _ in range(4)] == ["request_body"] * 4


async def test_while_one_is_dead_new_connections_go_to_the_living(start: Start) -> None:
    async with start(2) as running:
        first, second = running.supervisor.serving
        os.kill(first, signal.SIGKILL)
        await eventually(lambda: first not in running.supervisor.serving)
        assert await running.decided() == "request_body"
        await eventually(lambda: len(running.supervisor.serving) == 2)
        os.kill(second, signal.SIGKILL)
        await eventually(lambda: second not in running.supervisor.serving)
        assert await running.decided() == "request_body"


async def test_a_worker_that_comes_back_gets_its_share_of_the_connections(start: Start) -> None:
    async with start(2) as running, contextlib.AsyncExitStack() as held:
        dying = running.supervisor.serving[0]
        os.kill(dying, signal.SIGKILL)
        await eventually(lambda: dying not in running.supervisor.serving)
        calls = [await held.enter_async_context(running.client()) for _ in range(4)]

        async def levelled() -> None:
            while list(running.connections.values()) != [2, 2]:
                for call in calls:  # a client opens another connection when it has something to say
                    stream = call()
                    with contextlib.suppress(grpc.aio.AioRpcError):
                        await stream.write(request_headers())
                        await stream.read()
                    stream.cancel()

        await asyncio.wait_for(levelled(), 20)


async def test_stopping_ends_them_all_and_tells_the_last(start: Start) -> None:
    async with start(2) as running:
        pids = running.supervisor.serving
        await running.decided()
    assert running.told.routed == 1
    assert not any(is_alive(pid) for pid in pids)


async def test_workers_do_not_outlive_their_supervisor(tmp_path: Path) -> None:
    script = (
        "import asyncio, sys; from pathlib import Path; from extproc.sidecar import sockets_in\n"
        "from extproc.workers import Supervisor; from hyperplan.plan import EMPTY, Plan\n"
        "async def main():\n"
        "    supervisor = Supervisor(2, sockets_in(Path(sys.argv[1])), lambda report: None)\n"
        "    await supervisor.adopt(Plan(0), EMPTY)\n"
        "    await supervisor.start()\n"
        "    while len(supervisor.serving) < 2: await asyncio.sleep(0.02)\n"
        "    print(*supervisor.serving, flush=True)\n"
        "    await asyncio.Event().wait()\n"
        "asyncio.run(main())\n"
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", script, str(tmp_path), stdout=asyncio.subprocess.PIPE, cwd=Path(__file__).parents[2]
    )
    assert process.stdout
    pids = [int(pid) for pid in (await process.stdout.readline()).split()]
    assert len(pids) == 2
    process.kill()
    await process.wait()
    await eventually(lambda: not any(is_alive(pid) for pid in pids))

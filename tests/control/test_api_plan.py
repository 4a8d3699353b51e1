"""Plans for sidecars: at once, or as soon as there is another; who runs which; and what Prometheus sees of it."""

import asyncio
import re
import threading
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from litestar import Litestar
from litestar.testing import TestClient

from control.plans import FORGOTTEN_AFTER, MOST_SIDECARS, SILENT_AFTER, PlanFeed, Sidecars
from control.registry import Change, Registry, Write
from hyperplan.endpoint import Endpoint
from hyperplan.plan import Plan
from tests.support.waiting import eventually

Client = TestClient[Litestar]
MakeEndpoint = Callable[..., Endpoint]
MakePlain = Callable[..., dict[str, Any]]

ENDPOINT = "/v1/endpoints/flight-delay"


# Over HTTP.


def test_a_sidecar_without_a_plan_gets_one_at_once(known: Client) -> None:
    plan = Plan.decode(known.get("/v1/plan", params={"wait": 60}).content)
    assert (plan.number, [planned.endpoint.name for planned in plan.endpoints]) == (1, ["flight-delay"])


def test_the_plan_before_any_endpoint_is_plan_0(client: Client) -> None:
    assert client.get("/v1/plan").json() == {"number": 0, "endpoints": []}


@pytest.mark.parametrize("after", [0, 7, 2**62])
def test_a_sidecar_with_another_plan_gets_the_present_one_at_once_even_if_its_own_is_newer(
    known: Client, after: int
) -> None:
    assert known.get("/v1/plan", params={"after": after, "wait": 60}).json()["number"] == 1


def test_a_sidecar_with_the_present_plan_is_told_that_there_is_no_other(known: Client) -> None:
    began = time.monotonic()
    answer = known.get("/v1/plan", params={"after": 1, "wait": 0.2})
    assert (answer.status_code, answer.content) == (204, b"")
    assert 0.15 < time.monotonic() - began < 10


def test_a_waiting_sidecar_gets_the_plan_of_the_next_write(known: Client, plain: MakePlain) -> None:
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(known.get, "/v1/plan", params={"after": 1, "wait": 60})
        known.put(ENDPOINT, json=plain(timeout=3))
        plan = waiting.result(timeout=20).json()
    assert (plan["number"], plan["endpoints"][0]["endpoint"]["timeout"]) == (2, 3.0)


def test_a_write_that_was_answered_is_in_the_plan(known: Client, plain: MakePlain) -> None:
    for number in range(2, 12):
        known.put(ENDPOINT, json=plain(timeout=number))
        assert known.get("/v1/plan").json()["number"] == number
        assert known.get("/v1/plan", params={"after": number}).status_code == 204


def test_control_knows_which_sidecar_runs_which_plan(known: Client) -> None:
    known.get("/v1/plan", params={"instance": "a", "applied": 0})
    known.get("/v1/plan", params={"instance": "b", "applied": 1, "refused": 3, "reason": "no such cluster"})
    known.get("/v1/plan", params={"instance": "a", "applied": 1})
    listed = known.get("/v1/sidecars").json()
    assert [(sidecar["instance"], sidecar["applied"], sidecar["refused"], sidecar["reason"]) for sidecar in listed] == [
        ("a", 1, None, None),
        ("b", 1, 3, "no such cluster"),
    ]
    assert abs(listed[0]["seen"] - time.time()) < 60


def test_a_question_without_an_instance_is_nobody(known: Client) -> None:
    known.get("/v1/plan")
    assert known.get("/v1/sidecars").json() == []


METRIC = re.compile(r"# (HELP|TYPE) ([a-z_]+) (.+)|([a-z_]+) (\d+(?:\.\d+)?)")


def test_metrics_are_prometheus_text(known: Client) -> None:
    known.get("/v1/plan", params={"instance": "a", "applied": 1})
    known.get("/v1/plan", params={"instance": "b", "applied": 0})
    answer = known.get("/metrics")
    own, _, _ = answer.text.partition("# HELP hyperplan_control_http_requests_total")
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert answer.text.endswith("\n")
    lines = [METRIC.fullmatch(line) for line in own.splitlines()]
    assert all(lines)
    values = {line[4]: float(line[5]) for line in lines if line and line[4]}
    assert values == {
        "hyperplan_endpoints": 1,
        "hyperplan_plan_number": 1,
        "hyperplan_sidecars": 2,
        "hyperplan_sidecars_current": 1,
    }
    described = [(line[1], line[2]) for line in lines if line and line[1]]
    assert described == [(kind, name) for name in values for kind in ("HELP", "TYPE")]


def test_control_says_that_it_lives_and_is_ready(client: Client) -> None:
    assert [client.get(path).text for path in ("/healthz", "/readyz")] == ["ok\n", "ok\n"]


def test_control_is_not_ready_when_its_registry_cannot_be_read(
    client: Client, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "number", lambda: 1 / 0)
    assert client.get("/readyz").status_code == 500
    assert client.get("/healthz").status_code == 200


# Without HTTP.


@pytest.fixture
async def following(feed: PlanFeed) -> AsyncIterator[PlanFeed]:
    """A feed that follows its registry."""
    await feed.begin()
    running = asyncio.create_task(feed.run())
    yield feed
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


def put(registry: Registry, endpoint: Endpoint) -> None:
    registry.put(endpoint, Change.APPLY, Write())


async def test_hundreds_wait_and_all_get_the_one_document(
    following: PlanFeed, registry: Registry, endpoint: MakeEndpoint
) -> None:
    waiting = [asyncio.create_task(following.other_than(0, 60)) for _ in range(1000)]
    await asyncio.sleep(0)
    await asyncio.to_thread(put, registry, endpoint())
    documents = await asyncio.wait_for(asyncio.gather(*waiting), 20)
    assert documents[0] is not None
    assert all(document is documents[0] for document in documents)


async def test_waiting_costs_nothing_while_nothing_changes(following: PlanFeed) -> None:
    waiting = [asyncio.create_task(following.other_than(0, 60)) for _ in range(1000)]
    await asyncio.sleep(0)
    before = time.process_time()
    await asyncio.sleep(0.2)
    assert time.process_time() - before < 0.1
    following.close()
    assert await asyncio.gather(*waiting) == [None] * 1000


async def test_no_write_is_missed_by_one_who_asks_again_and_again(
    following: PlanFeed, registry: Registry, endpoint: MakeEndpoint
) -> None:
    def write() -> None:
        for seconds in range(1, 41):
            put(registry, endpoint(timeout=seconds))

    writer = threading.Thread(target=write)
    writer.start()
    number = 0
    while number < 40:
        document = await following.other_than(number, 20)
        assert document is not None
        found = Plan.decode(document)
        assert found.number > number
        assert found.endpoints[0].endpoint.timeout == found.number
        number = found.number
    writer.join()


async def test_a_registry_that_cannot_be_read_for_a_while_is_read_again(
    following: PlanFeed,
    registry: Registry,
    endpoint: MakeEndpoint,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(registry, "plan", lambda: 1 / 0)
        await asyncio.to_thread(put, registry, endpoint())
        await eventually(lambda: "cannot be read" in caplog.text)
        assert following.number == 0
    document = await following.other_than(0, 20)
    assert document is not None
    assert Plan.decode(document).number == 1


async def test_while_the_registry_cannot_be_read_the_plan_before_is_given(
    following: PlanFeed, registry: Registry, endpoint: MakeEndpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "plan", lambda: 1 / 0)
    await asyncio.to_thread(put, registry, endpoint())
    document = await asyncio.wait_for(following.other_than(None, 60), 20)
    assert document is not None
    assert Plan.decode(document).number == 0


async def test_nobody_waits_for_a_feed_that_is_closed(following: PlanFeed) -> None:
    following.close()
    assert await asyncio.wait_for(following.other_than(0, 60), 20) is None


async def test_a_write_after_the_loop_has_ended_is_no_error(
    open_registry: Callable[[], Registry], endpoint: MakeEndpoint
) -> None:
    registry = open_registry()
    await asyncio.to_thread(lambda: asyncio.run(PlanFeed(registry).begin()))
    put(registry, endpoint())
    assert registry.number() == 1


def test_a_sidecar_that_says_nothing_for_long_is_forgotten() -> None:
    now = 1000.0
    sidecars = Sidecars(lambda: now)
    sidecars.note("a", 1, None, None)
    now += FORGOTTEN_AFTER
    sidecars.note("b", 1, None, None)
    assert [sidecar.instance for sidecar in sidecars.present()] == ["b", "a"]
    now += 1
    assert [sidecar.instance for sidecar in sidecars.present()] == ["b"]


async def test_who_waits_for_a_plan_is_told_when_the_last_sidecar_has_it_or_refuses_it() -> None:
    sidecars = Sidecars()
    sidecars.note("a", 1, None, None)
    sidecars.note("b", 1, None, None)
    waiting = asyncio.create_task(sidecars.follow(2, wait=60))
    await asyncio.sleep(0)
    sidecars.note("a", 2, None, None)
    for _ in range(5):
        await asyncio.sleep(0)
    assert not waiting.done()
    sidecars.note("b", 1, 2, "no such cluster")
    async with asyncio.timeout(10):
        found = await waiting
    assert [(status.instance, status.applied, status.refused) for status in found] == [("b", 1, 2), ("a", 2, None)]


async def test_nobody_waits_longer_than_asked_to() -> None:
    sidecars = Sidecars()
    sidecars.note("a", 1, None, None)
    (status,) = await sidecars.follow(2, wait=0.05)
    assert (status.applied, status.silent) == (1, False)


async def test_a_sidecar_that_went_silent_holds_nobody_up() -> None:
    now = [1000.0]
    sidecars = Sidecars(clock=lambda: now[0])
    sidecars.note("a", 1, None, None)
    now[0] += SILENT_AFTER
    async with asyncio.timeout(10):
        (status,) = await sidecars.follow(2, wait=60)
    assert (status.applied, status.silent) == (1, True)


def test_sidecars_are_waited_for_over_http(known: Client) -> None:
    known.get("/v1/plan", params={"instance": "a", "applied": 1})
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(known.get, "/v1/sidecars", params={"plan": 2, "wait": 60})
        known.get("/v1/plan", params={"instance": "a", "applied": 2})
        assert waiting.result(timeout=20).json()[0]["applied"] == 2


def test_no_more_sidecars_are_remembered_than_there_can_be() -> None:
    sidecars = Sidecars(lambda: 0.0)
    for number in range(MOST_SIDECARS + 3):
        sidecars.note(f"s{number}", 1, None, None)
    present = [sidecar.instance for sidecar in sidecars.present()]
    assert (len(present), present[0], present[-1]) == (MOST_SIDECARS, f"s{MOST_SIDECARS + 2}", "s3")

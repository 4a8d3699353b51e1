"""Rollouts in front of real models: a canary that fails is taken back and no client notices; a killed control goes on where it was."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
import pytest_asyncio

from tests.end_to_end.stacks import Hyperplan, Log, document, load, running, stack_in, until
from tests.envoy.running import ModelServer

ModelServers = Callable[..., Awaitable[ModelServer]]

pytestmark = pytest.mark.heavy


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def site(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Hyperplan]:
    """A stack whose control may be killed."""
    log = Log()
    async with running(stack_in(tmp_path_factory.mktemp("rollouts"), log), log) as hyperplan:
        yield hyperplan


async def begin(site: Hyperplan, name: str, sound: ModelServer, canary: ModelServer, **terms: Any) -> None:
    """An endpoint of two models, the second of which is rolled out."""
    models = {"gbm@1": sound.url("/one"), "gbm@2": canary.url("/two")}
    await site.apply(document(name, models, routing={"split": {"gbm@1": 1}, "fallback": ["gbm@1"]}))
    started = await site.api.post(f"/v1/endpoints/{name}/rollout", json={"canary": "gbm@2", **terms})
    assert started.status_code == 201, started.text
    await site.in_force(name)


async def reaches(site: Hyperplan, name: str, holds: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """Wait until a rollout is as it should be."""

    async def look() -> dict[str, Any] | None:
        answer = await site.api.get(f"/v1/endpoints/{name}/rollout")
        found: dict[str, Any] = answer.json()
        return found if answer.is_success and holds(found) else None

    found = await until(look, 90.0)
    assert found
    return found


@pytest.mark.parametrize("way", ["answers-500", "is-dead", "makes-no-sense"])
async def test_a_canary_that_fails_is_taken_back_and_no_client_sees_an_error(
    site: Hyperplan, model_server: ModelServers, way: str
) -> None:
    ways: dict[str, dict[str, Any]] = {"answers-500": {"status": 500}, "makes-no-sense": {"answer": b"<html>"}}
    sound, canary = await model_server(), await model_server(**ways.get(way, {}))
    if way == "is-dead":
        await canary.stop()
    await begin(site, way, sound, canary, steps=[25, 50, 100], hold=3600)
    async with load(lambda: site.predict(way)) as seen:
        found = await reaches(site, way, lambda found: found["state"] != "running")
        await site.in_force(way)
        await seen.more(20)
    assert seen.statuses() == {200}
    assert found["state"] == "rolled back"
    assert found["why"].startswith("gbm@2 fails more often than gbm@1: ")
    document = (await site.api.get(f"/v1/endpoints/{way}")).json()
    assert document["document"]["routing"]["split"] == {"gbm@1": 100, "gbm@2": 0}
    assert (document["author"], document["change"]) == ("hyperplan", "routing")
    assert f"endpoint {way}: model gbm@2 failed: " in site.log.of("sidecar")


async def test_a_sound_canary_takes_over_although_control_is_killed_on_the_way(
    site: Hyperplan, model_server: ModelServers
) -> None:
    sound, canary = await model_server(), await model_server()
    await begin(site, "sound", sound, canary, steps=[25, 50, 75, 100], hold=3, requests=20)
    async with load(lambda: site.predict("sound")) as seen:
        before = await reaches(site, "sound", lambda found: found["step"] == 1)
        await site.stack.kill(site.stack.control)
        await seen.more(50)
        await site.stack.start_control()
        after = await reaches(site, "sound", lambda found: found["step"] >= 1)
        assert after["happenings"][: len(before["happenings"])] == before["happenings"]
        done = await reaches(site, "sound", lambda found: found["state"] not in ("running", "holding"))
        await site.in_force("sound")
        await seen.more(20)
    assert seen.statuses() == {200}
    assert done["state"] == "done"
    assert [each["share"] for each in done["happenings"] if each["state"] == "running"] == [25, 50, 75, 100]
    assert done["guardrails"]["errors"]["requests"] > 60, "counted on all steps"

"""What happens when a model, the sidecar, control or Envoy is killed, and when it is back."""

import asyncio
import shutil
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
import pytest_asyncio

from tests.end_to_end.stacks import Hyperplan, Log, document, load, predictions, row, running, stack_in, until
from tests.envoy.running import ModelServer

ModelServers = Callable[..., Awaitable[ModelServer]]

pytestmark = pytest.mark.heavy


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def of_the_module(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Hyperplan]:
    log = Log()
    async with running(stack_in(tmp_path_factory.mktemp("fragile"), log), log) as hyperplan:
        yield hyperplan


@pytest_asyncio.fixture(loop_scope="session")
async def fragile(of_the_module: Hyperplan) -> AsyncIterator[Hyperplan]:
    """A stack whose processes may be killed. What is not running at the end of a test is started for the next one."""
    yield of_the_module
    await of_the_module.heal()


async def test_a_killed_model_is_answered_for_by_its_fallback_and_no_client_notices(
    hyperplan: Hyperplan, model_server: ModelServers
) -> None:
    victim, fallback = await model_server(), await model_server()
    models = {"gbm@1": victim.url("/gbm"), "logit@1": fallback.url("/logit")}
    await hyperplan.apply(document("failing-over", models, routing={"split": {"gbm@1": 1}, "fallback": ["logit@1"]}))
    async with load(lambda: hyperplan.predict("failing-over")) as seen:
        await seen.more(50)
        assert seen.models() == {"gbm@1"}
        await victim.stop()
        killed = time.monotonic()
        await seen.more(100)
        assert seen.models(since=killed) == {"logit@1"}
        await victim.start()

        async def back() -> bool:
            return (await hyperplan.predict("failing-over")).headers["x-hyperplan-model"] == "gbm@1"

        await until(back)
        await victim.stop()
        last = await hyperplan.predict("failing-over")
    assert seen.statuses() == {200}
    sample = await hyperplan.sample("failing-over", last)
    assert (sample["chosen"], sample["answered"], sample["status"]) == ("gbm@1", "logit@1", 200)
    assert sample["attempts"] == 2

    async def counted() -> Any:
        sampled = (await hyperplan.traffic("failing-over"))["sampled"]
        return sampled if sampled["failovers"] >= 100 else None

    sampled = await until(counted)
    assert {answer["model"] for answer in sampled["answered"]} == {"gbm@1", "logit@1"}


async def test_without_any_living_model_clients_get_503_and_the_sample_says_that_nobody_answered(
    hyperplan: Hyperplan, model_server: ModelServers
) -> None:
    models = [await model_server(), await model_server()]
    for model in models:
        await model.stop()
    urls = {f"{name}@1": model.url() for name, model in zip("ab", models, strict=True)}
    await hyperplan.apply(document("all-dead", urls, routing={"split": {"a@1": 1}, "fallback": ["b@1"]}))
    response = await hyperplan.predict("all-dead")
    assert response.status_code == 503
    sample = await hyperplan.sample("all-dead", response)
    assert (sample["chosen"], sample["answered"], sample["status"]) == ("a@1", None, 503)


async def test_a_killed_sidecar_is_what_on_failure_says_and_a_new_one_decides_again(
    fragile: Hyperplan, model_server: ModelServers
) -> None:
    hyperplan, stack = fragile, fragile.stack
    default, chosen = await model_server(), await model_server()
    models = {"default@1": default.url(), "chosen@1": chosen.url()}
    routing = {"split": {"chosen@1": 1}, "default": "default@1"}
    for on_failure in ("open", "closed"):
        await hyperplan.apply(document(on_failure, models, routing=routing, on_failure=on_failure))
    async with load(lambda: hyperplan.predict("open")) as opened, load(lambda: hyperplan.predict("closed")) as closed:
        await asyncio.gather(opened.more(100), closed.more(100))
        assert "chosen@1" in opened.models() & closed.models()
        await stack.kill(stack.sidecar)
        killed = time.monotonic()
        await asyncio.gather(opened.more(100), closed.more(100))
        assert (opened.models(since=killed), closed.models(since=killed)) == ({"default@1"}, {None})
        assert closed.statuses(since=killed) == {503}
        await stack.start_sidecar()

        async def decides() -> bool:
            responses = [await hyperplan.predict(name) for name in ("open", "closed")]
            return [response.headers.get("x-hyperplan-model") for response in responses] == ["chosen@1"] * 2

        await until(decides)
        again = time.monotonic()
        await asyncio.gather(opened.more(100), closed.more(100))
        assert "chosen@1" in opened.models(since=again) & closed.models(since=again)
    assert opened.statuses() == {200}
    assert closed.statuses() == {200, 503}


async def test_a_stuck_sidecar_is_what_on_failure_says(fragile: Hyperplan, model_server: ModelServers) -> None:
    hyperplan, stack = fragile, fragile.stack
    default, chosen = await model_server(), await model_server()
    models = {"default@1": default.url(), "chosen@1": chosen.url()}
    routing = {"split": {"chosen@1": 1}, "default": "default@1"}
    for on_failure in ("open", "closed"):
        await hyperplan.apply(document(f"stuck-{on_failure}", models, routing=routing, on_failure=on_failure))
    stack.sidecar.send(signal.SIGSTOP)
    try:
        opened, closed = await hyperplan.predict("stuck-open"), await hyperplan.predict("stuck-closed")
    finally:
        stack.sidecar.send(signal.SIGCONT)
    assert (opened.status_code, opened.headers["x-hyperplan-model"]) == (200, "default@1")
    assert (closed.status_code, "x-hyperplan-model" in closed.headers) == (503, False)


async def test_an_endpoint_that_is_only_a_rule_answers_503_until_the_sidecar_is_back(fragile: Hyperplan) -> None:
    endpoint = document("only-a-rule", {"prior@1": ""}, on_failure="closed")
    endpoint["models"]["prior@1"] = {"rule": "features.x * 2.0"}
    await fragile.apply(endpoint)
    assert (await fragile.predict("only-a-rule", row(1.5))).json() == {"predictions": [3.0]}
    await fragile.stack.kill(fragile.stack.sidecar)
    assert (await fragile.predict("only-a-rule", row(1.5))).status_code == 503
    await fragile.stack.start_sidecar()

    async def answers() -> bool:
        return (await fragile.predict("only-a-rule", row(1.5))).status_code == 200

    await until(answers)
    assert (await fragile.predict("only-a-rule", row(1.5))).headers["x-hyperplan-model"] == "prior@1"


async def test_without_control_serving_goes_on_and_no_sample_is_lost(
    fragile: Hyperplan, model_server: ModelServers
) -> None:
    hyperplan, stack = fragile, fragile.stack
    model = await model_server()
    await hyperplan.apply(document("kept", {"gbm@1": model.url()}))
    async with load(lambda: hyperplan.predict("kept"), connections=4) as seen:
        await seen.more(50)
        await stack.kill(stack.control)
        await seen.more(300)
        await stack.start_control()
        await seen.more(50)
    assert seen.statuses() == {200}
    sent = len(seen.answers)

    async def all_arrived() -> bool:
        traffic = await hyperplan.traffic("kept")
        return bool(traffic["sampled"]["requests"] >= sent and traffic["total"]["requests"].get("routed", 0) >= sent)

    await until(all_arrived)
    traffic = await hyperplan.traffic("kept")
    assert traffic["sampled"]["requests"] == sent
    assert traffic["total"]["requests"] == {"routed": sent}
    # The sidecar follows again.
    await hyperplan.edit_routing("kept", sticky=True)
    await hyperplan.in_force("kept")


async def test_samples_outlive_a_sidecar_that_is_killed_while_control_is_away(
    fragile: Hyperplan, model_server: ModelServers
) -> None:
    hyperplan, stack = fragile, fragile.stack
    model = await model_server()
    await hyperplan.apply(document("outliving", {"gbm@1": model.url()}))
    await stack.kill(stack.control)
    before = await decided(hyperplan, "outliving", 100)
    await until(lambda: on_disk(hyperplan, before))
    await stack.kill(stack.sidecar)
    await stack.start_sidecar()
    after = await decided(hyperplan, "outliving", 50)
    await until(lambda: on_disk(hyperplan, before | after))
    await stack.kill(stack.sidecar)
    await stack.start_sidecar()
    await stack.start_control()
    await all_arrive_once(hyperplan, "outliving", before | after, len(predictions(model)))


async def test_feedback_that_was_accepted_outlives_control_and_the_sidecar(
    fragile: Hyperplan, model_server: ModelServers
) -> None:
    hyperplan, stack = fragile, fragile.stack
    model = await model_server()
    await hyperplan.apply(document("told-late", {"gbm@1": model.url()}))
    prediction = (await hyperplan.predict("told-late")).headers["x-hyperplan-prediction-id"]
    stored = {"endpoint": "told-late", "prediction_id": prediction, "label": 1}
    assert (await hyperplan.api.post("/v1/feedback", json=stored)).status_code == 200
    await stack.kill(stack.control)
    revised = stored | {"label": 2, "revision": 1}
    assert (await hyperplan.client.post("/hyperplan/feedback", json=revised)).status_code == 202
    await stack.sidecar.stop()
    await stack.start_control()
    first = (await hyperplan.api.get("/v1/endpoints/told-late/feedback")).json()
    assert first["labelled"] + first["unsampled"] == 1
    await stack.start_sidecar()

    async def label() -> bool:
        found = await hyperplan.api.get(f"/v1/endpoints/told-late/samples/{prediction}")
        return found.is_success and [told["label"] for told in found.json()["feedback"]] == [2]

    await until(label)


async def test_a_sidecar_that_is_stopped_while_control_is_away_loses_no_sample(
    fragile: Hyperplan, model_server: ModelServers
) -> None:
    hyperplan, stack = fragile, fragile.stack
    model = await model_server()
    await hyperplan.apply(document("left-behind", {"gbm@1": model.url()}))
    await stack.kill(stack.control)
    answered = await decided(hyperplan, "left-behind", 100)
    await stack.sidecar.stop()
    await stack.start_control()
    await stack.start_sidecar()
    await all_arrive_once(hyperplan, "left-behind", answered, len(predictions(model)))


async def decided(hyperplan: Hyperplan, endpoint: str, count: int) -> set[str]:
    """Send requests until so many were decided by the sidecar, which may just have started; their prediction ids."""
    async with load(lambda: hyperplan.predict(endpoint, row(x=-1)), connections=4) as seen:

        def marked() -> set[str]:
            headers = [answer.headers for _, answer in seen.answers]
            return {each["x-hyperplan-prediction-id"] for each in headers if "x-hyperplan-violations" in each}

        async def enough() -> bool:
            return len(marked()) >= count

        await until(enough)
    return marked()


async def on_disk(hyperplan: Hyperplan, ids: set[str]) -> bool:
    """Whether the sidecar has put the samples of all these predictions on disk."""
    folder = hyperplan.stack.settings.data / "sidecar" / "spool"
    held = b"".join(path.read_bytes() for path in folder.iterdir())
    return all(prediction.encode() in held for prediction in ids)


async def all_arrive_once(hyperplan: Hyperplan, endpoint: str, ids: set[str], requests: int) -> None:
    """Wait until control has the sample of each of these predictions, and see that it has none twice.

    Of `requests` all told, some may have been sampled whose answer was not waited for: a sidecar that a busy machine stopped for
    too long decides in vain.
    """

    async def arrived() -> bool:
        return bool((await hyperplan.traffic(endpoint))["sampled"]["requests"] >= len(ids))

    await until(arrived)
    for prediction in ids:

        async def there(prediction: str = prediction) -> bool:
            return (await hyperplan.api.get(f"/v1/endpoints/{endpoint}/samples/{prediction}")).is_success

        await until(there)
    assert len(ids) <= (await hyperplan.traffic(endpoint))["sampled"]["requests"] <= requests


async def test_sidecar_and_envoy_start_again_while_control_is_away(
    fragile: Hyperplan, model_server: ModelServers
) -> None:
    hyperplan, stack = fragile, fragile.stack
    model, chosen = await model_server(), await model_server()
    models = {"default@1": model.url(), "chosen@1": chosen.url()}
    await hyperplan.apply(document("from-disk", models, routing={"split": {"chosen@1": 1}, "default": "default@1"}))

    async def decides() -> bool:
        response = await hyperplan.predict("from-disk", row(x=-1))
        marked = response.headers.get("x-hyperplan-violations") == "x=range"
        return marked and response.headers["x-hyperplan-model"] == "chosen@1"

    await stack.kill(stack.control)
    await stack.kill(stack.sidecar)
    await stack.start_sidecar()
    await until(decides)
    await stack.kill(stack.envoy)
    await stack.start_envoy()
    assert await decides()
    # All three were away; control comes last.
    await stack.kill(stack.sidecar)
    await stack.kill(stack.envoy)
    await stack.start_sidecar()
    await stack.start_envoy()
    assert await decides()
    await stack.start_control()
    await hyperplan.edit_routing("from-disk", split={"chosen@1": 0, "default@1": 1})
    await hyperplan.in_force("from-disk")
    assert (await hyperplan.predict("from-disk")).headers["x-hyperplan-model"] == "default@1"


async def test_a_control_that_lost_its_registry_takes_no_endpoint_away(
    fragile: Hyperplan, model_server: ModelServers
) -> None:
    hyperplan, stack = fragile, fragile.stack
    model = await model_server()
    await hyperplan.apply(document("stays", {"gbm@1": model.url()}))
    await stack.kill(stack.control)
    shutil.rmtree(stack.settings.data / "control")
    await stack.start_control()

    async def asked() -> bool:
        return "control knows no endpoint yet" in hyperplan.log.of("sidecar")

    await until(asked)
    assert (await hyperplan.api.get("/v1/endpoints")).json() == []
    assert (await hyperplan.predict("stays", row(x=-1))).headers["x-hyperplan-violations"] == "x=range"
    await hyperplan.restart_sidecar()
    assert (await hyperplan.predict("stays")).status_code == 200
    assert len(predictions(model)) == 2

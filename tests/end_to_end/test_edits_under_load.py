"""Edits while clients ask: whatever an operator changes, no request fails."""

from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from hyperplan.plan import model_cluster
from tests.end_to_end.stacks import Hyperplan, document, load, path_of, predictions, row, until
from tests.envoy.running import ModelServer, endpoint_of

ModelServers = Callable[..., Awaitable[ModelServer]]

pytestmark = pytest.mark.heavy


async def test_routing_edits_in_a_row_fail_no_request(hyperplan: Hyperplan, model_server: ModelServers) -> None:
    first, second = await model_server(), await model_server()
    await hyperplan.apply(document("edited", {"a@1": first.url("/a"), "b@1": second.url("/b")}))
    async with load(lambda: hyperplan.predict("edited")) as seen:
        await seen.more(50)
        for turn in range(30):
            split = {"a@1": turn, "b@1": 30 - turn}
            fallback = [["a@1", "b@1"], ["b@1"], [], ["b@1", "a@1"]][turn % 4]
            await hyperplan.edit_routing("edited", split=split, fallback=fallback)
        await seen.more(50)
    assert seen.statuses() == {200}
    assert seen.models() == {"a@1", "b@1"}


async def test_a_model_comes_takes_over_and_the_old_one_goes_without_a_failed_request(
    hyperplan: Hyperplan, model_server: ModelServers
) -> None:
    old, new = await model_server(), await model_server()
    name = "replaced"
    path = f"/v1/endpoints/{name}"
    first = document(name, {"gbm@1": old.url("/old")})
    cluster = model_cluster(endpoint_of(first), "gbm@1")
    await hyperplan.apply(first)

    async def done(response: httpx.Response) -> None:
        assert response.is_success, response.text

    async def gone() -> bool:
        return cluster not in await hyperplan.clusters()

    async with load(lambda: hyperplan.predict(name), connections=4) as seen:
        await seen.more(20)
        model = {"url": new.url("/new"), "protocol": "tfserving"}
        await done(await hyperplan.api.put(f"{path}/models/gbm@2", json=model))
        await hyperplan.edit_routing(name, split={"gbm@2": 1}, fallback=["gbm@1"])
        await hyperplan.edit_routing(name, fallback=["gbm@1", "gbm@2"])
        await hyperplan.edit_routing(name, split={"gbm@1": None}, fallback=[])
        await done(await hyperplan.api.delete(f"{path}/models/gbm@1"))
        await hyperplan.in_force(name)
        await old.stop()
        answered = len(predictions(new))
        assert cluster in await hyperplan.clusters()
        await until(gone)
        await seen.more(20)
    assert seen.statuses() == {200}
    assert seen.models() == {"gbm@1", "gbm@2"}
    assert len(predictions(new)) > answered


async def test_a_model_that_moves_to_a_server_of_another_protocol_under_its_name_is_asked_in_that_protocol_alone(
    hyperplan: Hyperplan, model_server: ModelServers
) -> None:
    json = {"content-type": "application/json"}
    served, mlflow, default = [await model_server(headers=json) for _ in range(3)]
    homes = [(served.url("/a"), "tfserving"), (mlflow.url("/b"), "mlflow")]

    def at(home: tuple[str, str]) -> dict[str, Any]:
        routing = {"split": {"a@1": 1}, "default": "default@1"}
        moving = document("moving", {"a@1": home[0], "default@1": default.url("/default")}, routing=routing)
        moving["models"]["a@1"]["protocol"] = home[1]
        return moving

    await hyperplan.apply(at(homes[0]))
    async with load(lambda: hyperplan.predict("moving")) as seen:
        for turn in range(1, 13):
            await seen.more(10)
            await hyperplan.apply(at(homes[turn % 2]))
        await seen.more(10)
    assert seen.statuses() == {200}
    assert {request.path for request in predictions(served) if b"instances" not in request.body} == set()
    assert {request.path for request in predictions(mlflow) if b"dataframe_split" not in request.body} == set()
    assert len(predictions(mlflow)) > 10


async def test_other_endpoints_come_and_go_without_a_failed_request(
    hyperplan: Hyperplan, model_server: ModelServers
) -> None:
    model = await model_server()
    await hyperplan.apply(document("staying", {"a@1": model.url()}))
    async with load(lambda: hyperplan.predict("staying"), connections=4) as seen:
        for turn in range(5):
            name = f"passing-{turn}"
            await hyperplan.apply(document(name, {"a@1": model.url()}))
            assert (await hyperplan.predict(name)).status_code == 200
            removed = await hyperplan.api.delete(f"/v1/endpoints/{name}")
            assert removed.is_success

            async def forgotten(path: str = path_of(name)) -> bool:
                return (await hyperplan.client.post(path, content=row())).status_code == 404

            await until(forgotten)
        await seen.more(20)
    assert seen.statuses() == {200}

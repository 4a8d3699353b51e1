"""Rules behind a real Envoy: alone, in a split, as the last of a chain."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.end_to_end.stacks import Hyperplan, document, load, predictions, row
from tests.envoy.running import ModelServer

ModelServers = Callable[..., Awaitable[ModelServer]]

RULE = {"rule": "features.x > 5.0 ? 0.9 : 0.1"}


def with_rule(name: str, models: dict[str, str], rule: str = "prior@1", **changes: Any) -> dict[str, Any]:
    """An endpoint document with models at URLs and a rule beside them."""
    changes = {"task": "binary", "routing": {"split": {next(iter(models), rule): 1}, "fallback": [rule]}, **changes}
    endpoint = document(name, models or {"none@1": ""}, **changes)
    endpoint["models"].pop("none@1", None)
    endpoint["models"][rule] = RULE
    return endpoint


async def test_an_endpoint_begins_as_a_rule_and_is_sampled_from_its_first_request(hyperplan: Hyperplan) -> None:
    alone = {"split": {"prior@1": 1}}
    await hyperplan.apply(with_rule("begun", {}, routing=alone, on_failure="closed"))
    response = await hyperplan.predict("begun", row(7.5))
    assert (response.status_code, response.json()) == (200, {"predictions": [0.9]})
    assert response.headers["x-hyperplan-model"] == "prior@1"
    sample = await hyperplan.sample("begun", response)
    assert (sample["chosen"], sample["answered"], sample["predictions"]) == ("prior@1", "prior@1", [0.9])


async def test_a_rule_answers_when_no_model_of_the_chain_does(hyperplan: Hyperplan, model_server: ModelServers) -> None:
    failing, dead = await model_server(status=500), await model_server()
    await dead.stop()
    models = {"gbm@1": failing.url("/gbm"), "logit@1": dead.url("/logit")}
    chain = {"split": {"gbm@1": 1}, "fallback": ["logit@1", "prior@1"]}
    await hyperplan.apply(with_rule("rescued", models, routing=chain))
    response = await hyperplan.predict("rescued", row(2.5))
    assert (response.status_code, response.json()) == (200, {"predictions": [0.1]})
    assert response.headers["x-hyperplan-model"] == "prior@1"


async def test_a_row_for_which_a_rule_has_no_answer_goes_to_the_next_of_the_chain(
    hyperplan: Hyperplan, model_server: ModelServers
) -> None:
    model = await model_server()
    chain = {"split": {"prior@1": 1}, "fallback": ["gbm@1"], "default": "gbm@1"}
    await hyperplan.apply(with_rule("unruly", {"gbm@1": model.url("/gbm")}, routing=chain))
    assert (await hyperplan.predict("unruly", row(7.5))).headers["x-hyperplan-model"] == "prior@1"
    response = await hyperplan.predict("unruly", row("seven"))
    assert (response.status_code, response.headers["x-hyperplan-model"]) == (200, "gbm@1")
    assert len(predictions(model)) == 1


async def test_edits_of_a_rule_under_load_reach_every_later_request_and_fail_none(hyperplan: Hyperplan) -> None:
    alone = {"split": {"prior@1": 1}}
    begun = with_rule("ruled", {}, routing=alone, on_failure="closed")
    await hyperplan.apply(begun)
    async with load(lambda: hyperplan.predict("ruled", row(7.5))) as seen:
        for version in range(2, 6):
            name = f"prior@{version}"
            edited = with_rule("ruled", {}, name, routing={"split": {name: 1}}, on_failure="closed")
            edited["models"][name] = {"rule": f"0.{version}"}
            await hyperplan.apply(edited)
            response = await hyperplan.predict("ruled", row(7.5))
            assert (response.headers["x-hyperplan-model"], response.json()) == (name, {"predictions": [version / 10]})
            await seen.more(20)
    assert seen.statuses() == {200}


@pytest.mark.parametrize(
    ("protocol", "sent", "answered"),
    [
        ("mlflow", {"dataframe_split": {"columns": ["x"], "data": [[7.5], [1.0]]}}, {"predictions": [0.9, 0.1]}),
        ("json", [{"x": 7.5}, {"x": 1.0}], {"predictions": [0.9, 0.1]}),
        (
            "oip",
            {"id": "7", "inputs": [{"name": "x", "shape": [2], "datatype": "FP64", "data": [7.5, 1.0]}]},
            {"outputs": [{"name": "predict", "shape": [2, 1], "datatype": "FP64", "data": [0.9, 0.1]}]},
        ),
    ],
)
async def test_a_rule_answers_in_the_protocol_of_the_clients(
    hyperplan: Hyperplan, protocol: str, sent: Any, answered: Any
) -> None:
    name = f"ruled-{protocol}"
    alone = {"split": {"prior@1": 1}}
    await hyperplan.apply(with_rule(name, {}, routing=alone, on_failure="closed", protocol=protocol))
    response = await hyperplan.predict(name, json.dumps(sent).encode())
    assert (response.status_code, response.headers["x-hyperplan-model"]) == (200, "prior@1")
    found = response.json()
    if protocol == "oip":
        assert (found.pop("id"), found.pop("model_name")) == ("7", name)
    assert found == answered


async def test_what_is_wrong_with_a_rule_is_said_by_the_api(hyperplan: Hyperplan) -> None:
    refused = with_rule("refused", {}, routing={"split": {"prior@1": 1}}, on_failure="closed")
    refused["models"]["prior@1"] = {"rule": "features.who.startsWith('N')"}
    response = await hyperplan.api.put("/v1/endpoints/refused", json=refused)
    assert response.status_code == 422
    [first, second] = response.json()["errors"]
    assert first["pointer"] == second["pointer"] == "/models/prior@1/rule"
    assert "check it first: features.who != null && ..." in first["detail"]
    assert second["detail"] == "so it fails on the row {}"

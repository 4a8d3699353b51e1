"""What clients and models see of an endpoint while all is well."""

import json
import uuid
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from hyperplan.plan import arm_cluster
from tests.end_to_end.stacks import Hyperplan, document, memory_of, path_of, predictions, row, until
from tests.envoy.running import ModelServer, endpoint_of

ModelServers = Callable[..., Awaitable[ModelServer]]

ODD_BODY = b'\n{"signature_name":"serving_default",  "instances": [ {"who":"J\\u00fcrgen \xc3\xa9", "x":1.50e+0}]}\r\n'
"""A body that is good, and that no encoder would write like this."""
ODD_ANSWER = b'{ "predictions":[0.10000000000000001, 1e0],\n"more": "\xc3\xa9" }\n'


@pytest.mark.parametrize("rate", [0, 1])
async def test_body_and_answer_pass_byte_for_byte_whether_sampled_or_not(
    rate: float, hyperplan: Hyperplan, model_server: ModelServers
) -> None:
    model = await model_server(answer=ODD_ANSWER)
    name = f"untouched-{rate}"
    await hyperplan.apply(
        document(name, {"gbm@3": model.url("/v1/models/gbm:predict")}, sampling={"rate": rate, "max_per_second": 1000})
    )
    response = await hyperplan.predict(name, ODD_BODY)
    assert (response.status_code, response.content) == (200, ODD_ANSWER)
    [seen] = predictions(model)
    assert (seen.path, seen.body) == ("/v1/models/gbm:predict", ODD_BODY)
    assert response.headers["content-type"] == "application/json"
    assert response.headers["x-hyperplan-model"] == "gbm@3"
    assert uuid.UUID(response.headers["x-hyperplan-prediction-id"]).version == 4
    assert "x-hyperplan-violations" not in response.headers


async def test_what_the_model_refuses_reaches_the_client_as_the_model_said_it(
    hyperplan: Hyperplan, model_server: ModelServers
) -> None:
    refusing, other = await model_server(status=400, answer=b'{"error": "no"}'), await model_server()
    models = {"gbm@1": refusing.url(), "logit@1": other.url()}
    routing = {"split": {"gbm@1": 1}, "fallback": ["logit@1"]}
    await hyperplan.apply(document("refused-by-model", models, routing=routing))
    response = await hyperplan.predict("refused-by-model")
    assert (response.status_code, response.content) == (400, b'{"error": "no"}')
    assert response.headers["x-hyperplan-model"] == "gbm@1"
    assert predictions(other) == []


async def test_an_endpoint_that_rejects_lists_what_is_wrong_and_asks_no_model(
    hyperplan: Hyperplan, model_server: ModelServers
) -> None:
    model = await model_server()
    await hyperplan.apply(document("rejecting", {"gbm@1": model.url()}, on_violation="reject"))
    body = json.dumps({"instances": [{"x": 1}, {"x": "1"}, {"who": "me"}, {"x": -5}]}).encode()
    response = await hyperplan.predict("rejecting", body)
    assert response.status_code == 422
    assert response.headers["content-type"] == "application/problem+json"
    assert uuid.UUID(response.headers["x-hyperplan-prediction-id"])
    found = [(error["row"], error["feature"], error["kind"]) for error in response.json()["errors"]]
    assert found == [(1, "x", "type"), (2, "x", "missing"), (3, "x", "range")]
    assert response.json()["errors"][2] | {"row": 3} == {
        "row": 3,
        "feature": "x",
        "kind": "range",
        "expected": "at least 0",
        "got": "-5",
    }
    assert predictions(model) == []
    sample = await hyperplan.sample("rejecting", response)
    assert (sample["rejected"], sample["status"], sample["chosen"], sample["answered"]) == (True, 422, None, None)


async def test_an_endpoint_that_warns_lets_the_body_pass_marks_the_answer_and_counts(
    hyperplan: Hyperplan, model_server: ModelServers
) -> None:
    model = await model_server()
    await hyperplan.apply(document("warning", {"gbm@1": model.url()}))
    bad = row(x=-5, extra=[1])
    responses = [await hyperplan.predict("warning", body) for body in (bad, bad, row())]
    assert [response.status_code for response in responses] == [200, 200, 200]
    marks = [response.headers.get("x-hyperplan-violations") for response in responses]
    assert [sorted(mark.split(",")) if mark else None for mark in marks] == [["extra=unknown", "x=range"]] * 2 + [None]
    assert [seen.body for seen in predictions(model)] == [bad, bad, row()]

    async def counted() -> Any:
        total = (await hyperplan.traffic("warning"))["total"]
        return total if total["requests"].get("routed") == 3 else None

    total = await until(counted)
    assert total["violations"] == {"x": {"range": 2}, "extra": {"unknown": 2}}
    assert total["choices"] == {"gbm@1": 3}


async def test_a_sample_says_all_about_a_request(hyperplan: Hyperplan, model_server: ModelServers) -> None:
    model = await model_server(answer=b'{"predictions": [0.25]}')
    routing = {"split": {"gbm@1": 3, "logit@1": 1}, "sticky": True}
    models = {"gbm@1": model.url(), "logit@1": model.url()}
    await hyperplan.apply(document("sampled", models, routing=routing, slices=["header:x-platform"]))
    response = await hyperplan.predict("sampled", row(x=2, who="ann"), x_platform="phone")
    sample = await hyperplan.sample("sampled", response)
    assert sample["chosen"] == sample["answered"] == response.headers["x-hyperplan-model"]
    assert sample["propensity"] == {"gbm@1": 0.75, "logit@1": 0.25}[sample["chosen"]]
    assert (sample["inclusion"], sample["attempts"], sample["status"]) == (1, 1, 200)
    assert (sample["entity"], sample["slices"]) == ("ann", {"header:x-platform": "phone"})
    assert sample["rows"] == [{"values": {"x": 2.0, "who": "ann"}, "unknown": {}}]
    assert (sample["predictions"], sample["violations"]) == ([0.25], [])
    assert 0 < sample["latency"] < 30


async def test_two_requests_with_one_x_request_id_are_two_predictions(
    hyperplan: Hyperplan, model_server: ModelServers
) -> None:
    model = await model_server()
    await hyperplan.apply(document("two-ids", {"gbm@1": model.url()}))
    responses = [await hyperplan.predict("two-ids", x_request_id="mine") for _ in range(2)]
    first, second = (response.headers["x-hyperplan-prediction-id"] for response in responses)
    assert len({first, second, "mine"}) == 3
    samples = [await hyperplan.sample("two-ids", response) for response in responses]
    assert [sample["prediction_id"] for sample in samples] == [first, second]


async def test_headers_that_only_hyperplan_may_set_have_no_effect_when_clients_send_them(
    hyperplan: Hyperplan, model_server: ModelServers
) -> None:
    model, forbidden = await model_server(), await model_server()
    models = {"gbm@1": model.url("/gbm"), "idle@1": forbidden.url("/idle")}
    forged = document("forged", models, routing={"split": {"gbm@1": 1, "idle@1": 0}})
    idle = arm_cluster(endpoint_of(forged), "idle@1")
    await hyperplan.apply(forged)
    response = await hyperplan.predict(
        "forged",
        x_hyperplan_arm=idle,
        x_hyperplan_path="/elsewhere",
        x_hyperplan_model="idle@1",
        x_hyperplan_violations="x=range",
        x_hyperplan_prediction_id="mine",
    )
    assert (response.status_code, response.headers["x-hyperplan-model"]) == (200, "gbm@1")
    assert "x-hyperplan-violations" not in response.headers
    assert uuid.UUID(response.headers["x-hyperplan-prediction-id"])
    assert [seen.path for seen in predictions(model)] == ["/gbm"]
    assert predictions(forbidden) == []
    # Without a body, the decision is made in another place.
    bodyless = await hyperplan.client.post(path_of("forged"), headers={"x-hyperplan-arm": idle})
    assert bodyless.headers["x-hyperplan-model"] == "gbm@1"
    assert predictions(forbidden) == []


async def test_the_sidecar_loads_neither_numpy_nor_scipy_and_stays_small(
    hyperplan: Hyperplan, model_server: ModelServers
) -> None:
    model = await model_server()
    await hyperplan.apply(document("small", {"gbm@1": model.url()}))
    assert (await hyperplan.predict("small")).status_code == 200
    maps = Path(f"/proc/{hyperplan.stack.sidecar.pid}/maps").read_text()  # noqa: ASYNC240 - memory, not a disk
    assert "grpc" in maps
    assert [name for name in ("numpy", "scipy", "pandas", "duckdb") if f"/{name}" in maps] == []
    memory = memory_of(hyperplan.stack.sidecar)
    print(f"the sidecar holds {memory:.0f} MB")
    assert memory < 128

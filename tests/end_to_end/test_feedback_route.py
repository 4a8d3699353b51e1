"""Feedback comes back at the address that predictions were asked at."""

from collections.abc import Awaitable, Callable
from typing import Any

from hyperplan.plan import FEEDBACK_PATH
from tests.end_to_end.stacks import Hyperplan, document, predictions, until
from tests.envoy.running import ModelServer

ModelServers = Callable[..., Awaitable[ModelServer]]


async def test_a_client_sends_the_truth_to_envoy_and_it_shows_on_the_sample(
    hyperplan: Hyperplan, model_server: ModelServers
) -> None:
    model = await model_server()
    await hyperplan.apply(document("told", {"gbm@1": model.url()}))
    answer = await hyperplan.predict("told")
    prediction = answer.headers["x-hyperplan-prediction-id"]
    sent = {"endpoint": "told", "prediction_id": prediction, "label": 2.5}
    taken = await hyperplan.client.post(FEEDBACK_PATH, json=sent)
    assert (taken.status_code, taken.json()) == (202, {"feedback": 1})

    async def labels() -> Any:
        found = await hyperplan.api.get(f"/v1/endpoints/told/samples/{prediction}")
        return found.status_code == 200 and [told["label"] for told in found.json()["feedback"]]

    assert await until(labels) == [2.5]
    assert len(predictions(model)) == 1  # no model is asked for feedback


async def test_what_is_no_feedback_is_told_by_envoy_in_the_same_words(hyperplan: Hyperplan) -> None:
    bad = await hyperplan.client.post(FEEDBACK_PATH, json={"endpoint": "nowhere", "prediction_id": "p", "label": 1})
    assert (bad.status_code, bad.json()["errors"][0]["pointer"]) == (422, "/endpoint")
    assert (await hyperplan.client.get(FEEDBACK_PATH)).status_code == 405

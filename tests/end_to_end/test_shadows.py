"""Shadows behind a real Envoy: what they answer is compared with what clients got, and no client notices them."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.end_to_end.stacks import Hyperplan, document, load, predictions, row, until
from tests.envoy.running import ModelServer

ModelServers = Callable[..., Awaitable[ModelServer]]


def shadowed(name: str, gbm: ModelServer, logit: ModelServer, **shadow: Any) -> dict[str, Any]:
    """An endpoint at which `gbm@1` answers, and `logit@1` is its shadow."""
    models = {"gbm@1": gbm.url("/gbm"), "logit@1": logit.url("/logit")}
    found = document(name, models, task="binary", routing={"split": {"gbm@1": 1}, "shadow": ["logit@1"]})
    found["models"]["logit@1"] |= shadow
    return found


async def compared(hyperplan: Hyperplan, endpoint: str, *, pairs: int = 0, failures: int = 0) -> dict[str, Any]:
    """What control says of the shadow, once it has so many pairs, and so many of them in which the shadow failed."""

    async def known() -> dict[str, Any] | None:
        (found,) = (await hyperplan.api.get(f"/v1/endpoints/{endpoint}/shadow")).json()["shadows"]
        shadow: dict[str, Any] = found
        seen = sum(against["pairs"] for against in shadow["against"])
        failed = sum(against["shadow"]["failures"] for against in shadow["against"])
        return shadow if seen >= pairs and failed >= failures else None

    found = await until(known)
    assert found
    return found


async def test_a_rule_may_be_a_shadow(hyperplan: Hyperplan, model_server: ModelServers) -> None:
    gbm = await model_server(answer=b'{"predictions": [0.9]}')
    endpoint = document("ruleshadow", {"gbm@1": gbm.url("/gbm")}, task="binary")
    endpoint["models"]["prior@1"] = {"rule": "features.x > 5.0 ? 0.9 : 0.1"}
    endpoint["routing"]["shadow"] = ["prior@1"]
    await hyperplan.apply(endpoint)
    for x in (1.0, 7.0, 8.0):
        answer = await hyperplan.predict("ruleshadow", row(x))
        assert (answer.status_code, answer.headers["x-hyperplan-model"]) == (200, "gbm@1")
    shadow = await compared(hyperplan, "ruleshadow", pairs=3)
    (against,) = shadow["against"]
    assert (shadow["failures"], against["agreement"]["rate"]["estimate"]) == ([], 2 / 3)


async def test_what_a_shadow_answers_is_compared_with_what_clients_got(
    hyperplan: Hyperplan, model_server: ModelServers
) -> None:
    gbm, logit = (
        await model_server(answer=b'{"predictions": [0.9]}'),
        await model_server(answer=b'{"predictions": [0.7]}'),
    )
    await hyperplan.apply(shadowed("shadowed", gbm, logit))
    answers = [await hyperplan.predict("shadowed") for _ in range(20)]

    async def copied() -> bool:
        return len(predictions(logit)) == 20

    await until(copied)
    logit.answer = b'{"predictions": [0.2]}'
    answers += [await hyperplan.predict("shadowed") for _ in range(10)]
    assert {(answer.status_code, answer.text) for answer in answers} == {(200, '{"predictions": [0.9]}')}
    assert {answer.headers["x-hyperplan-model"] for answer in answers} == {"gbm@1"}

    shadow = await compared(hyperplan, "shadowed", pairs=30)
    (against,) = shadow["against"]
    assert (shadow["model"], shadow["answers"], shadow["unanswered"], shadow["failures"]) == ("logit@1", 30, 0, [])
    assert (against["model"], against["pairs"], against["rows"]) == ("gbm@1", 30, 30)
    assert against["agreement"]["rate"]["estimate"] == 20 / 30
    assert [(one["primary"], one["shadow"], one["rows"]) for one in against["agreement"]["disagreements"]] == [
        ("1", "0", 10)
    ]
    assert against["differences"]["mean"] == pytest.approx((20 * (0.7 - 0.9) + 10 * (0.2 - 0.9)) / 30)
    assert (against["primary"]["failures"], against["shadow"]["failures"]) == (0, 0)
    assert against["shadow"]["p50"] > 0
    sample = await hyperplan.sample("shadowed", answers[0])
    assert [(one["model"], one["predictions"]) for one in sample["shadows"]] == [("logit@1", [0.7])]


async def test_a_shadow_of_another_protocol_sees_the_request_in_its_own_words(
    hyperplan: Hyperplan, model_server: ModelServers
) -> None:
    gbm, logit = await model_server(), await model_server(answer=b'{"predictions": [0.5]}')
    await hyperplan.apply(shadowed("shadowed-in-mlflow", gbm, logit, protocol="mlflow"))
    for _ in range(5):
        assert (await hyperplan.predict("shadowed-in-mlflow")).status_code == 200
    shadow = await compared(hyperplan, "shadowed-in-mlflow", pairs=5)
    assert shadow["against"][0]["agreement"]["rate"]["estimate"] == 1.0
    assert {seen.path for seen in predictions(logit)} == {"/logit"}
    assert all(b"dataframe_split" in seen.body for seen in predictions(logit))


async def test_a_shadow_that_dies_is_an_error_of_its_own_and_no_client_notices(
    hyperplan: Hyperplan, model_server: ModelServers
) -> None:
    gbm, logit = await model_server(), await model_server()
    await hyperplan.apply(shadowed("shadow-dies", gbm, logit))
    async with load(lambda: hyperplan.predict("shadow-dies")) as seen:
        await seen.more(20)
        await logit.stop()
        await seen.more(40)
    assert seen.statuses() == {200}
    # Those under way when it died may have been answered, and of a few Envoy may have had nothing to tell.
    shadow = await compared(hyperplan, "shadow-dies", failures=20)
    (against,) = shadow["against"]
    assert against["shadow"]["error_rate"]["low"] > 0
    assert against["primary"]["failures"] == 0


async def test_a_shadow_that_hangs_or_talks_nonsense_keeps_no_client_waiting(
    hyperplan: Hyperplan, model_server: ModelServers
) -> None:
    gbm, nonsense = await model_server(), await model_server(answer=b"<html>It works!</html>")
    await hyperplan.apply(shadowed("shadow-raves", gbm, nonsense))
    for _ in range(5):
        assert (await hyperplan.predict("shadow-raves")).status_code == 200
    shadow = await compared(hyperplan, "shadow-raves", pairs=5)
    assert shadow["against"][0]["shadow"]["error_rate"]["estimate"] == 1.0
    assert shadow["against"][0]["primary"]["error_rate"]["estimate"] == 0.0
    assert [failure["answers"] for failure in shadow["failures"]] == [5]
    nonsense.hangs = True
    for _ in range(5):
        answer = await hyperplan.predict("shadow-raves")
        assert answer.status_code == 200
        assert answer.elapsed.total_seconds() < 4, "the endpoint's timeout, which the shadow uses up"
    await compared(hyperplan, "shadow-raves", failures=10)

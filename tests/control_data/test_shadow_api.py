"""The shadow API: what shadows answered beside what clients got."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from litestar import Litestar
from litestar.testing import TestClient

from control.api import shadow
from control.registry import Change, Registry, Write
from control.stores import Store
from hyperplan.endpoint import Endpoint, Task
from hyperplan.sample import Sample
from hyperplan.shadow import ShadowSample

MakeSample = Callable[..., Sample]
MakeAnswer = Callable[..., ShadowSample]
Api = TestClient[Litestar]
SHADOW = "/v1/endpoints/flight-delay/shadow"
RANGE = {"since": "1800000000", "until": "1800000120"}


@pytest.fixture
def edit(registry: Registry) -> Callable[..., None]:
    """Makes a revision of the endpoint with other shadows, or another task."""

    def edited(*shadows: str, task: Task = "binary") -> None:
        def change(endpoint: Endpoint) -> Endpoint:
            routing = msgspec.structs.replace(endpoint.routing, shadow=shadows)
            return msgspec.structs.replace(endpoint, routing=routing, task=task)

        registry.edit("flight-delay", Change.ROUTING, Write(), change)

    return edited


@pytest.fixture
def put_pair(store: Store, make_sample: MakeSample, make_answer: MakeAnswer) -> Callable[..., None]:
    """Stores a request and what the shadow answered to its copy."""

    def put(prediction_id: str, primary: Any, shadow: Any, answered: str = "gbm@1", **answer: Any) -> None:
        store.ingest(
            [
                make_sample(prediction_id, predictions=primary, answered=answered),
                make_answer(prediction_id, predictions=shadow, **answer),
            ]
        )

    return put


PutPair = Callable[..., None]


def ask(api: Api, **parameters: str) -> list[dict[str, Any]]:
    answer = api.get(SHADOW, params=RANGE | parameters)
    assert answer.status_code == 200, answer.text
    shadows: list[dict[str, Any]] = answer.json()["shadows"]
    return shadows


def test_a_shadow_is_compared_with_each_model_that_answered(api: Api, put_pair: PutPair) -> None:
    for index in range(20):
        put_pair(f"gbm-{index}", [0.9], [0.4 if index < 5 else 0.8])
    put_pair("other", [0.2], [0.1], answered="logit@1")
    (found,) = ask(api)
    against = {one["model"]: one for one in found["against"]}
    assert (found["model"], found["answers"], list(against)) == ("logit@1", 21, ["gbm@1", "logit@1"])
    gbm = against["gbm@1"]
    assert (gbm["pairs"], gbm["requests"], gbm["rows"]) == (20, 40, 20)
    assert gbm["agreement"]["rate"]["estimate"] == 0.75
    assert gbm["agreement"]["rate"]["low"] < 0.75 < gbm["agreement"]["rate"]["high"]
    assert gbm["agreement"]["disagreements"] == [{"primary": "1", "shadow": "0", "rows": 5, "share": 0.25}]
    assert gbm["differences"]["mean"] == pytest.approx(-0.2)
    assert (gbm["primary"]["p95"], gbm["shadow"]["p95"]) == (0.01, 0.03)
    assert gbm["primary"]["p99"] is None
    assert against["logit@1"]["pairs"] == 1


def test_failures_of_a_shadow_are_errors_of_its_own_and_named(api: Api, put_pair: PutPair) -> None:
    put_pair("good", [0.9], [0.9])
    put_pair("bad", [0.9], [], status=503)
    put_pair("worse", [0.9], [], status=200, failure="the answer is no JSON")
    (found,) = ask(api)
    assert found["failures"] == [
        {"status": 200, "failure": "the answer is no JSON", "answers": 1},
        {"status": 503, "failure": None, "answers": 1},
    ]
    (gbm,) = found["against"]
    assert (gbm["primary"]["failures"], gbm["shadow"]["failures"]) == (0, 2)
    assert gbm["shadow"]["error_rate"]["estimate"] == pytest.approx(2 / 3)
    assert (gbm["rows"], gbm["unread"]) == (1, 2)


def test_halves_without_a_partner_are_counted_where_the_endpoint_had_the_shadow(
    api: Api, store: Store, make_sample: MakeSample, make_answer: MakeAnswer, edit: Callable[..., None]
) -> None:
    edit("logit@1")
    store.ingest([make_sample("before", revision=1), make_sample("lost", revision=2), make_sample("who", revision=9)])
    store.ingest([make_sample("rejected", revision=2, chosen=None, answered=None), make_answer("alone")])
    (found,) = ask(api)
    assert (found["answers"], found["alone"], found["unanswered"]) == (1, 1, 1)
    assert found["against"] == []


def test_a_shadow_that_never_answers_is_shown_with_what_it_left_unanswered(
    api: Api, store: Store, make_sample: MakeSample, edit: Callable[..., None]
) -> None:
    edit("logit@1")
    store.ingest([make_sample(f"p-{index}", revision=2) for index in range(7)])
    (found,) = ask(api)
    assert (found["model"], found["answers"], found["unanswered"]) == ("logit@1", 0, 7)


def test_a_shadow_that_is_none_any_more_is_shown_while_its_answers_are_of_the_period(
    api: Api, store: Store, make_answer: MakeAnswer
) -> None:
    store.ingest([make_answer(model="gone@1")])
    assert [found["model"] for found in ask(api)] == ["gone@1"]
    assert ask(api, until="1800000000", since="1799999000") == []
    assert [found["model"] for found in ask(api, model="gone@1")] == ["gone@1"]


def test_one_shadow_can_be_asked_for(
    api: Api, store: Store, make_answer: MakeAnswer, edit: Callable[..., None]
) -> None:
    edit("logit@1")
    store.ingest([make_answer(model="gone@1")])
    assert [found["model"] for found in ask(api)] == ["logit@1", "gone@1"]
    assert [found["model"] for found in ask(api, model="logit@1")] == ["logit@1"]


def test_only_the_newest_answers_are_compared_and_the_others_counted(
    api: Api, put_pair: PutPair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shadow, "MOST_COMPARED", 3)
    for index in range(5):
        put_pair(f"p-{index}", [0.9], [0.9], seconds=index)
    (found,) = ask(api)
    assert (found["answers"], found["older"], found["alone"]) == (5, 2, 0)
    assert found["against"][0]["pairs"] == 3


def test_the_threshold_is_stated_and_can_be_another(api: Api, put_pair: PutPair) -> None:
    put_pair("p", [0.7], [0.6])
    assert api.get(SHADOW, params=RANGE).json()["threshold"] == 0.5
    answer = api.get(SHADOW, params=RANGE | {"threshold": "0.65"}).json()
    assert answer["threshold"] == 0.65
    assert answer["shadows"][0]["against"][0]["agreement"]["rate"]["estimate"] == 0


def test_numbers_of_a_regression_have_no_threshold(api: Api, put_pair: PutPair, edit: Callable[..., None]) -> None:
    edit("logit@1", task="regression")
    put_pair("p", [10.0], [12.5])
    answer = api.get(SHADOW, params=RANGE).json()
    assert (answer["task"], answer["threshold"]) == ("regression", None)
    against = answer["shadows"][0]["against"][0]
    assert (against["agreement"], against["differences"]["mean"]) == (None, 2.5)
    assert api.get(SHADOW, params={"threshold": "0.5"}).json()["errors"][0]["pointer"] == "?threshold"


def test_an_endpoint_without_shadows_has_nothing_to_show(api: Api) -> None:
    assert ask(api) == []


@pytest.mark.parametrize(
    ("parameters", "place"),
    [
        ({"model": "nobody@1"}, "?model"),
        ({"since": "yesterday"}, "?since"),
        ({"since": "-1h", "until": "-2h"}, "?since"),
        ({"threshold": "high"}, "?threshold"),
        ({"threshold": "nan"}, "?threshold"),
    ],
)
def test_what_cannot_be_asked_is_refused_at_its_place(api: Api, parameters: dict[str, str], place: str) -> None:
    answer = api.get(SHADOW, params=parameters)
    assert answer.status_code in (400, 422)
    assert answer.json()["errors"][0]["pointer"] == place


def test_shadows_of_an_unknown_endpoint_are_not_found(api: Api) -> None:
    assert api.get("/v1/endpoints/gone/shadow").status_code == 404

"""What model versions were made of, over the API: shown, side by side, and told when one repeats another."""

from collections.abc import Callable
from typing import Any

import pytest
from litestar import Litestar
from litestar.testing import TestClient

MakePlain = Callable[..., dict[str, Any]]
Client = TestClient[Litestar]
ENDPOINT = "/v1/endpoints/flight-delay"
LINEAGE = {
    "algorithm": "gbm",
    "parameters": {"rate": 0.1, "depth": 3},
    "data": {"uri": "s3://flights", "hash": "e3b0"},
    "code_revision": "4fd2",
    "metrics": {"auc": 0.8},
}


def with_lineages(document: dict[str, Any], **lineages: Any) -> dict[str, Any]:
    for name, lineage in lineages.items():
        document["models"][f"{name}@1"]["lineage"] = lineage
    return document


def put(client: Client, document: dict[str, Any], **headers: str) -> dict[str, Any]:
    answer = client.put(f"/v1/endpoints/{document['name']}", json=document, headers=headers)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def test_a_model_is_shown_with_its_lineage_and_the_change_that_it_came_with(client: Client, plain: MakePlain) -> None:
    put(client, plain())
    put(client, with_lineages(plain(), gbm=LINEAGE), **{"hyperplan-author": "ada"})
    found = client.get(f"{ENDPOINT}/models/gbm@1/lineage").json()
    assert (found["revision"], found["current"], found["added"]["revision"]) == (2, True, 1)
    assert found["document"]["lineage"] == LINEAGE
    assert [each["model"] for each in client.get(f"{ENDPOINT}/lineage").json()] == ["gbm@1", "logit@1", "spare@1"]


def test_a_run_that_repeats_an_earlier_one_is_told_at_apply_and_is_no_error(client: Client, plain: MakePlain) -> None:
    assert put(client, with_lineages(plain(), gbm=LINEAGE))["notes"] == []
    again = LINEAGE | {"metrics": {"auc": 0.81}, "parameters": {"depth": "3", "rate": "0.1"}}
    answer = put(client, with_lineages(plain(), gbm=LINEAGE, spare=again))
    assert answer["notes"] == ["spare@1 repeats gbm@1 (revision 1): the same data, code and parameters"]
    shown = client.get(f"{ENDPOINT}/models/spare@1/lineage").json()
    assert [each["sentence"] for each in shown["repeats"]] == answer["notes"]
    assert client.get(f"{ENDPOINT}/models/gbm@1/lineage").json()["repeats"] == []
    assert put(client, with_lineages(plain(), gbm=LINEAGE, spare=again, logit={"author": "a"}))["notes"] == []


def test_of_two_that_come_at_once_the_later_in_the_document_repeats_the_other(client: Client, plain: MakePlain) -> None:
    assert put(client, with_lineages(plain(), logit=LINEAGE, gbm=LINEAGE))["notes"] == [
        "logit@1 repeats gbm@1 (revision 1): the same data, code and parameters"
    ]


def test_it_is_told_of_models_that_are_gone_and_of_other_endpoints(client: Client, plain: MakePlain) -> None:
    first = with_lineages(plain("churn", "/churn"), spare=LINEAGE)
    put(client, first)
    del first["models"]["spare@1"]
    put(client, first)
    put(client, plain())
    model = plain()["models"]["gbm@1"] | {"lineage": LINEAGE}
    answer = client.put(f"{ENDPOINT}/models/gbm@2", json=model).json()
    assert answer["notes"] == ["gbm@2 repeats spare@1 of churn (revision 1): the same data, code and parameters"]
    assert client.get(f"{ENDPOINT}/models/gbm@2").json() == model


def test_a_model_that_is_gone_is_shown_as_it_last_was(client: Client, plain: MakePlain) -> None:
    put(client, with_lineages(plain(), spare=LINEAGE))
    gone = plain()
    del gone["models"]["spare@1"]
    put(client, gone)
    found = client.get(f"{ENDPOINT}/models/spare@1/lineage").json()
    assert (found["current"], found["revision"], found["document"]["lineage"]) == (False, 1, LINEAGE)
    client.delete(ENDPOINT)
    assert client.get(f"{ENDPOINT}/models/gbm@1/lineage").json()["current"] is False


def test_versions_are_compared_side_by_side(client: Client, plain: MakePlain) -> None:
    put(
        client, with_lineages(plain(), gbm=LINEAGE, logit=LINEAGE | {"algorithm": "logit", "parameters": {"rate": 0.1}})
    )
    found = client.get(f"{ENDPOINT}/comparison?model=gbm@1&model=logit@1").json()
    lines = {line["pointer"]: (line["values"], line["same"]) for line in found["lines"]}
    assert lines["/lineage/algorithm"] == (["gbm", "logit"], False)
    assert lines["/lineage/parameters/depth"] == ([3, None], False)
    assert lines["/lineage/data/hash"] == (["e3b0", "e3b0"], True)
    assert [each["model"] for each in found["models"]] == ["gbm@1", "logit@1"]
    assert len(client.get(f"{ENDPOINT}/comparison").json()["models"]) == 3


@pytest.mark.parametrize(
    ("path", "detail"),
    [
        (f"{ENDPOINT}/models/nobody@1/lineage", "flight-delay never had a model 'nobody@1'; it had: gbm@1"),
        (f"{ENDPOINT}/comparison?model=gbm@1&model=nobody@1", "never had a model 'nobody@1'"),
        ("/v1/endpoints/nowhere/models/gbm@1/lineage", "there is no endpoint 'nowhere'"),
        ("/v1/endpoints/nowhere/lineage", "there is no endpoint 'nowhere'"),
        ("/v1/endpoints/nowhere/comparison", "there is no endpoint 'nowhere'"),
    ],
)
def test_what_there_never_was_is_told_in_a_sentence(client: Client, plain: MakePlain, path: str, detail: str) -> None:
    put(client, plain())
    answer = client.get(path)
    assert answer.status_code == 404
    assert detail in answer.json()["detail"]


def test_more_models_than_one_answer_can_hold_are_refused(client: Client, plain: MakePlain) -> None:
    put(client, plain())
    answer = client.get(f"{ENDPOINT}/comparison?" + "&".join(f"model=m@{number}" for number in range(21)))
    assert answer.status_code == 422

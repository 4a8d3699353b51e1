"""The samples API."""

from collections.abc import Callable
from typing import Any

import pytest
from litestar import Litestar
from litestar.testing import TestClient

from control.stores import Store
from hyperplan.sample import Sample
from hyperplan.shadow import ShadowSample

MakeSample = Callable[..., Sample]
MakeAnswer = Callable[..., ShadowSample]
Api = TestClient[Litestar]
SAMPLES = "/v1/endpoints/flight-delay/samples"


def test_a_sample_is_shown_whole(api: Api, store: Store, make_sample: MakeSample) -> None:
    store.ingest([make_sample(rows=[{"distance": -5.0, "carrier": "ZZ", "what": 1}], entity="N1", predictions=[0.5])])
    shown = api.get(f"{SAMPLES}/p-1").json()
    assert shown["time"] == "2027-01-15T08:00:00Z"
    assert shown["rows"][0]["values"] == {"distance": -5.0, "carrier": "ZZ"}
    assert [violation["kind"] for violation in shown["violations"]] == ["range", "category", "unknown"]
    assert (shown["chosen"], shown["propensity"], shown["predictions"]) == ("gbm@1", 0.9, [0.5])


def test_a_sample_is_shown_with_what_shadows_answered(
    api: Api, store: Store, make_sample: MakeSample, make_answer: MakeAnswer
) -> None:
    store.ingest([make_answer(seconds=1, predictions=[0.25]), make_sample(), make_answer("p-2")])
    store.ingest([make_answer(model="a@1", status=None, failure="reset \ud800", latency=None)])
    first, second = api.get(f"{SAMPLES}/p-1").json()["shadows"]
    assert (first["model"], first["status"], first["failure"]) == ("a@1", None, "reset ?")
    assert (second["model"], second["predictions"], second["time"]) == ("logit@1", [0.25], "2027-01-15T08:00:01Z")


def test_samples_are_listed_newest_first(api: Api, store: Store, make_sample: MakeSample) -> None:
    store.ingest([make_sample(f"p-{index}", seconds=index) for index in range(5)])
    ids = [sample["prediction_id"] for sample in api.get(SAMPLES, params={"limit": 2}).json()]
    assert ids == ["p-4", "p-3"]


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"violations": "true"}, {"b"}),
        ({"answered": "logit@1"}, {"c"}),
        ({"chosen": "gbm@1", "entity": "N1"}, {"a"}),
        ({"since": "1800000010"}, {"c"}),
        ({"since": "2027-01-15T08:00:05Z", "until": "2027-01-15T09:00:10+01:00"}, {"b"}),
    ],
)
def test_samples_are_filtered(
    api: Api, store: Store, make_sample: MakeSample, params: dict[str, str], expected: set[str]
) -> None:
    store.ingest(
        [
            make_sample("a", entity="N1"),
            make_sample("b", seconds=5, rows=[{}]),
            make_sample("c", seconds=10, answered="logit@1"),
        ]
    )
    assert {sample["prediction_id"] for sample in api.get(SAMPLES, params=params).json()} == expected


def test_a_plus_sign_that_was_not_escaped_is_understood(api: Api) -> None:
    assert api.get(f"{SAMPLES}?since=2027-01-15T09:00:05+01:00").status_code == 200


@pytest.mark.parametrize(
    ("params", "name"),
    [
        ({"since": "yesterday"}, "since"),
        ({"until": "2027-01-15T08:00:00"}, "until"),
        ({"since": "-1y"}, "since"),
        ({"since": "-9999999w"}, "since"),
        ({"limit": "0"}, "limit"),
        ({"limit": "many"}, "limit"),
    ],
)
def test_a_parameter_that_cannot_be_read_is_named(api: Api, params: dict[str, str], name: str) -> None:
    response = api.get(SAMPLES, params=params)
    assert response.status_code == 422
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["errors"][0]["pointer"] == f"?{name}"


@pytest.mark.parametrize("path", ["/v1/endpoints/gone/samples", f"{SAMPLES}/p-9", "/v1/endpoints/gone/samples/p-1"])
def test_what_is_not_there_is_not_found(api: Api, path: str) -> None:
    assert api.get(path).status_code == 404


@pytest.mark.parametrize("value", ["\ud800", {"\udfff": 1}, [1, 2.5], float("nan"), 2**63])
def test_no_value_that_a_client_sent_stops_the_answer(
    api: Api, store: Store, make_sample: MakeSample, value: Any
) -> None:
    store.ingest([make_sample(rows=[{"distance": value, "carrier": value}], predictions=[value])])
    assert api.get(f"{SAMPLES}/p-1").status_code == 200

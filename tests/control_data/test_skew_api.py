"""The skew API: windows of what was served against what was trained on."""

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from litestar import Litestar
from litestar.testing import TestClient

from control.stores import Store
from hyperplan.profile import Profile, Reference
from hyperplan.sample import Sample
from hyperplan.schema import Float, Schema

MakeSample = Callable[..., Sample]
Api = TestClient[Litestar]
SKEW = "/v1/endpoints/flight-delay/skew"
RANGE = {"since": "1800000000", "until": "1800000120", "window": "60"}


@pytest.fixture
def reference(store: Store, schema: Schema) -> Reference:
    values = np.random.default_rng(0).normal(500, 100, 5000)
    rows = [{"distance": value, "carrier": "AA" if index % 2 else "DL"} for index, value in enumerate(values.tolist())]
    profile = Profile.of_rows(schema, rows)
    reference = Reference(endpoint="flight-delay", model="gbm@1", made_at=0, rows=5000, series=[profile])
    store.references.put(reference)
    return reference


def served(make_sample: MakeSample, seconds: float, scale: float, **fields: Any) -> list[Sample]:
    values = np.random.default_rng(1).normal(500, 100, 400) * scale
    return [
        make_sample(
            f"{seconds}-{index}",
            seconds=seconds,
            rows=[{"distance": value, "carrier": "AA" if index % 2 else "DL"}],
            **fields,
        )
        for index, value in enumerate(values.tolist())
    ]


@pytest.mark.usefixtures("reference")
def test_a_change_of_scale_shows_in_its_window_and_feature_alone(
    api: Api, store: Store, make_sample: MakeSample
) -> None:
    store.ingest(served(make_sample, 0, 1.0) + served(make_sample, 60, 1000.0))
    report = api.get(SKEW, params=RANGE).json()
    before, after = report["windows"]
    assert (report["model"], report["references"]) == ("gbm@1", ["gbm@1"])
    assert (before["rows"], after["rows"], report["total"]["rows"]) == (400, 400, 800)
    assert before["features"]["distance"]["psi"] < 0.1
    assert before["features"]["distance"]["jensen_shannon"] < 0.15
    assert after["features"]["distance"]["psi"] > 1
    assert after["features"]["distance"]["jensen_shannon"] > 0.8
    assert after["features"]["carrier"]["psi"] < 0.1
    assert 0 < report["total"]["features"]["distance"]["psi"] < after["features"]["distance"]["psi"]


def test_violations_are_counted_by_window_feature_and_kind(api: Api, store: Store, make_sample: MakeSample) -> None:
    rows: list[dict[str, Any]] = [
        {"carrier": "AA"},
        {"distance": None, "carrier": "ZZ"},
        {"distance": -1, "carrier": 5},
        {"dist": 7, "carrier": "DL", "surface": 1},
    ]
    store.ingest([make_sample("a", rows=rows), make_sample("b", seconds=61)])
    report = api.get(SKEW, params=RANGE).json()
    first, second = report["windows"]
    distance, carrier = first["features"]["distance"], first["features"]["carrier"]
    assert distance["violations"] == {"missing": 1, "null": 1, "range": 1, "renamed": 1}
    assert (distance["rows"], distance["missing"], distance["null"]) == (4, 1, 1)
    assert carrier["violations"] == {"category": 1, "type": 1}
    assert carrier["unseen"] == 1
    assert second["features"]["distance"]["violations"] == {}
    assert report["unknown"] == {"surface": 1}


def test_rows_that_were_rejected_or_answered_by_another_model_count_too(
    api: Api, store: Store, make_sample: MakeSample
) -> None:
    store.ingest(
        [
            make_sample("a"),
            make_sample("b", answered="logit@1"),
            make_sample("c", chosen=None, answered=None, rejected=True, rows=[{}]),
        ]
    )
    assert api.get(SKEW, params=RANGE).json()["total"]["rows"] == 3


def test_without_a_reference_there_are_counts_but_no_distances(api: Api, store: Store, make_sample: MakeSample) -> None:
    store.ingest(served(make_sample, 0, 1.0))
    report = api.get(SKEW, params=RANGE).json()
    assert report["references"] == []
    assert report["total"]["features"]["distance"] == {
        "rows": 400,
        "missing": 0,
        "null": 0,
        "unseen": 0,
        "violations": {},
        "psi": None,
        "jensen_shannon": None,
    }


@pytest.mark.usefixtures("reference")
def test_another_model_can_be_named(api: Api, store: Store, make_sample: MakeSample) -> None:
    store.ingest(served(make_sample, 0, 1.0))
    report = api.get(SKEW, params=RANGE | {"model": "logit@1"}).json()
    assert (report["model"], report["references"]) == ("logit@1", ["gbm@1"])
    assert report["total"]["features"]["distance"]["psi"] is None


@pytest.mark.usefixtures("reference")
def test_too_few_rows_give_no_distance(api: Api, store: Store, make_sample: MakeSample) -> None:
    store.ingest(served(make_sample, 0, 1.0)[:99])
    assert api.get(SKEW, params=RANGE).json()["total"]["features"]["distance"]["psi"] is None


def test_the_last_hour_is_shown_when_nothing_is_asked(api: Api, store: Store, make_sample: MakeSample) -> None:
    store.ingest([make_sample(time=time.time_ns())])
    report = api.get(SKEW).json()
    assert report["total"]["rows"] == 1
    assert report["window"] == 120
    assert len(report["windows"]) in (30, 31)


@pytest.mark.parametrize(
    ("params", "name"),
    [
        ({"since": "now"}, "since"),
        ({"since": "1800000120", "until": "1800000000"}, "since"),
        ({"window": "90"}, "window"),
        ({"window": "0"}, "window"),
        ({"window": "day"}, "window"),
        ({"since": "0", "window": "60"}, "window"),
        ({"model": "other@1"}, "model"),
    ],
)
def test_a_bad_parameter_is_named(api: Api, params: dict[str, str], name: str) -> None:
    response = api.get(SKEW, params=params)
    assert response.status_code == 422
    assert response.json()["errors"][0]["pointer"] == f"?{name}"


def test_an_unknown_endpoint_is_not_found(api: Api) -> None:
    assert api.get("/v1/endpoints/gone/skew").status_code == 404


# References.

REFERENCE = "/v1/endpoints/flight-delay/models/gbm@1/reference"


def test_a_reference_that_is_put_can_be_got(api: Api, schema: Schema) -> None:
    profile = Profile.of_rows(schema, [{"distance": 1.0, "carrier": "AA"}])
    reference = Reference(endpoint="flight-delay", model="gbm@1", made_at=1.8e9, rows=2, series=[profile, profile])
    response = api.put(REFERENCE, content=reference.encode())
    assert response.json() == {
        "endpoint": "flight-delay",
        "model": "gbm@1",
        "made_at": "2027-01-15T08:00:00Z",
        "rows": 2,
        "chunks": 2,
        "features": ["carrier", "distance"],
    }
    assert Reference.decode(api.get(REFERENCE).content) == reference


def test_a_reference_takes_the_place_of_the_one_before(api: Api, schema: Schema) -> None:
    profile = Profile.of_rows(schema, [{"distance": 1.0, "carrier": "AA"}])
    for made_at in (1.0, 2.0):
        reference = Reference(endpoint="flight-delay", model="gbm@1", made_at=made_at, rows=1, series=[profile])
        assert api.put(REFERENCE, content=reference.encode()).status_code == 200
    assert Reference.decode(api.get(REFERENCE).content).made_at == 2.0


@pytest.mark.parametrize("body", [b"", b"garbage", b"\x80", Profile().encode()])
def test_what_is_no_reference_is_refused(api: Api, body: bytes) -> None:
    response = api.put(REFERENCE, content=body)
    assert response.status_code == 422
    assert "not a reference" in response.json()["errors"][0]["detail"]


def test_features_that_the_schema_does_not_have_are_named(api: Api) -> None:
    strange = Schema(features={"surface": Float()})
    profile = Profile.of_rows(strange, [{"surface": 1.0}])
    reference = Reference(endpoint="other", model="logit@1", made_at=1.0, rows=1, series=[profile])
    response = api.put(REFERENCE, content=reference.encode())
    assert response.status_code == 422
    assert [error["pointer"] for error in response.json()["errors"]] == ["/endpoint", "/model", "/features/surface"]


def test_a_model_without_a_reference_or_unknown_is_not_found(api: Api) -> None:
    assert api.get(REFERENCE).status_code == 404
    assert api.get("/v1/endpoints/flight-delay/models/other@1/reference").status_code == 404
    assert api.put("/v1/endpoints/gone/models/gbm@1/reference", content=b"").status_code == 404


def test_a_reference_over_the_limit_is_refused(api: Api) -> None:
    assert api.put(REFERENCE, content=bytes((64 << 20) + 1)).status_code == 413

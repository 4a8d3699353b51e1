"""Samples of models that are served elsewhere come over the API, and are kept as if a sidecar had sent them."""

import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from litestar import Litestar
from litestar.testing import TestClient

from control.api.sent_samples import MOST_PROBLEMS, MOST_SAMPLES
from control.registry import Change, Registry, Write
from control.stores import Store
from hyperplan.endpoint import parse_endpoint
from hyperplan.sample import Sample, hashed, observe_rows
from hyperplan.schema import violations_of

Api = TestClient[Litestar]

PHONES = parse_endpoint("""
name: phones
match: { path: /phones }
protocol: json
task: regression
entity: { feature: user }
slices: [system, "header:x-app"]
schema:
  features:
    load: { type: float, min: 0, aliases: [cpu] }
    system: { type: category, values: [ios, android] }
    user: { type: int, required: false }
models:
  tiny@1: { url: "http://127.0.0.1:9001/predict", protocol: json }
routing: { split: { tiny@1: 1 } }
""")
GOOD = {"load": 0.5, "system": "ios", "user": 7.0}


@pytest.fixture(autouse=True)
def phones(registry: Registry) -> None:
    registry.put(PHONES, Change.APPLY, Write())


def sent(*rows: Any, **fields: Any) -> dict[str, Any]:
    return {"endpoint": "phones", "model": "tiny@1", "rows": list(rows) or [GOOD]} | fields


def post(api: Api, body: Any, status: int = 200) -> Any:
    answer = api.post("/v1/samples", content=json.dumps(body), headers={"content-type": "application/json"})
    assert answer.status_code == status, answer.text
    return answer.json()


def kept(store: Store, prediction_id: str = "p") -> Sample:
    found = store.samples.get("phones", prediction_id)
    assert found
    return found


def pointers(problem: Any) -> list[str]:
    return [error["pointer"] for error in problem["errors"]]


def test_a_sample_is_kept_as_a_sidecar_would_have_seen_it(api: Api, store: Store) -> None:
    rows = [GOOD, {"cpu": -1, "system": "beos", "secret": "x"}]
    body = sent(
        *rows,
        predictions=[3.5, None],
        prediction_id="p",
        time=1_700_000_000.25,
        inclusion=0.1,
        slices={"header:x-app": "music"},
    )
    assert post(api, body) == {"samples": 1}
    sample = kept(store)
    assert (sample.time, sample.chosen, sample.answered) == (1_700_000_000_250_000_000, "tiny@1", "tiny@1")
    assert (sample.inclusion, sample.propensity, sample.rejected, sample.status) == (0.1, None, False, 200)
    assert (sample.plan, sample.revision) == (2, 1)
    assert sample.schema_version == PHONES.schema.version()
    assert (sample.entity, sample.slices) == ("7", {"system": "ios", "header:x-app": "music"})
    assert sample.predictions == [3.5, None]
    assert sample.rows == observe_rows(PHONES.schema, rows)
    assert sample.violations == list(violations_of(PHONES.schema, rows))
    assert {(violation.feature, violation.kind) for violation in sample.violations} == {
        ("load", "renamed"),
        ("system", "category"),
        ("secret", "unknown"),
    }


def test_values_of_unknown_fields_are_kept_as_hashes_only(api: Api, store: Store) -> None:
    post(api, sent(GOOD | {"iban": "DE89"}, prediction_id="p"))
    assert kept(store).rows[0].unknown == {"iban": hashed("DE89")}


def test_the_entity_that_is_sent_stands_before_that_of_the_row(api: Api, store: Store) -> None:
    post(api, sent(entity="ann", prediction_id="p"))
    assert kept(store).entity == "ann"


@pytest.mark.parametrize(
    "time", ["2023-11-14T22:13:20.000500Z", "2023-11-14T23:13:20.000500+01:00", 1_700_000_000.0005]
)
def test_times_are_dates_or_seconds(api: Api, store: Store, time: Any) -> None:
    post(api, sent(prediction_id="p", time=time))
    assert abs(kept(store).time - 1_700_000_000_000_500_000) < 1000


def test_a_sample_without_a_time_is_of_now(api: Api) -> None:
    post(api, sent())
    report = api.get("/v1/endpoints/phones/skew", params={"since": "-1m"}).json()
    assert report["total"]["rows"] == 1


@pytest.mark.parametrize(
    ("kind", "encode"),
    [
        ("application/json", lambda samples: json.dumps(samples).encode()),
        ("application/x-ndjson", lambda samples: "\n\n".join(map(json.dumps, samples)).encode()),
        ("application/msgpack", msgspec.msgpack.encode),
    ],
)
def test_many_samples_come_in_one_request(
    api: Api, store: Store, kind: str, encode: Callable[[list[Any]], bytes]
) -> None:
    body = encode([sent(prediction_id=str(index)) for index in range(3)])
    answer = api.post("/v1/samples", content=body, headers={"content-type": kind})
    assert (answer.status_code, answer.json()) == (200, {"samples": 3})
    assert {kept(store, str(index)).prediction_id for index in range(3)} == {"0", "1", "2"}


def test_what_is_sent_again_counts_once(api: Api, store: Store) -> None:
    for _ in range(2):
        post(api, [sent(prediction_id="p", time=1e9), sent(prediction_id="q", time=1e9)])
    assert sum(bucket.profile.rows for bucket in store.windows.find("phones", 0, 1 << 62)) == 2


@pytest.mark.parametrize(
    ("fields", "places"),
    [
        ({"endpoint": "fones"}, ["/endpoint"]),
        ({"model": "huge@1"}, ["/model"]),
        ({"rows": []}, ["/rows"]),
        ({"rows": [GOOD] * 101}, ["/rows"]),
        ({"predictions": [1, 2]}, ["/predictions"]),
        ({"time": "yesterday"}, ["/time"]),
        ({"time": "2026-01-01T00:00:00"}, ["/time"]),
        ({"time": -1}, ["/time"]),
        ({"time": 1e300}, ["/time"]),
        ({"inclusion": 0}, ["/inclusion"]),
        ({"inclusion": 1.5}, ["/inclusion"]),
        ({"slices": {"header:x": "1"}}, ["/slices/header:x"]),
        ({"prediction_id": ""}, ["/prediction_id"]),
        ({"row": 1, "latency": -1, "entity": 7}, ["/entity", "/latency", "/row"]),
    ],
)
def test_a_bad_sample_is_told_all_that_is_wrong_with_it(api: Api, fields: dict[str, Any], places: list[str]) -> None:
    assert sorted(pointers(post(api, sent() | fields, status=422))) == places


@pytest.mark.parametrize("number", [float("nan"), float("inf"), 1 << 63])
def test_numbers_that_are_no_time_are_told(api: Api, number: float) -> None:
    body = msgspec.msgpack.encode(sent(time=number))
    answer = api.post("/v1/samples", content=body, headers={"content-type": "application/msgpack"})
    assert (answer.status_code, pointers(answer.json())) == (422, ["/time"])


def test_if_one_is_bad_none_is_kept_and_each_bad_one_is_told_with_its_place(api: Api, store: Store) -> None:
    problem = post(api, [sent(prediction_id="p"), sent(model="x"), sent(), 5, sent(rows=[])], status=422)
    assert problem["detail"] == "3 of 5 samples cannot be taken, and so none was"
    assert pointers(problem) == ["/1/model", "/3", "/4/rows"]
    assert store.samples.get("phones", "p") is None


def test_a_bad_line_is_told_with_its_number(api: Api) -> None:
    for lines, place, line in (
        ([json.dumps(sent()), "", json.dumps(sent(model="x"))], "/1/model", 3),
        ([json.dumps(sent()), "{"], "/1", 2),
    ):
        answer = api.post("/v1/samples", content="\n".join(lines), headers={"content-type": "application/x-ndjson"})
        (error,) = answer.json()["errors"]
        assert (answer.status_code, error["pointer"], error["line"]) == (422, place, line)


def test_only_the_first_of_many_problems_are_listed(api: Api) -> None:
    problem = post(api, [sent(model="x")] * 500, status=422)
    assert len(problem["errors"]) == MOST_PROBLEMS
    assert problem["detail"].startswith("500 of 500")


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[" * 100_000, b'{"a": 1}\n{"a": 2}'])
def test_what_is_no_json_is_refused(api: Api, body: bytes) -> None:
    assert api.post("/v1/samples", content=body).status_code == 422


def test_a_body_of_another_type_is_refused_with_those_that_are_read(api: Api) -> None:
    answer = api.post("/v1/samples", content=b"a,b", headers={"content-type": "text/csv"})
    assert answer.status_code == 415
    assert "application/x-ndjson" in answer.headers["accept"]


def test_more_samples_than_a_request_may_hold_are_refused(api: Api) -> None:
    post(api, [1] * (MOST_SAMPLES + 1), status=413)


def test_a_store_that_cannot_write_asks_to_come_back(api: Api, store: Store) -> None:
    store.close()
    answer = api.post("/v1/samples", json=sent())
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert "none of these samples" in answer.json()["detail"]

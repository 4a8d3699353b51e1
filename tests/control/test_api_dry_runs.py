"""Dry runs over HTTP: what a request would become, under the routing of now or another."""

import base64
from typing import Any

import pytest
from litestar import Litestar
from litestar.testing import TestClient

Client = TestClient[Litestar]
DRY_RUN = "/v1/endpoints/flight-delay/dry-run"
BODY = '[{"distance": 5, "carrier": "AA"}]'
ROWS = [{"distance": 5, "carrier": "AA"}]


@pytest.mark.parametrize(
    "body", [{"payload": ROWS}, {"payload": BODY}, {"base64": base64.b64encode(BODY.encode()).decode()}]
)
def test_a_body_may_come_as_json_as_text_or_as_bytes(known: Client, body: dict[str, Any]) -> None:
    told = known.post(DRY_RUN, json=body)
    assert told.status_code == 200
    assert (told.json()["outcome"], told.json()["revision"]) == ("routed", 1)
    assert {arm["arm"]: arm["propensity"] for arm in told.json()["arms"]} == {"gbm@1": 0.9, "logit@1": 0.1}


def test_no_body_is_an_empty_one(known: Client) -> None:
    told = known.post(DRY_RUN, json={}).json()
    assert (told["flaw"], told["outcome"]) == ("empty", "routed")


def test_headers_count_whatever_their_case(known: Client) -> None:
    told = known.post(DRY_RUN, json={"payload": BODY, "headers": {"Content-Encoding": "gzip"}}).json()
    assert told["flaw"] == "encoding"


def test_a_routing_can_be_asked_about_before_it_is_made(known: Client) -> None:
    routing = {"split": {"gbm@1": None}, "force_header": "x-arm", "fallback": ["gbm@1"]}
    told = known.post(DRY_RUN, json={"payload": BODY, "routing": routing, "headers": {"x-arm": "logit@1"}}).json()
    assert told["how"] == "forced"
    assert [turn["model"] for turn in told["arms"][0]["chain"]] == ["logit@1", "gbm@1"]
    assert known.get("/v1/endpoints/flight-delay").json()["revision"] == 1


def test_a_routing_that_could_not_be_made_is_refused(known: Client) -> None:
    told = known.post(DRY_RUN, json={"payload": BODY, "routing": {"split": {"nobody@1": 1}}})
    assert (told.status_code, told.json()["errors"][0]["pointer"]) == (422, "/routing/split/nobody@1")


@pytest.mark.parametrize(
    ("body", "where"),
    [({"base64": "?"}, "/base64"), ({"base64": "", "payload": 1}, "/base64"), ({"paylod": 1}, "/paylod")],
)
def test_what_is_no_request_is_refused(known: Client, body: dict[str, Any], where: str) -> None:
    told = known.post(DRY_RUN, json=body)
    assert (told.status_code, told.json()["errors"][0]["pointer"]) == (422, where)


def test_names_that_no_encoding_holds_are_told_all_the_same(known: Client) -> None:
    told = known.post(DRY_RUN, json={"payload": '[{"\\ud800": 1, "distance": 5, "carrier": "AA"}]'})
    assert told.json()["violations"][0]["feature"] == "?"


def test_an_unknown_endpoint_is_not_found(known: Client) -> None:
    assert known.post("/v1/endpoints/nobody/dry-run", json={"payload": BODY}).status_code == 404

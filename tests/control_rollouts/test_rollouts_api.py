"""Rollouts over HTTP: started, shown, paused, resumed, aborted, measured; and what is refused, with its reason."""

from typing import Any

import pytest

from tests.control_rollouts.conftest import NAME, ROLLOUT, Site


def test_how_it_stands_is_shown_with_its_evidence_and_what_happened(site: Site) -> None:
    site.start()
    site.serve(1000, 10)
    site.look(61)
    found = site.client.get(ROLLOUT).json()
    assert (found["state"], found["share"], found["step"], found["control"]) == ("running", 5, 1, "gbm@1")
    errors = found["guardrails"]["errors"]
    assert (errors["hits"], errors["requests"], errors["control_requests"]) == (10, 1000, 10_000)
    assert (errors["broken"], round(errors["needed"], 3)) == (False, 4.605)
    assert [each["share"] for each in found["happenings"]] == [1, 5]


def test_a_person_pauses_resumes_and_aborts_it_by_name(site: Site) -> None:
    site.start()
    by_ada = {"hyperplan-author": "ada"}
    paused = site.client.post(f"{ROLLOUT}/pause", headers=by_ada)
    assert (paused.status_code, paused.json()["state"], paused.json()["why"]) == (200, "paused", "ada paused it")
    assert site.client.post(f"{ROLLOUT}/pause", headers=by_ada).status_code == 409
    assert site.client.post(f"{ROLLOUT}/resume", headers=by_ada).json()["state"] == "running"
    aborted = site.client.post(f"{ROLLOUT}/abort", headers=by_ada).json()
    assert (aborted["state"], aborted["share"]) == ("aborted", 1)
    assert site.registry.get(NAME)[1].routing.split == {"gbm@1": 90, "logit@1": 10, "gbm@2": 0}
    assert site.registry.history(NAME, limit=1)[0].author == "ada"


def test_the_newest_of_each_endpoint_are_listed(site: Site) -> None:
    assert site.client.get("/v1/rollouts").json() == []
    site.start()
    site.client.post(f"{ROLLOUT}/abort")
    newest = site.start()
    assert site.client.get("/v1/rollouts").json() == [newest]


def test_an_endpoint_has_one_at_a_time(site: Site) -> None:
    site.start()
    answer = site.client.post(ROLLOUT, json={"canary": "gbm@2"})
    assert answer.status_code == 409
    assert answer.json()["detail"] == "'flight-delay' has a rollout already; abort it, or let it end"
    site.client.post(f"{ROLLOUT}/abort")
    site.start()


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ({}, "/canary"),
        ({"canary": "gbm@9"}, "/canary"),
        ({"canary": "gbm@2", "steps": []}, "/steps"),
        ({"canary": "gbm@2", "steps": [5, 101]}, "/steps/1"),
        ({"canary": "gbm@2", "hold": -1}, "/hold"),
        ({"canary": "gbm@2", "guardrails": {"errors": {"margin": 0}}}, "/guardrails/errors/margin"),
    ],
)
def test_what_cannot_be_started_is_refused_with_the_place(site: Site, body: Any, place: str) -> None:
    answer = site.client.post(ROLLOUT, json=body)
    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == [place]


def test_where_there_is_none_it_says_how_to_start_one(site: Site) -> None:
    for method, path in (("GET", ROLLOUT), ("POST", f"{ROLLOUT}/pause")):
        answer = site.client.request(method, path)
        assert answer.status_code == 404
        assert "start one with: hyperplan rollout start flight-delay MODEL" in answer.json()["detail"]
    assert site.client.get("/v1/endpoints/nowhere/rollout").status_code == 404


def test_prometheus_is_told_where_it_stands(site: Site) -> None:
    site.start()
    text = site.client.get("/metrics").text
    labels = 'canary="gbm@2",endpoint="flight-delay"'
    assert f'hyperplan_rollout_state{{{labels},state="running"}} 1.0' in text
    assert f"hyperplan_rollout_share{{{labels}}} 0.01" in text

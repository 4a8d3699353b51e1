"""Endpoints over HTTP: read, replaced, edited in part, rolled back; each edit guarded by the revision it was made from."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from litestar import Litestar
from litestar.testing import TestClient

Client = TestClient[Litestar]
MakePlain = Callable[..., dict[str, Any]]

ENDPOINT = "/v1/endpoints/flight-delay"


def pointers(response: Any) -> set[str]:
    """Where a refused document was wrong."""
    assert response.status_code == 422, response.text
    return {error["pointer"] for error in response.json()["errors"]}


def at(revision: int) -> dict[str, str]:
    return {"if-match": f'"{revision}"'}


# Whole documents.


def test_an_endpoint_that_was_put_can_be_read(client: Client, plain: MakePlain) -> None:
    put = client.put(ENDPOINT, json=plain())
    got = client.get(ENDPOINT)
    assert (put.status_code, got.status_code) == (200, 200)
    assert got.json() == put.json()
    assert got.json()["document"] == plain()
    assert (got.json()["revision"], got.headers["etag"]) == (1, '"1"')


def test_the_same_document_again_is_the_same_revision(known: Client, plain: MakePlain) -> None:
    again = known.put(ENDPOINT, json=plain())
    assert (again.json()["revision"], again.headers["etag"]) == (1, '"1"')
    assert known.put(ENDPOINT, json=plain(timeout=3)).headers["etag"] == '"2"'


def test_yaml_is_read_as_well_as_json(client: Client) -> None:
    text = """
    name: flight-delay
    match: { path: /predict }
    protocol: json
    task: binary
    schema: { features: { country: { type: category, values: [NO, SE] } } }
    models: { m@1: { url: "http://127.0.0.1:1/", protocol: json } }
    routing: { split: { m@1: 1 } }
    """
    put = client.put(ENDPOINT, content=text, headers={"content-type": "application/yaml"})
    assert put.json()["document"]["schema"]["features"]["country"]["values"] == ["NO", "SE"]


def test_a_byte_order_mark_is_no_mistake(client: Client, plain: MakePlain) -> None:
    assert client.put(ENDPOINT, content=b"\xef\xbb\xbf" + json.dumps(plain()).encode()).status_code == 200


def test_the_list_is_by_name_and_short(client: Client, plain: MakePlain) -> None:
    for name in ("b", "a"):
        client.put(f"/v1/endpoints/{name}", json=plain(name, f"/{name}"))
    listed = client.get("/v1/endpoints").json()
    assert [endpoint["name"] for endpoint in listed] == ["a", "b"]
    assert listed[0]["split"] == {"gbm@1": 90.0, "logit@1": 10.0}
    assert listed[0]["revision"] == 1


def test_an_empty_registry_lists_nothing(client: Client) -> None:
    assert client.get("/v1/endpoints").json() == []


def test_a_deleted_endpoint_is_gone_but_its_history_is_not(known: Client) -> None:
    assert known.delete(ENDPOINT, headers=at(1)).status_code == 204
    assert known.get(ENDPOINT).status_code == 404
    assert known.get("/v1/endpoints").json() == []
    changes = [revision["change"] for revision in known.get(f"{ENDPOINT}/revisions").json()["revisions"]]
    assert changes == ["delete", "apply"]


def test_the_name_in_the_path_must_be_that_in_the_document(client: Client, plain: MakePlain) -> None:
    refused = client.put("/v1/endpoints/other", json=plain(timeout=-1))
    assert pointers(refused) == {"/name", "/timeout"}
    assert "'other'" in refused.json()["errors"][0]["detail"]


def test_the_line_of_a_name_that_differs_is_given(client: Client, plain: MakePlain) -> None:
    fields = plain()
    text = "\n".join(f"{key}: {json.dumps(fields[key])}" for key in reversed(fields))
    [error] = client.put("/v1/endpoints/other", content=text).json()["errors"]
    assert (error["pointer"], error["line"]) == ("/name", 7)


def test_endpoints_cannot_share_a_path(known: Client, plain: MakePlain) -> None:
    refused = known.put("/v1/endpoints/other", json=plain("other"))
    assert pointers(refused) == {"/match"}
    assert "'flight-delay'" in refused.json()["errors"][0]["detail"]


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity", "1e999", "1" + "0" * 400, "-1"])
def test_a_weight_must_be_a_number(client: Client, plain: MakePlain, value: str) -> None:
    text = json.dumps(plain()).replace("90.0", value)
    assert {pointer.removesuffix("/gbm@1") for pointer in pointers(client.put(ENDPOINT, content=text))} == {
        "/routing/split"
    }


def test_what_json_cannot_hold_is_refused_in_lineage_too(client: Client, plain: MakePlain) -> None:
    fields = plain()
    fields["models"]["gbm@1"]["lineage"] = {"parameters": {"rates": [0.1, float("nan")]}}
    assert pointers(client.put(ENDPOINT, content=json.dumps(fields))) == {"/models/gbm@1/lineage/parameters"}


def test_large_integers_in_lineage_survive_and_do_not_make_new_revisions(client: Client, plain: MakePlain) -> None:
    fields = plain()
    fields["models"]["gbm@1"]["lineage"] = {"parameters": {"seed": 2**70, "rate": 1e-300}}
    revisions = [client.put(ENDPOINT, json=fields).json()["revision"] for _ in range(2)]
    assert revisions == [1, 1]
    assert client.get(ENDPOINT).json()["document"]["models"]["gbm@1"]["lineage"] == {
        "parameters": {"seed": 2**70, "rate": 1e-300}
    }


# Who wrote, and why.


def test_the_author_and_the_reason_are_kept(known: Client, plain: MakePlain) -> None:
    said = {"hyperplan-author": "Jürgen", "hyperplan-reason": "pour l'été ☀"}
    headers = {name.encode(): text.encode() for name, text in said.items()}
    put = known.put(ENDPOINT, json=plain(timeout=3), headers=headers)
    assert (put.json()["author"], put.json()["reason"]) == ("Jürgen", "pour l'été ☀")
    assert known.get(ENDPOINT).json() == put.json()
    assert known.get(f"{ENDPOINT}/revisions/1").json()["author"] == "unknown"


# Preconditions.


@pytest.mark.parametrize("etag", ['"1"', 'W/"1"', "1", ' "1" '])
def test_an_edit_from_the_present_revision_is_made(known: Client, plain: MakePlain, etag: str) -> None:
    assert known.put(ENDPOINT, json=plain(timeout=3), headers={"if-match": etag}).headers["etag"] == '"2"'


def test_an_edit_from_an_older_revision_is_refused_with_the_present_one(known: Client, plain: MakePlain) -> None:
    known.put(ENDPOINT, json=plain(timeout=3))
    for refused in (
        known.put(ENDPOINT, json=plain(timeout=4), headers=at(1)),
        known.put(f"{ENDPOINT}/routing", json=plain()["routing"], headers=at(1)),
        known.patch(f"{ENDPOINT}/routing", json={"sticky": False}, headers=at(1)),
        known.put(f"{ENDPOINT}/schema", json=plain()["schema"], headers=at(1)),
        known.put(f"{ENDPOINT}/models/gbm@1", json=plain()["models"]["gbm@1"], headers=at(1)),
        known.delete(f"{ENDPOINT}/models/spare@1", headers=at(1)),
        known.post(f"{ENDPOINT}/rollback", json={"to": 1}, headers=at(1)),
        known.delete(ENDPOINT, headers=at(1)),
    ):
        assert (refused.status_code, refused.headers["etag"]) == (412, '"2"'), refused.url
    assert known.get(ENDPOINT).headers["etag"] == '"2"'


@pytest.mark.parametrize("etag", ["", '"', '""', '"0"', '"-1"', '"x"', '"1", "2"', "*1", '"1', '"' + "9" * 5000 + '"'])
def test_a_precondition_that_is_no_revision_is_refused(known: Client, plain: MakePlain, etag: str) -> None:
    refused = known.put(ENDPOINT, json=plain(timeout=3), headers={"if-match": etag})
    assert refused.status_code == 400
    assert "If-Match" in refused.json()["detail"]
    assert len(refused.json()["detail"]) < 200


def test_an_endpoint_can_be_created_without_replacing_one(client: Client, plain: MakePlain) -> None:
    create = {"if-none-match": "*"}
    assert client.put(ENDPOINT, json=plain(), headers=create).status_code == 200
    refused = client.put(ENDPOINT, json=plain(), headers=create)
    assert (refused.status_code, refused.headers["etag"]) == (412, '"1"')
    client.delete(ENDPOINT)
    assert client.put(ENDPOINT, json=plain(), headers=create).json()["revision"] == 3


def test_if_none_match_takes_a_star_only(client: Client, plain: MakePlain) -> None:
    assert client.put(ENDPOINT, json=plain(), headers={"if-none-match": '"1"'}).status_code == 400


def test_an_edit_of_an_endpoint_that_is_not_there_is_refused(client: Client, plain: MakePlain) -> None:
    refused = client.put(ENDPOINT, json=plain(), headers=at(1))
    assert refused.status_code == 412
    assert "etag" not in refused.headers


@pytest.mark.parametrize("headers", [{}, {"if-match": "*"}])
def test_edits_of_what_decides_about_traffic_must_say_what_they_were_made_from(
    known: Client, plain: MakePlain, headers: dict[str, str]
) -> None:
    for refused in (
        known.put(f"{ENDPOINT}/routing", json=plain()["routing"], headers=headers),
        known.patch(f"{ENDPOINT}/routing", json={}, headers=headers),
        known.put(f"{ENDPOINT}/schema", json=plain()["schema"], headers=headers),
        known.post(f"{ENDPOINT}/rollback", json={"to": 1}, headers=headers),
    ):
        assert refused.status_code == 428, refused.url
        assert "If-Match" in refused.json()["detail"]


# Parts.


def test_parts_are_read_with_the_revision_of_the_whole(known: Client, plain: MakePlain) -> None:
    known.put(ENDPOINT, json=plain(timeout=3))
    parts = {
        "routing": plain()["routing"],
        "schema": plain()["schema"],
        "models": plain()["models"],
        "models/gbm@1": plain()["models"]["gbm@1"],
    }
    for part, expected in parts.items():
        got = known.get(f"{ENDPOINT}/{part}")
        assert (got.json(), got.headers["etag"]) == (expected, '"2"'), part


def test_routing_is_replaced(known: Client) -> None:
    put = known.put(f"{ENDPOINT}/routing", json={"split": {"spare@1": 1}}, headers=at(1))
    assert (put.json(), put.headers["etag"]) == ({"split": {"spare@1": 1.0}}, '"2"')
    assert known.get(ENDPOINT).json()["change"] == "routing"
    assert known.get(ENDPOINT).json()["document"]["routing"] == {"split": {"spare@1": 1.0}}


def test_a_patch_changes_what_it_names_and_null_removes(known: Client) -> None:
    body = {"split": {"gbm@1": None, "spare@1": 5}, "fallback": None, "default": "spare@1"}
    patched = known.patch(f"{ENDPOINT}/routing", json=body, headers=at(1))
    assert patched.json() == {"split": {"logit@1": 10.0, "spare@1": 5.0}, "default": "spare@1"}


def test_an_empty_patch_changes_nothing(known: Client) -> None:
    assert known.patch(f"{ENDPOINT}/routing", json={}, headers=at(1)).headers["etag"] == '"1"'


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({"split": {"gbm@1": None, "logit@1": None}}, {"/split"}),
        ({"split": None}, {"/split"}),
        ({"split": {"gbm@1": "x", "gbm@2": 1}, "sticki": True}, {"/split/gbm@1", "/split/gbm@2", "/sticki"}),
        ({"fallback": [None]}, {"/fallback/0"}),
        ([], {""}),
        (None, {""}),
    ],
)
def test_a_patch_that_leads_to_bad_routing_is_refused(known: Client, body: Any, where: set[str]) -> None:
    assert pointers(known.patch(f"{ENDPOINT}/routing", content=json.dumps(body), headers=at(1))) == where


def test_a_patch_in_yaml_is_refused_with_lines(known: Client) -> None:
    text = "sticky: false\nsplit:\n  gbm@1: 1\n  gbm@1: 2\n  gbm@7: 1\n"
    errors = known.patch(f"{ENDPOINT}/routing", content=text, headers=at(1)).json()["errors"]
    assert {(error["pointer"], error["line"]) for error in errors} == {("/split/gbm@1", 4), ("/split/gbm@7", 5)}


def test_all_that_is_wrong_with_routing_is_told_at_once(known: Client) -> None:
    body = {"split": {"gbm@1": 1, "gbm@9": 1}, "fallback": ["gbm@8", 5], "stick": True, "default": "gbm@7"}
    refused = known.put(f"{ENDPOINT}/routing", json=body, headers=at(1))
    assert pointers(refused) == {"/split/gbm@9", "/fallback/0", "/fallback/1", "/stick", "/default"}


def test_a_schema_is_replaced(known: Client) -> None:
    schema = {"features": {"hour": {"type": "int", "min": 0, "max": 23}}}
    put = known.put(f"{ENDPOINT}/schema", json=schema, headers=at(1))
    assert put.headers["etag"] == '"2"'
    assert known.get(f"{ENDPOINT}/schema").json()["features"]["hour"]["max"] == 23
    assert known.get(ENDPOINT).json()["change"] == "schema"


def test_a_schema_cannot_lose_a_feature_that_the_endpoint_needs(known: Client, plain: MakePlain) -> None:
    known.put(ENDPOINT, json=plain(entity={"feature": "carrier"}, slices=["carrier"]))
    schema = {"features": {"distance": {"type": "float", "min": 3, "max": 1}, "x": {"type": "flaot"}}}
    refused = known.put(f"{ENDPOINT}/schema", json=schema, headers=at(2))
    assert pointers(refused) == {"/features/distance/min", "/features/x/type", "/entity/feature", "/slices/0"}


def test_a_model_is_added_and_replaced(known: Client) -> None:
    model = {"url": "http://127.0.0.1:9004/predict", "protocol": "json"}
    assert known.put(f"{ENDPOINT}/models/gbm@2", json=model).json() == model
    assert known.get(f"{ENDPOINT}/models/gbm@2").json() == model
    assert known.put(f"{ENDPOINT}/models/gbm@2", json=model | {"health": "/up"}).headers["etag"] == '"3"'
    assert list(known.get(f"{ENDPOINT}/models").json())[-1] == "gbm@2"


@pytest.mark.parametrize(
    ("name", "model", "where"),
    [
        ("gbm", {"url": "http://a/", "protocol": "json"}, {""}),
        ("gb~m@1", {"url": "http://a/", "protocol": "json"}, {""}),
        ("gbm@2", {"url": "nowhere", "protocol": "jsn", "helth": "/"}, {"/url", "/protocol", "/helth"}),
        ("gbm@2", {}, {""}),
        ("gbm@2", 5, {""}),
        ("gbm@1", {"url": "http://a/", "protocol": "kserve"}, {"/routing/default"}),
    ],
)
def test_a_bad_model_is_refused_with_pointers_into_what_was_sent(
    known: Client, name: str, model: Any, where: set[str]
) -> None:
    assert pointers(known.put(f"{ENDPOINT}/models/{name}", json=model)) == where


def test_a_model_that_routing_does_not_name_is_removed(known: Client) -> None:
    assert known.delete(f"{ENDPOINT}/models/spare@1", headers=at(1)).status_code == 204
    assert known.get(f"{ENDPOINT}/models/spare@1").status_code == 404
    assert known.get(ENDPOINT).json()["change"] == "model"


def test_a_model_that_routing_names_is_kept_and_the_answer_says_where_it_is_named(known: Client) -> None:
    refused = known.delete(f"{ENDPOINT}/models/logit@1")
    assert pointers(refused) == {"/routing/split/logit@1", "/routing/fallback/0"}
    assert known.get(f"{ENDPOINT}/models/logit@1").status_code == 200


def test_an_unknown_model_is_answered_with_those_that_are_known(known: Client) -> None:
    for refused in (known.get(f"{ENDPOINT}/models/gbm@9"), known.delete(f"{ENDPOINT}/models/gbm@9")):
        assert refused.status_code == 404
        assert "gbm@1, logit@1, spare@1" in refused.json()["detail"]


# History.


def test_history_is_told_in_pages_newest_first(known: Client, plain: MakePlain) -> None:
    for seconds in range(1, 5):
        known.put(ENDPOINT, json=plain(timeout=seconds))
    seen, before = [], None
    while True:
        page = known.get(f"{ENDPOINT}/revisions", params={"limit": 2} | ({"before": before} if before else {})).json()
        seen.append([revision["revision"] for revision in page["revisions"]])
        before = page["next"]
        if before is None:
            break
    assert seen == [[5, 4], [3, 2], [1]]


def test_an_old_revision_can_be_read(known: Client, plain: MakePlain) -> None:
    known.put(ENDPOINT, json=plain(timeout=3))
    old = known.get(f"{ENDPOINT}/revisions/1")
    assert old.json()["document"] == plain()
    assert old.headers["etag"] == '"1"'


@pytest.mark.parametrize("number", ["0", "-1", "9", "9" * 30, "x", "1.5"])
def test_a_revision_that_never_was_is_not_found(known: Client, number: str) -> None:
    assert known.get(f"{ENDPOINT}/revisions/{number}").status_code == 404


def test_a_rollback_is_a_revision_of_its_own(known: Client, plain: MakePlain) -> None:
    known.put(ENDPOINT, json=plain(timeout=3))
    back = known.post(f"{ENDPOINT}/rollback", json={"to": 1}, headers=at(2) | {"hyperplan-reason": "slow"})
    assert back.status_code == 200
    assert (back.json()["revision"], back.json()["change"], back.json()["reason"]) == (3, "rollback", "slow")
    assert known.get(ENDPOINT).json()["document"] == plain()


def test_a_rollback_to_what_is_there_already_writes_nothing(known: Client) -> None:
    assert known.post(f"{ENDPOINT}/rollback", json={"to": 1}, headers=at(1)).json()["revision"] == 1


@pytest.mark.parametrize("body", [{"to": 0}, {"to": -1}, {"to": 9}, {"to": 10**30}, {"to": "1"}, {"to": True}])
def test_a_rollback_to_a_revision_that_never_was_is_refused(known: Client, body: Any) -> None:
    assert pointers(known.post(f"{ENDPOINT}/rollback", json=body, headers=at(1))) == {"/to"}


def test_a_rollback_without_a_revision_or_with_more_is_refused(known: Client) -> None:
    assert pointers(known.post(f"{ENDPOINT}/rollback", json={"too": 1}, headers=at(1))) == {"/to", "/too"}


def test_a_rollback_to_a_deletion_is_refused(known: Client, plain: MakePlain) -> None:
    known.delete(ENDPOINT)
    known.put(ENDPOINT, json=plain(timeout=3))
    refused = known.post(f"{ENDPOINT}/rollback", json={"to": 2}, headers=at(3))
    assert pointers(refused) == {"/to"}
    assert "deleted" in refused.json()["errors"][0]["detail"]
    assert known.post(f"{ENDPOINT}/rollback", json={"to": 1}, headers=at(3)).status_code == 200


def test_what_was_deleted_comes_back_where_it_is_still_not_there(known: Client) -> None:
    known.delete(ENDPOINT, headers=at(1))
    back = known.post(f"{ENDPOINT}/rollback", json={"to": 1}, headers={"if-none-match": "*"})
    assert (back.status_code, back.json()["revision"], back.json()["change"]) == (200, 3, "rollback")
    assert known.get(ENDPOINT).json()["document"] == back.json()["document"]
    again = known.post(f"{ENDPOINT}/rollback", json={"to": 1}, headers={"if-none-match": "*"})
    assert again.status_code == 412


def test_a_model_is_drained_as_one_revision_with_a_reason(known: Client) -> None:
    drained = known.post(f"{ENDPOINT}/models/logit@1/drain", headers=at(1))
    assert (drained.status_code, drained.headers["etag"]) == (200, '"2"')
    assert drained.json() == {"split": {"gbm@1": 90.0}}
    assert known.get(f"{ENDPOINT}/revisions/2").json()["reason"] == "drain logit@1"
    assert "logit@1" in known.get(ENDPOINT).json()["document"]["models"]
    assert known.delete(f"{ENDPOINT}/models/logit@1", headers=at(2)).status_code == 204


def test_the_reason_of_a_drain_is_that_of_who_asks(known: Client) -> None:
    known.post(f"{ENDPOINT}/models/logit@1/drain", headers=at(1) | {"hyperplan-reason": "it leaks"})
    assert known.get(f"{ENDPOINT}/revisions/2").json()["reason"] == "it leaks"


def test_the_last_that_answers_cannot_be_drained(known: Client) -> None:
    known.post(f"{ENDPOINT}/models/logit@1/drain", headers=at(1))
    refused = known.post(f"{ENDPOINT}/models/gbm@1/drain", headers=at(2))
    assert pointers(refused) == {"/routing/split/gbm@1"}
    assert "hyperplan route flight-delay --split logit@1=1" in refused.text


def test_only_a_model_of_the_endpoint_can_be_drained(known: Client) -> None:
    assert known.post(f"{ENDPOINT}/models/nobody@1/drain", headers=at(1)).status_code == 404
    assert known.post(f"{ENDPOINT}/models/gbm@1/drain").status_code == 428


def test_a_diff_says_what_the_last_change_did(known: Client, plain: MakePlain) -> None:
    known.put(ENDPOINT, json=plain(routing={"split": {"gbm@1": 50.0, "logit@1": 10.0}, "sticky": False}))
    assert known.get(f"{ENDPOINT}/diff").json() == {
        "endpoint": "flight-delay",
        "from": 1,
        "to": 2,
        "changes": [
            {"pointer": "/routing/fallback", "before": ["logit@1"]},
            {"pointer": "/routing/split/gbm@1", "before": 90.0, "after": 50.0},
        ],
    }


def test_a_diff_the_other_way_round_says_what_a_rollback_would_change(known: Client, plain: MakePlain) -> None:
    known.put(ENDPOINT, json=plain(timeout=3))
    changes = known.get(f"{ENDPOINT}/diff", params={"from": 2, "to": 1}).json()["changes"]
    assert changes == [{"pointer": "/timeout", "before": 3.0}]


def test_a_diff_with_what_was_not_there_names_each_part(known: Client) -> None:
    parts = {"/name", "/match", "/protocol", "/task", "/schema", "/models", "/routing"}
    made = known.get(f"{ENDPOINT}/diff").json()
    assert ((made["from"], made["to"]), {change["pointer"] for change in made["changes"]}) == ((0, 1), parts)
    assert all("before" not in change for change in made["changes"])
    known.delete(ENDPOINT, headers=at(1))
    gone = known.get(f"{ENDPOINT}/diff").json()
    assert ((gone["from"], gone["to"]), {change["pointer"] for change in gone["changes"]}) == ((1, 2), parts)
    assert all("after" not in change for change in gone["changes"])


@pytest.mark.parametrize(
    ("asked", "status"), [({"to": 7}, 404), ({"from": 7}, 404), ({"to": -1}, 422), ({"to": 0}, 200)]
)
def test_a_diff_of_a_revision_that_never_was_says_so(known: Client, asked: dict[str, int], status: int) -> None:
    assert known.get(f"{ENDPOINT}/diff", params=asked).status_code == status


def test_a_rollback_that_would_take_anothers_path_is_refused(known: Client, plain: MakePlain) -> None:
    known.put(ENDPOINT, json=plain(path="/moved"))
    known.put("/v1/endpoints/other", json=plain("other"))
    refused = known.post(f"{ENDPOINT}/rollback", json={"to": 1}, headers=at(2))
    assert pointers(refused) == {"/to"}
    assert "'other'" in refused.json()["errors"][0]["detail"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", ""),
        ("DELETE", ""),
        ("GET", "/models"),
        ("GET", "/models/gbm@1"),
        ("PUT", "/models/gbm@1"),
        ("DELETE", "/models/gbm@1"),
        ("GET", "/routing"),
        ("PUT", "/routing"),
        ("PATCH", "/routing"),
        ("GET", "/schema"),
        ("PUT", "/schema"),
        ("GET", "/revisions"),
        ("GET", "/revisions/1"),
        ("GET", "/diff"),
        ("POST", "/rollback"),
    ],
)
def test_an_unknown_endpoint_is_not_found_and_the_known_are_named(known: Client, method: str, path: str) -> None:
    content = '{"to": 1}' if method == "POST" else "{}"
    refused = known.request(method, f"/v1/endpoints/fligth-delay{path}", content=content, headers=at(1))
    assert refused.status_code == 404
    assert refused.json()["detail"] == "there is no endpoint 'fligth-delay'; known: flight-delay"

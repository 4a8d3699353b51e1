"""Every error is a problem document that says all that is wrong, and nothing that anybody sends is a bug of control's."""

import json
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from litestar import Litestar
from litestar.testing import TestClient

from control.alerts.alerting import Alerting
from control.api.bodies import LARGEST, merged
from control.app import create_app
from control.plans import PlanFeed
from control.registry import Registry
from control.registry.database import FILE, open_database, sqlite_url
from control.stores import open_store

Client = TestClient[Litestar]
MakePlain = Callable[..., dict[str, Any]]

ENDPOINT = "/v1/endpoints/flight-delay"
GIVEN_PATH = "/v1/endpoints/given"


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """One registry for all tests here: what is refused changes nothing."""
    registry = Registry(open_database(sqlite_url(tmp_path_factory.mktemp("registry") / FILE)))
    yield registry
    registry.close()


@pytest.fixture(scope="module")
def client(registry: Registry, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """One application for all tests here, which knows the endpoint `given`."""
    store = open_store(tmp_path_factory.mktemp("store"), 60)
    with TestClient(create_app(registry, store, PlanFeed(registry), Alerting(registry, store))) as client:
        assert client.put("/v1/endpoints/given", json=GIVEN).status_code == 200
        yield client
    store.close()


GIVEN = {
    "name": "given",
    "match": {"path": "/given"},
    "protocol": "json",
    "task": "binary",
    "schema": {"features": {"x": {"type": "float"}}},
    "models": {"gbm@1": {"url": "http://127.0.0.1:1/", "protocol": "json"}},
    "routing": {"split": {"gbm@1": 1}},
}


def problem(response: Any, status: int) -> dict[str, Any]:
    """The problem document of an error, after a look at its form."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    document: dict[str, Any] = response.json()
    assert set(document) <= {"type", "title", "status", "detail", "errors"}
    assert (document["type"], document["status"]) == ("about:blank", status)
    assert document["title"]
    assert document["detail"]
    for error in document.get("errors", []):
        assert set(error) <= {"pointer", "detail", "line"}
        assert error["detail"]
    return document


def test_everything_that_is_wrong_with_a_yaml_document_is_told_with_its_line(client: Client) -> None:
    text = """name: flight-delay
match: { path: /predict }
protocol: json
task: binary
schema:
  features:
    distance:
      type: float
      min: 10
      max: 1
    carrier:
      type: category
      aliases: [distance]
models:
  gbm@1: { url: "http://127.0.0.1:9001/predict", protocol: json }
  gbm@1: { url: "http://127.0.0.1:9002/predict", protocol: json }
routing:
  split:
    gbm@1: 1
    gbm@2: 1
samplign: { rate: 1 }
timeout: fast
"""
    document = problem(client.put(ENDPOINT, content=text), 422)
    assert {(error["pointer"], error["line"]) for error in document["errors"]} == {
        ("/schema/features/distance/min", 9),
        ("/schema/features/carrier/aliases", 13),
        ("/models/gbm@1", 16),
        ("/routing/split/gbm@2", 20),
        ("/samplign", 21),
        ("/timeout", 22),
    }
    assert len(document["errors"]) == 6
    assert document["detail"] == "the document is not valid: 6 problems"


def test_everything_that_is_wrong_with_a_json_document_is_told(client: Client, plain: MakePlain) -> None:
    fields = plain(samplign={}, timeout="fast")
    fields["schema"]["features"]["distance"] |= {"min": 10, "max": 1}
    fields["schema"]["features"]["carrier"]["aliases"] = ["distance"]
    fields["routing"]["split"]["gbm@2"] = 1
    text = json.dumps(fields).replace('"gbm@1": 90.0', '"gbm@1": 90.0, "gbm@1": 80.0')
    document = problem(client.put(ENDPOINT, content=text), 422)
    assert [error["pointer"] for error in document["errors"]].count("/routing/split/gbm@1") == 1
    assert {error["pointer"] for error in document["errors"]} == {
        "/schema/features/distance/min",
        "/schema/features/carrier/aliases",
        "/routing/split/gbm@1",
        "/routing/split/gbm@2",
        "/samplign",
        "/timeout",
    }


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"\x00", b"{", b"[]", b"5", b"null", b"a: b: c", b'"\\ud800"'])
def test_what_is_no_document_is_refused(client: Client, content: bytes) -> None:
    assert problem(client.put(ENDPOINT, content=content), 422)["errors"][0]["pointer"] == ""


def test_a_body_that_is_not_utf8_is_refused_at_the_byte(client: Client) -> None:
    assert "byte 6" in problem(client.put(ENDPOINT, content=b"name: \xff"), 422)["errors"][0]["detail"]


def test_a_body_that_is_too_large_is_refused(client: Client) -> None:
    problem(client.put(ENDPOINT, content=b" " * (LARGEST + 1)), 413)


def test_a_body_that_is_too_large_is_refused_although_its_length_is_not_told(client: Client) -> None:
    problem(client.put(ENDPOINT, content=iter([b" " * LARGEST, b" "])), 413)


@pytest.mark.parametrize(
    "path", ["/v1/nothing", "/v1/endpoints/a/b/c", "/v2/endpoints", "/nothing.html", "/..%2fapp.py"]
)
def test_an_unknown_path_is_not_found(client: Client, path: str) -> None:
    assert "/schema" in problem(client.get(path), 404)["detail"]


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", ENDPOINT), ("DELETE", "/v1/plan"), ("PUT", "/healthz"), ("PATCH", f"{ENDPOINT}/schema")],
)
def test_a_wrong_method_is_not_allowed_and_the_right_ones_are_named(client: Client, method: str, path: str) -> None:
    refused = client.request(method, path)
    document = problem(refused, 405)
    assert "GET" in refused.headers["allow"]
    assert "GET" in document["detail"]


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("/v1/plan?wait=long", {"wait"}),
        ("/v1/plan?wait=-1", {"wait"}),
        ("/v1/plan?wait=61", {"wait"}),
        ("/v1/plan?wait=nan", {"wait"}),
        ("/v1/plan?after=last&applied=first&refused=1.5", {"after", "applied", "refused"}),
        (f"/v1/plan?instance=a&applied={10**30}", {"applied"}),
        (f"/v1/plan?instance={'a' * 201}", {"instance"}),
        (f"{GIVEN_PATH}/revisions?limit=0", {"limit"}),
        (f"{GIVEN_PATH}/revisions?limit=1001&before=0", {"limit", "before"}),
        (f"{GIVEN_PATH}/revisions?limit=", {"limit"}),
    ],
)
def test_a_parameter_that_cannot_be_read_is_named(client: Client, query: str, names: set[str]) -> None:
    document = problem(client.get(query), 422)
    assert {error["pointer"] for error in document["errors"]} == {f"?{name}" for name in names}
    assert all(name in document["detail"] for name in names)


def test_the_other_errors_have_the_same_form(client: Client) -> None:
    problem(client.get("/v1/endpoints/other"), 404)
    problem(client.put(GIVEN_PATH, json=GIVEN, headers={"if-match": '"99999"'}), 412)
    problem(client.put(GIVEN_PATH, json=GIVEN, headers={"if-match": "x"}), 400)
    problem(client.put(f"{GIVEN_PATH}/routing", json={}), 428)
    problem(client.get(f"{GIVEN_PATH}/samples?limit=x"), 422)
    problem(client.get(f"{GIVEN_PATH}/skew?since=yesterday"), 422)


def test_a_bug_is_told_without_a_traceback_and_logged(
    client: Client, registry: Registry, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(registry, "entries", lambda: 1 / 0)
    document = problem(client.get("/v1/endpoints"), 500)
    assert "ZeroDivisionError" not in json.dumps(document)
    assert "ZeroDivisionError" in caplog.text


# Whatever anybody sends.

SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
KEYS = st.sampled_from(
    ["name", "match", "path", "schema", "features", "type", "models", "routing", "split", "fallback"]
)
NESTED = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS | st.text(max_size=3), inner, max_size=4),
)
LIKE_A_DOCUMENT = st.fixed_dictionaries(
    {},
    optional=dict.fromkeys(
        ("match", "protocol", "task", "entity", "schema", "models", "routing", "slices", "timeout"), NESTED
    ),
).map(lambda fields: json.dumps(fields | {"name": "random"}).encode())
BODIES = st.binary(max_size=200) | NESTED.map(json.dumps).map(str.encode) | LIKE_A_DOCUMENT


@settings(max_examples=150)
@given(
    where=st.sampled_from(
        [
            ("PUT", "/v1/endpoints/random"),
            ("PUT", "/v1/endpoints/given/routing"),
            ("PATCH", "/v1/endpoints/given/routing"),
            ("PUT", "/v1/endpoints/given/schema"),
            ("PUT", "/v1/endpoints/given/models/gbm@1"),
            ("POST", "/v1/endpoints/given/rollback"),
        ]
    ),
    body=BODIES,
)
def test_no_body_is_a_bug(client: Client, where: tuple[str, str], body: bytes) -> None:
    method, path = where
    etag = client.get("/v1/endpoints/given").headers["etag"] if "given" in path else "*"
    answer = client.request(method, path, content=body, headers={"if-match": etag})
    if answer.status_code != 200:
        assert problem(answer, 422)["errors"]


@settings(max_examples=100)
@given(st.text(max_size=20), st.sampled_from(["", "/models", "/routing", "/revisions", "/models/x@1"]))
def test_no_name_is_a_bug(client: Client, name: str, part: str) -> None:
    assert client.get(f"/v1/endpoints/{quote(name, safe='')}{part}").status_code < 500


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
)


@pytest.mark.parametrize(
    ("target", "patch", "result"),
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        (["a", "b"], ["c", "d"], ["c", "d"]),
        ({"a": "b"}, ["c"], ["c"]),
        ({"a": "foo"}, None, None),
        ({"a": "foo"}, "bar", "bar"),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_merge_patches_are_those_of_rfc_7396_appendix_a(target: Any, patch: Any, result: Any) -> None:
    assert merged(target, patch) == result


@given(JSON, JSON)
def test_merging_twice_is_merging_once(target: Any, patch: Any) -> None:
    once = merged(target, patch)
    assert merged(once, patch) == once

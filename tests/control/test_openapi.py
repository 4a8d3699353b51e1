"""The OpenAPI document is whole and hangs together, and the page that shows it needs nobody else."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from litestar import Litestar
from litestar.testing import TestClient

Client = TestClient[Litestar]
SAID_BY_THEIR_PATHS = (
    "drain_model",
    "learn_thresholds",
    "resume_exploration",
    "pause_rollout",
    "resume_rollout",
    "abort_rollout",
)


@pytest.fixture
def document(client: Client) -> dict[str, Any]:
    answer = client.get("/schema/openapi.json")
    assert answer.status_code == 200
    found: dict[str, Any] = answer.json()
    return found


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            yield path, method, operation


def within(value: Any) -> Iterator[Any]:
    """Every value in plain data."""
    yield value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from within(inner)


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    references = {value["$ref"] for value in within(document) if isinstance(value, dict) and "$ref" in value}
    assert len(references) > 20
    assert references <= {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}


def test_operations_have_names_of_their_own_and_say_what_they_do(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1")
    names = [operation["operationId"] for _, _, operation in operations(document)]
    assert {"put_endpoint", "patch_routing", "roll_back", "get_plan", "get_reference", "put_reference"} <= set(names)
    assert len(names) == len(set(names))
    for path, method, operation in operations(document):
        assert operation["description"].endswith("."), (path, method)
        assert "thread" not in operation["description"], (path, method)


def test_every_parameter_of_a_path_is_described(document: dict[str, Any]) -> None:
    for path, method, operation in operations(document):
        described = {p["name"] for p in operation.get("parameters", []) if p["in"] == "path" and p["required"]}
        assert described == set(re.findall(r"{(\w+)}", path)), (path, method)


def test_every_body_has_a_schema(document: dict[str, Any]) -> None:
    bodies = {
        operation["operationId"]: operation["requestBody"]["content"]
        for _, method, operation in operations(document)
        if method in ("put", "post", "patch") and operation["operationId"] not in SAID_BY_THEIR_PATHS
    }
    kinds = {"put_endpoint": "Endpoint", "put_model": "Model", "put_routing": "Routing", "put_schema": "Schema"}
    for name, kind in (kinds | {"roll_back": "Rollback", "try_request": "TriedRequest"}).items():
        reference = {"schema": {"$ref": f"#/components/schemas/{kind}"}}
        assert bodies[name] == {"application/json": reference, "application/yaml": reference}
    assert "application/merge-patch+json" in bodies["patch_routing"]
    assert "required" not in bodies["patch_routing"]["application/merge-patch+json"]["schema"]


def test_the_schema_of_a_body_is_that_of_the_document(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    assert set(schemas["Endpoint"]["required"]) == {"name", "match", "protocol", "task", "schema", "models", "routing"}
    assert schemas["Endpoint"]["additionalProperties"] is False
    features = schemas["Schema"]["properties"]["features"]["additionalProperties"]
    assert len(features["anyOf"]) == 6
    assert features["discriminator"]["propertyName"] == "type"


def test_every_error_is_a_problem_document(document: dict[str, Any]) -> None:
    for path, method, operation in operations(document):
        answers = operation["responses"]
        assert not [status for status in answers if status.startswith(("4", "5"))], (path, method)
        assert list(answers["default"]["content"]) == ["application/problem+json"], (path, method)
    assert set(document["components"]["schemas"]["ProblemDetails"]["required"]) >= {"title", "status", "detail"}


def test_edits_say_which_headers_they_take(document: dict[str, Any]) -> None:
    headers = {
        operation["operationId"]: {
            parameter["name"]: parameter["required"]
            for parameter in operation.get("parameters", [])
            if parameter["in"] == "header"
        }
        for _, _, operation in operations(document)
    }
    author = {"Hyperplan-Author": False, "Hyperplan-Reason": False}
    assert headers["put_endpoint"] == author | {"If-Match": False, "If-None-Match": False}
    assert headers["patch_routing"] == headers["roll_back"] == headers["drain_model"] == author | {"If-Match": True}
    assert headers["delete_model"] == author | {"If-Match": False}
    assert headers["get_endpoint"] == {}


def test_the_page_lists_every_path_and_loads_nothing_from_elsewhere(client: Client, document: dict[str, Any]) -> None:
    page = client.get("/schema")
    assert page.headers["content-type"].startswith("text/html")
    for path in document["paths"]:
        assert f"<code>{path}</code>" in page.text
    assert re.findall(r"https?://|//cdn|<script|<link|@import|url\(", page.text) == []
    assert re.findall(r'href="([^"]+)"', page.text) == ["/schema/openapi.json"]

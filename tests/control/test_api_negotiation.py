"""What control takes as a document, what it refuses to, and what it counts."""

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from litestar import Litestar
from litestar.testing import TestClient

Client = TestClient[Litestar]
MakePlain = Callable[..., dict[str, Any]]
PATH = "/v1/endpoints/flight-delay"


@pytest.mark.parametrize("kind", ["image/png", "multipart/form-data; boundary=x", "application/xml"])
def test_what_is_said_to_be_neither_json_nor_yaml_is_a_415(client: Client, kind: str) -> None:
    answer = client.put(PATH, content=b"name: x", headers={"content-type": kind})
    assert (answer.status_code, answer.headers["content-type"]) == (415, "application/problem+json")


def test_a_compressed_document_is_a_415(client: Client) -> None:
    headers = {"content-encoding": "gzip", "content-type": "application/json"}
    assert client.put(PATH, content=b"\x1f\x8b", headers=headers).status_code == 415


@pytest.mark.parametrize("kind", ["text/yaml", "application/x-www-form-urlencoded", "application/merge-patch+json"])
def test_what_common_clients_say_of_a_document_is_fine(client: Client, plain: MakePlain, kind: str) -> None:
    assert client.put(PATH, json=plain(), headers={"content-type": kind}).status_code == 200


def test_an_edit_of_whatever_is_there_does_not_create(client: Client, plain: MakePlain) -> None:
    assert client.put(PATH, json=plain(), headers={"if-match": "*"}).status_code == 412


def test_a_number_that_cannot_be_written_is_refused(client: Client, plain: MakePlain) -> None:
    models = plain()["models"] | {
        "old@1": {"url": "http://127.0.0.1:1/", "protocol": "json", "lineage": {"extra": {"n": "N"}}}
    }
    document = json.dumps(plain(models=models)).replace('"N"', "0x" + "f" * 5000)
    assert client.put(PATH, content=document, headers={"content-type": "application/yaml"}).status_code == 422


def test_an_author_in_latin_1_is_read_as_such(client: Client, plain: MakePlain) -> None:
    headers = httpx.Headers({"hyperplan-author": "Müller"}, encoding="latin-1")
    assert client.put(PATH, json=plain(), headers=headers).json()["author"] == "Müller"


def test_answers_are_counted_by_route_and_status(client: Client) -> None:
    client.get("/v1/endpoints/nobody")
    counted = 'hyperplan_control_http_requests_total{method="GET",route="/v1/endpoints/{name}",status="404"} 1'
    assert counted in client.get("/metrics").text

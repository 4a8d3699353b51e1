"""The server of rules, asked over its socket by a client of HTTP."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
import pytest_asyncio

from extproc.rules import RuleServer
from hyperplan.endpoint import Endpoint
from hyperplan.plan import CompiledPlan, Plan, PlannedEndpoint, rule_path

PATIENCE = 10.0

LATE = "features.dep_delay != null && features.dep_delay > 15.0 ? 0.9 : 0.1"


def endpoint(rule: str | None = LATE, **changes: Any) -> PlannedEndpoint:
    """An endpoint with a rule, if it is to have one, and another model."""
    models: dict[str, Any] = {"gbm@1": {"url": "http://127.0.0.1:9", "protocol": "tfserving"}}
    if rule is not None:
        models["prior@1"] = {"rule": rule}
    document = {
        "name": "delay",
        "match": {"path": "/v1/models/delay:predict"},
        "protocol": "tfserving",
        "task": "binary",
        "schema": {"features": {"dep_delay": {"type": "float", "nullable": True}, "carrier": {"type": "string"}}},
        "models": models,
        "routing": {"split": {"gbm@1": 1}},
        **changes,
    }
    return PlannedEndpoint(1, msgspec.convert(document, Endpoint))


def compiled(*endpoints: PlannedEndpoint, before: CompiledPlan | None = None) -> CompiledPlan:
    return CompiledPlan(Plan(1, endpoints), before)


PATH = rule_path("delay", "prior@1")
ROWS = {"instances": [{"dep_delay": 20.5, "carrier": "AA"}, {"dep_delay": None, "carrier": "AA"}]}


@pytest_asyncio.fixture
async def server(tmp_path: Path) -> AsyncIterator[RuleServer]:
    server = RuleServer(tmp_path / "rules.sock")
    try:
        yield server
    finally:
        await server.stop(0.0)


@pytest_asyncio.fixture
async def client(server: RuleServer) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.AsyncHTTPTransport(uds=str(server.path))
    async with httpx.AsyncClient(transport=transport, base_url="http://rules", timeout=PATIENCE) as client:
        yield client


async def raw(server: RuleServer, *parts: bytes) -> bytes:
    """What is answered to bytes, until the server closes the connection."""
    reader, writer = await asyncio.open_unix_connection(str(server.path))
    try:
        for part in parts:
            writer.write(part)
            await writer.drain()
        return await asyncio.wait_for(reader.read(), PATIENCE)
    finally:
        writer.close()


async def test_a_rule_answers_in_the_protocol_of_the_clients(server: RuleServer, client: httpx.AsyncClient) -> None:
    await server.widen(compiled(endpoint()))
    response = await client.post(PATH, json=ROWS)
    assert (response.status_code, response.json()) == (200, {"predictions": [0.9, 0.1]})
    assert response.headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    ("protocol", "request_", "answer"),
    [
        ("kserve", ROWS, {"predictions": [0.9, 0.1]}),
        ("json", ROWS["instances"][0], {"prediction": 0.9}),
        ("mlflow", {"dataframe_records": ROWS["instances"]}, {"predictions": [0.9, 0.1]}),
        ("tfserving", {"inputs": {"dep_delay": [20.5, 1], "carrier": ["AA", "B6"]}}, {"outputs": [0.9, 0.1]}),
    ],
)
async def test_it_speaks_whatever_they_speak(
    server: RuleServer, client: httpx.AsyncClient, protocol: str, request_: Any, answer: Any
) -> None:
    await server.widen(compiled(endpoint(protocol=protocol)))
    assert (await client.post(PATH, json=request_)).json() == answer


async def test_a_connection_serves_one_request_after_the_other(server: RuleServer) -> None:
    await server.widen(compiled(endpoint()))
    body = json.dumps(ROWS).encode()
    head = f"POST {PATH} HTTP/1.1\r\nhost: rules\r\ncontent-length: {len(body)}\r\n".encode()
    answer = await raw(server, head + b"\r\n" + body, head + b"connection: close\r\n\r\n", body[:10], body[10:])
    assert answer.count(b"HTTP/1.1 200 OK\r\n") == 2
    assert answer.count(b'{"predictions":[0.9,0.1]}') == 2


async def test_a_body_may_come_in_chunks(server: RuleServer, client: httpx.AsyncClient) -> None:
    await server.widen(compiled(endpoint()))

    async def pieces() -> AsyncIterator[bytes]:
        body = json.dumps(ROWS).encode()
        yield body[:5]
        yield body[5:]

    assert (await client.post(PATH, content=pieces())).json() == {"predictions": [0.9, 0.1]}


async def test_a_row_for_which_there_is_no_prediction_is_a_failure_of_the_model(
    server: RuleServer, client: httpx.AsyncClient
) -> None:
    await server.widen(compiled(endpoint()))
    response = await client.post(PATH, json={"instances": [ROWS["instances"][0], {"dep_delay": "late"}]})
    assert response.status_code == 503
    assert response.json()["error"].startswith("row 1: ")


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[" * 100_000, b'{"rows": []}', b'{"instances": []}'])
async def test_a_body_that_is_no_request_is_refused_in_the_protocol_of_the_clients(
    server: RuleServer, client: httpx.AsyncClient, body: bytes
) -> None:
    await server.widen(compiled(endpoint()))
    response = await client.post(PATH, content=body)
    assert response.status_code == 400
    assert response.json()["error"]
    assert (await client.post(PATH, json=ROWS)).status_code == 200


@pytest.mark.parametrize(
    "path", ["/rules/delay/gbm@1", "/rules/other/prior@1", "/", "/rules/delay/prior@1/", "/%00\xff"]
)
async def test_where_no_rule_is_nothing_is_found(server: RuleServer, client: httpx.AsyncClient, path: str) -> None:
    await server.widen(compiled(endpoint()))
    response = await client.post(path, json=ROWS)
    assert (response.status_code, response.json()["error"][:21]) == (404, "there is no rule at /")


async def test_anything_but_a_post_is_not_allowed(server: RuleServer, client: httpx.AsyncClient) -> None:
    await server.widen(compiled(endpoint()))
    assert (await client.get(PATH)).status_code == 405


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
        (b"nonsense\r\n\r\n", 400),
        (f"POST {PATH} HTTP/1.1\r\ncontent-length: -1\r\n\r\n".encode(), 400),
        (f"POST {PATH} HTTP/1.1\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n".encode(), 400),
        (f"POST {PATH} HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\nx\r\n".encode(), 400),
        (f"POST {PATH} HTTP/1.1\r\ncontent-encoding: gzip\r\ncontent-length: 1\r\n\r\nx".encode(), 415),
        (f"POST {PATH} HTTP/1.1\r\ninference-header-content-length: x\r\n\r\n".encode(), 400),
        (f"POST {PATH} HTTP/1.1\r\ncontent-length: 99999999\r\n\r\n".encode(), 413),
    ],
)
async def test_what_is_no_request_is_refused_and_closes_the_connection(
    server: RuleServer, client: httpx.AsyncClient, sent: bytes, status: int
) -> None:
    await server.widen(compiled(endpoint()))
    assert (await raw(server, sent)).startswith(f"HTTP/1.1 {status} ".encode())
    assert (await client.post(PATH, json=ROWS)).status_code == 200


@pytest.mark.parametrize(
    "head", [b"x: ", b"transfer-encoding: chunked\r\n\r\n5000000\r\n", b"content-length: 60000000\r\n\r\n"]
)
async def test_what_does_not_end_is_cut_off(server: RuleServer, client: httpx.AsyncClient, head: bytes) -> None:
    await server.widen(compiled(endpoint()))
    with contextlib.suppress(ConnectionError):
        await raw(server, f"POST {PATH} HTTP/1.1\r\n".encode() + head, *[b"x" * (1 << 20)] * 70)
    assert (await client.post(PATH, json=ROWS)).status_code == 200


async def test_many_rows_do_not_keep_others_waiting(server: RuleServer, client: httpx.AsyncClient) -> None:
    await server.widen(compiled(endpoint()))
    many = asyncio.create_task(client.post(PATH, json={"instances": ROWS["instances"] * 10_000}))
    ended: list[bool] = []
    while not many.done():
        assert (await client.post(PATH, json=ROWS)).status_code == 200
        ended.append(many.done())
    assert ended.count(False) > 3
    assert (await many).json()["predictions"] == [0.9, 0.1] * 10_000


# Plans.


async def test_without_a_rule_there_is_no_socket(server: RuleServer) -> None:
    await server.widen(compiled(endpoint(None)))
    assert not server.path.exists()


async def test_an_edit_is_followed_at_once(server: RuleServer, client: httpx.AsyncClient) -> None:
    await server.widen(compiled(endpoint()))
    await server.widen(compiled(endpoint("0.25")))
    assert (await client.post(PATH, json=ROWS)).json() == {"predictions": [0.25, 0.25]}


async def test_a_rule_that_is_gone_answers_for_as_long_as_old_routes_may_lead_to_it(
    server: RuleServer, client: httpx.AsyncClient
) -> None:
    await server.widen(compiled(endpoint()))
    gone = compiled(endpoint(None))
    await server.widen(gone)
    server.settle(gone, 3600.0)
    assert (await client.post(PATH, json=ROWS)).status_code == 200
    server.settle(gone, 0.0)
    async with asyncio.timeout(PATIENCE):
        while (await client.post(PATH, json=ROWS)).status_code != 404:
            pass


async def test_a_rule_that_comes_back_before_it_is_forgotten_stays(
    server: RuleServer, client: httpx.AsyncClient
) -> None:
    first, gone = compiled(endpoint()), compiled(endpoint(None))
    await server.widen(first)
    server.settle(gone, 0.0)
    await server.widen(compiled(endpoint(), before=first))
    forgotten = compiled(endpoint(), endpoint("0.5", name="other", match={"path": "/other"}))
    await server.widen(forgotten)
    server.settle(first, 0.0)
    async with asyncio.timeout(PATIENCE):
        while (await client.post(rule_path("other", "prior@1"), json=ROWS)).status_code != 404:
            pass
    assert (await client.post(PATH, json=ROWS)).status_code == 200


async def test_a_request_under_way_is_answered_before_the_end(server: RuleServer) -> None:
    await server.widen(compiled(endpoint()))
    body = json.dumps(ROWS).encode()
    reader, writer = await asyncio.open_unix_connection(str(server.path))
    idle, idle_writer = await asyncio.open_unix_connection(str(server.path))
    try:
        writer.write(f"POST {PATH} HTTP/1.1\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body[:5])
        await writer.drain()
        # An answer on another connection: by then the server has read what was sent on the first.
        idle_writer.write(b"GET / HTTP/1.1\r\n\r\n")
        assert await asyncio.wait_for(idle.readline(), PATIENCE) == b"HTTP/1.1 405 Method Not Allowed\r\n"
        stopping = asyncio.create_task(server.stop(PATIENCE))
        await asyncio.wait_for(idle.read(), PATIENCE)
        assert not stopping.done()
        writer.write(body[5:])
        answer = await asyncio.wait_for(reader.read(), PATIENCE)
        await stopping
    finally:
        writer.close()
        idle_writer.close()
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"connection: close\r\n" in answer


async def test_a_socket_that_was_left_behind_is_taken_over(server: RuleServer, client: httpx.AsyncClient) -> None:
    server.path.write_bytes(b"")
    await server.widen(compiled(endpoint()))
    assert (await client.post(PATH, json=ROWS)).status_code == 200


async def test_a_socket_that_cannot_be_bound_is_named(tmp_path: Path) -> None:
    server = RuleServer(tmp_path / "missing" / "rules.sock")
    with pytest.raises(OSError, match=r"cannot listen on .*missing/rules\.sock"):
        await server.widen(compiled(endpoint()))

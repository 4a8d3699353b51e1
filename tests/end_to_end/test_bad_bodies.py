"""Bodies that are broken, hostile or strange, through Envoy: each gets its answer, and the sidecar lives on."""

import asyncio
import gzip
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

import httpx
import pytest
import pytest_asyncio

from tests.end_to_end.stacks import Hyperplan, document, is_alive, path_of, predictions, row, until
from tests.envoy.running import ModelServer


class Case(NamedTuple):
    """A body, what an endpoint that rejects answers, and the mark that an endpoint that warns gives it."""

    body: bytes
    status: int
    mark: str | None
    headers: dict[str, str] | None = None


CASES = {
    "good": Case(row(), 200, None),
    "no JSON": Case(b"x=1&who=me", 400, "body=not_json"),
    "cut off": Case(row()[:-1], 400, "body=not_json"),
    "more after the end": Case(row() + b"{}", 400, "body=not_json"),
    "empty": Case(b"", 400, "body=empty"),
    "white space": Case(b" \n ", 400, "body=not_json"),
    "JSON of another kind": Case(b'"instances"', 422, "body=no_rows"),
    "another protocol": Case(b'{"dataframe_records": [{"x": 1}]}', 422, "body=no_rows"),
    "no rows": Case(b'{"instances": []}', 422, "body=no_rows"),
    "rows that are no objects": Case(b'{"instances": [7, null]}', 422, "row=type"),
    "wrong type": Case(row(x="1"), 422, "x=type"),
    "null": Case(row(x=None), 422, "x=null"),
    "NaN": Case(row(x=float("nan")), 422, "x=type"),
    "infinity": Case(b'{"instances": [{"x": 1e999}]}', 422, "x=type"),
    "a number of 100,000 digits": Case(b'{"instances": [{"x": ' + b"9" * 100_000 + b"}]}", 422, "x=type"),
    "duplicate keys, the last good": Case(b'{"instances": [{"x": "1", "x": 1}]}', 200, None),
    "duplicate keys, the last bad": Case(b'{"instances": [{"x": 1, "x": "1"}]}', 422, "x=type"),
    "nested deep": Case(b'{"instances": ' + b"[" * 200_000 + b"]" * 200_000 + b"}", 400, "body=too_deep"),
    "nested deep where nobody looks": Case(row()[:-1] + b', "more": ' + b"[" * 200_000, 400, "body=too_deep"),
    "no UTF-8": Case(b'{"instances": [{"x": 1, "who": "\xff\xfe"}]}', 415, "body=encoding"),
    "UTF-16": Case(row().decode().encode("utf-16"), 415, "body=encoding"),
    "half a surrogate pair": Case(b'{"instances": [{"x": 1, "who": "\\ud800"}]}', 422, "who=type"),
    "a coding that Envoy does not undo": Case(
        zlib.compress(row()), 415, "body=encoding", {"content-encoding": "deflate"}
    ),
    "gzip that does not say so": Case(gzip.compress(row()), 415, "body=encoding"),
    "a good body of another content type": Case(row(), 200, None, {"content-type": "text/plain"}),
    "a bad body of another content type": Case(row(x=-1), 422, "x=range", {"content-type": "text/plain"}),
}


class Served(NamedTuple):
    """An endpoint by name, its model, and the process that decides."""

    hyperplan: Hyperplan
    name: str
    model: ModelServer
    sidecar: int

    async def post(self, case: Case) -> httpx.Response:
        """Send a body. However bad it was, the same sidecar serves the next one."""
        before, said = len(predictions(self.model)), len(self.hyperplan.log.of("sidecar"))
        path = path_of(self.name)
        response = await self.hyperplan.client.post(path, content=case.body, headers=case.headers)
        passed = [seen.body for seen in predictions(self.model)[before:]]
        assert passed == ([case.body] if response.status_code == 200 else [])
        after = await self.hyperplan.predict(self.name, row(x=-1))
        assert after.status_code == 422 or after.headers["x-hyperplan-violations"] == "x=range"
        assert is_alive(self.sidecar)
        assert "Traceback" not in self.hyperplan.log.of("sidecar")[said:]
        return response


@asynccontextmanager
async def served(hyperplan: Hyperplan, name: str, on_violation: str) -> AsyncIterator[Served]:
    model = ModelServer(headers={"content-type": "application/json"})
    await model.start()
    await hyperplan.apply(document(name, {"gbm@1": model.url()}, on_violation=on_violation))
    yield Served(hyperplan, name, model, hyperplan.stack.sidecar.pid)
    await model.stop()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def strict(hyperplan: Hyperplan) -> AsyncIterator[Served]:
    """An endpoint that rejects."""
    async with served(hyperplan, "strict", "reject") as endpoint:
        yield endpoint


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def lenient(hyperplan: Hyperplan) -> AsyncIterator[Served]:
    """An endpoint that warns."""
    async with served(hyperplan, "lenient", "warn") as endpoint:
        yield endpoint


@pytest.fixture(params=CASES)
def case(request: pytest.FixtureRequest) -> Case:
    return CASES[request.param]


@pytest.fixture(params=["strict", "lenient"])
def either(request: pytest.FixtureRequest, strict: Served, lenient: Served) -> Served:
    return strict if request.param == "strict" else lenient


async def test_an_endpoint_that_rejects_answers_each_body_with_a_reason(strict: Served, case: Case) -> None:
    response = await strict.post(case)
    assert response.status_code == case.status
    if case.mark:
        problem = response.json()
        assert problem["status"] == case.status
        assert problem["detail"]
        listed = {f"{error['feature'] or 'row'}={error['kind']}" for error in problem.get("errors", ())}
        assert listed == (set() if case.mark.startswith("body=") else {case.mark})


async def test_an_endpoint_that_warns_lets_each_body_pass_with_a_mark(lenient: Served, case: Case) -> None:
    response = await lenient.post(case)
    assert response.status_code == 200
    assert response.headers.get("x-hyperplan-violations") == case.mark


async def test_a_body_of_ten_megabytes_is_a_413_with_the_reason_and_counted(either: Served) -> None:
    # The length alone decides, and Envoy hangs up a second after its answer, heard or not: so no more than this is sent.
    before = await flaws(either, "too_large")
    address = either.hyperplan.stack.settings.listen
    reader, writer = await asyncio.open_connection(address.host, address.port)
    head = f"POST {path_of(either.name)} HTTP/1.1\r\nhost: {address}\r\ncontent-length: {10 << 20}\r\n\r\n"
    writer.write(head.encode() + b" " * 1000)
    answer = await asyncio.wait_for(reader.readuntil(b"}"), 15)
    writer.transport.abort()
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"10485760 bytes, more than the 4194304 allowed" in answer

    async def counted() -> bool:
        return await flaws(either, "too_large") == before + 1

    await until(counted)


async def test_a_get_is_a_405(either: Served) -> None:
    response = await either.hyperplan.client.get(path_of(either.name))
    assert (response.status_code, response.headers["allow"]) == (405, "POST")


async def test_a_path_that_nobody_serves_is_a_404(either: Served) -> None:
    response = await either.hyperplan.client.post(path_of(either.name) + "x", content=row())
    assert response.status_code == 404


async def test_bodies_that_could_not_be_read_are_counted_by_their_flaw(strict: Served) -> None:
    before = await flaws(strict, "too_deep")
    for _ in range(3):
        await strict.post(CASES["nested deep"])

    async def counted() -> bool:
        return await flaws(strict, "too_deep") >= before + 3

    await until(counted)


async def flaws(endpoint: Served, kind: str) -> int:
    """How many bodies of an endpoint were counted as flawed in one way."""
    total = (await endpoint.hyperplan.traffic(endpoint.name))["total"]
    return int(total["flaws"].get(kind, 0))

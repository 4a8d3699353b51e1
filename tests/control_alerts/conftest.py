"""A registry with the endpoint `flight-delay`, a store, a detector that finds what the test says, and a webhook that listens."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from sqlalchemy import URL

from control.alerts.courier import Webhooks
from control.registry import Change, Registry, Write
from control.registry.database import FILE, open_database, sqlite_url
from control.stores import Store, open_store
from hyperplan.endpoint import Endpoint, parse_endpoint
from hyperplan.skew.case import Case
from hyperplan.skew.finding import Finding
from tests.support.databases import PostgresServer, postgres_binaries, postgres_server

SECRET = b"0123456789abcdef0123456789abcdef"
BUCKET = 0.2

DOCUMENT = """
name: flight-delay
match: { path: /predict }
protocol: json
task: binary
schema:
  features:
    dep_delay: { type: float, unit: min, source: ops-feed }
    taxi_out: { type: float, unit: min, source: ops-feed }
    carrier: { type: category, values: [AA, DL] }
models:
  gbm@1: { url: "http://127.0.0.1:9001/predict", protocol: json }
routing: { split: { gbm@1: 1 } }
"""


def make_finding(feature: str = "dep_delay", name: str = "unit", **fields: Any) -> Finding:
    defaults: dict[str, Any] = {"kind": "feature", "effect": 60.0, "evidence": 50.0}
    defaults["sentence"] = f"{feature} comes in seconds where training had minutes"
    return Finding(feature=feature, finding=name, **(defaults | fields))


MakeFinding = Callable[..., Finding]


@pytest.fixture
def finding() -> MakeFinding:
    return make_finding


class Detector:
    """Finds what it is told to, in every case."""

    def __init__(self) -> None:
        self.findings: Sequence[Finding] = ()
        self.cases: list[Case] = []

    def __call__(self, case: Case) -> Sequence[Finding]:
        self.cases.append(case)
        return self.findings


@pytest.fixture
def detector() -> Detector:
    return Detector()


@pytest.fixture
def endpoint() -> Endpoint:
    return parse_endpoint(DOCUMENT)


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    binaries = postgres_binaries()
    if binaries is None:
        pytest.skip("no PostgreSQL server is installed: apt-get install postgresql")
    with postgres_server(binaries) as server:
        yield server


@pytest.fixture
def database(request: pytest.FixtureRequest, tmp_path: Path) -> str | URL:
    """The URL of an empty database: SQLite's, or the one that the test asks for."""
    if getattr(request, "param", "sqlite") == "sqlite":
        return sqlite_url(tmp_path / FILE)
    server: PostgresServer = request.getfixturevalue("postgres")
    return server.create_database(f"alerts_{uuid.uuid4().hex}")


@pytest.fixture
def open_registry(database: str | URL, endpoint: Endpoint) -> Iterator[Callable[[], Registry]]:
    """Opens the registry of this test, as often as a restart of control would."""
    opened: list[Registry] = []

    def again() -> Registry:
        opened.append(Registry(open_database(database)))
        opened[-1].put(endpoint, Change.APPLY, Write())
        return opened[-1]

    yield again
    for registry in opened:
        registry.close()


@pytest.fixture
def registry(open_registry: Callable[[], Registry]) -> Registry:
    return open_registry()


@pytest.fixture
def store(tmp_path: Path, endpoint: Endpoint) -> Iterator[Store]:
    store = open_store(tmp_path, BUCKET, lambda name: endpoint if name == endpoint.name else None)
    yield store
    store.close()


class Received(NamedTuple):
    """A request that the webhook got."""

    headers: dict[str, str]
    body: bytes


class Receiver:
    """A webhook on a port of its own: keeps what it gets, and answers with the next of `answers`, then 204; while `silent`, not at all."""

    def __init__(self) -> None:
        self.received: list[Received] = []
        self.silent = False
        self.answers: list[tuple[int, dict[str, str]]] = []
        self.url = ""
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        port = self._server.sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{port}/hook?token=s3cret"

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        await self._server.wait_closed()

    def webhooks(self) -> Webhooks:
        return Webhooks([self.url], [SECRET])

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in head[1:] if line)}
            body = await reader.readexactly(int(headers["content-length"]))
            self.received.append(Received(headers, body))
            if self.silent:
                await reader.read()  # until whoever asks is gone
                return
            status, more = self.answers.pop(0) if self.answers else (204, {})
            lines = [f"HTTP/1.1 {status} x", "content-length: 0", "connection: close"]
            lines += [f"{name}: {value}" for name, value in more.items()]
            writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
            await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    await receiver.start()
    yield receiver
    await receiver.stop()

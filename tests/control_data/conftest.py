"""A store in a folder of the test's own, a receiver before it, and samples to put in."""

import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from litestar import Litestar
from litestar.di import Provide
from litestar.testing import TestClient

from control.api import (
    entities,
    export,
    feedback,
    performance,
    predictions,
    references,
    samples,
    sent_samples,
    shadow,
    skew,
    traffic,
)
from control.explaining import Explaining
from control.lineages import Lineages
from control.otlp import OtlpReceiver
from control.otlp.commits import Commits
from control.problems import HANDLERS
from control.registry import Change, Registry, Write
from control.registry.database import FILE, open_database
from control.stores import Store, open_store
from hyperplan.endpoint import Endpoint, parse_endpoint
from hyperplan.sample import Sample, observe_rows
from hyperplan.schema import Category, Float, Schema, violations_of
from hyperplan.shadow import ShadowSample
from tests.support.databases import PostgresServer, postgres_binaries, postgres_server

SCHEMA = Schema(features={"distance": Float(min=0, aliases=("dist",)), "carrier": Category(values=("AA", "DL"))})
BUCKET = 60
T0 = 1_800_000_000 * 10**9 // (BUCKET * 10**9) * (BUCKET * 10**9)

MakeSample = Callable[..., Sample]
MakeAnswer = Callable[..., ShadowSample]


def make(prediction_id: str = "p-1", seconds: float = 0.0, rows: list[Any] | None = None, **fields: Any) -> Sample:
    """A sample of the endpoint `flight-delay`, so many seconds after `T0`."""
    rows = [{"distance": 100.0, "carrier": "AA"}] if rows is None else rows
    defaults: dict[str, Any] = {
        "prediction_id": prediction_id,
        "time": T0 + round(seconds * 1e9),
        "endpoint": "flight-delay",
        "plan": 1,
        "revision": 1,
        "schema_version": SCHEMA.version(),
        "chosen": "gbm@1",
        "answered": "gbm@1",
        "attempts": 1,
        "propensity": 0.9,
        "inclusion": 0.5,
        "status": 200,
        "latency": 0.01,
        "rows": observe_rows(SCHEMA, rows),
        "rows_seen": len(rows),
        "violations": list(violations_of(SCHEMA, rows)),
    }
    return Sample(**(defaults | fields))


def make_shadow_sample(prediction_id: str = "p-1", seconds: float = 0.0, **fields: Any) -> ShadowSample:
    """What the shadow `logit@1` answered, so many seconds after `T0`."""
    defaults: dict[str, Any] = {
        "prediction_id": prediction_id,
        "time": T0 + round(seconds * 1e9),
        "endpoint": "flight-delay",
        "revision": 1,
        "model": "logit@1",
        "inclusion": 0.5,
        "status": 200,
        "latency": 0.03,
    }
    return ShadowSample(**(defaults | fields))


@pytest.fixture
def make_answer() -> MakeAnswer:
    return make_shadow_sample


@pytest.fixture
def make_sample() -> MakeSample:
    return make


@pytest.fixture
def t0() -> int:
    """The start of a bucket, in nanoseconds."""
    return T0


@pytest.fixture
def schema() -> Schema:
    return SCHEMA


def endpoint_of(name: str) -> Endpoint | None:
    return ENDPOINT if name == "flight-delay" else None


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    binaries = postgres_binaries()
    if binaries is None:
        pytest.skip("no PostgreSQL server is installed: apt-get install postgresql")
    with postgres_server(binaries) as server:
        yield server


@pytest.fixture(scope="session")
def chdb_engine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the one engine that a process may have keeps its databases."""
    return tmp_path_factory.mktemp("chdb")


@pytest.fixture
def backend(request: pytest.FixtureRequest) -> str:
    """The database that a test's store is in; `tests.support.databases.EVERYWHERE` makes it each of them."""
    return str(getattr(request, "param", "duckdb"))


@pytest.fixture
def store_place(backend: str, request: pytest.FixtureRequest, tmp_path: Path) -> Path | str:
    """Where the store of this test is: a folder, or the URL of an empty database."""
    if backend == "duckdb":
        return tmp_path
    name = f"test_{uuid.uuid4().hex}"
    if backend == "postgresql":
        server: PostgresServer = request.getfixturevalue("postgres")
        return server.create_database(name)
    engine: Path = request.getfixturevalue("chdb_engine")
    return f"chdb://{engine}?database={name}"


@pytest.fixture
def open_again(store_place: Path | str) -> Callable[[], Store]:
    """Opens the store of this test, as often as it is closed."""
    return lambda: open_store(store_place, BUCKET, endpoint_of)


@pytest.fixture
def store(open_again: Callable[[], Store]) -> Iterator[Store]:
    store = open_again()
    yield store
    store.close()


@pytest.fixture
async def receiver_address(store: Store) -> AsyncIterator[str]:
    receiver = OtlpReceiver(store, "127.0.0.1:0")
    port = await receiver.start()
    yield f"127.0.0.1:{port}"
    await receiver.stop()


DOCUMENT = """
name: flight-delay
match: { path: /predict }
protocol: json
task: binary
schema:
  features:
    distance: { type: float, min: 0, aliases: [dist] }
    carrier: { type: category, values: [AA, DL] }
models:
  gbm@1: { url: "http://127.0.0.1:9001/predict", protocol: json }
  logit@1: { url: "http://127.0.0.1:9002/predict", protocol: json }
routing: { split: { gbm@1: 9, logit@1: 1 } }
"""


ENDPOINT = parse_endpoint(DOCUMENT)


@pytest.fixture
def endpoint() -> Endpoint:
    return ENDPOINT


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    """A registry with the endpoint `flight-delay` in it."""
    engine = open_database(f"sqlite:///{tmp_path / FILE}")
    registry = Registry(engine)
    registry.put(ENDPOINT, Change.APPLY, Write())
    yield registry
    engine.dispose()


@pytest.fixture
def api(store: Store, registry: Registry) -> Iterator[TestClient[Litestar]]:
    """The part of the API that answers from the store."""
    commits = Commits(store)
    explaining = Explaining(registry, Lineages(registry), "http://jaeger:16686/")
    app = Litestar(
        [
            *entities.handlers,
            *export.handlers,
            *feedback.handlers,
            *performance.handlers,
            *predictions.handlers,
            *references.handlers,
            *samples.handlers,
            *sent_samples.handlers,
            *shadow.handlers,
            *skew.handlers,
            *traffic.handlers,
        ],
        dependencies={
            "store": Provide(lambda: store, sync_to_thread=False),
            "commits": Provide(lambda: commits, sync_to_thread=False),
            "registry": Provide(lambda: registry, sync_to_thread=False),
            "explaining": Provide(lambda: explaining, sync_to_thread=False),
        },
        exception_handlers=HANDLERS,
        logging_config=None,
    )
    with TestClient(app) as client:
        yield client

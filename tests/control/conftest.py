"""A registry in a database of the test's own, and the whole application before it, for a client in the same process."""

import copy
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from litestar import Litestar
from litestar.testing import TestClient

from control.alerts.alerting import Alerting
from control.app import create_app
from control.plans import PlanFeed
from control.registry import Registry
from control.registry.database import FILE, open_database
from control.stores import open_store
from hyperplan.documents import Document
from hyperplan.endpoint import Endpoint, read_endpoint

PLAIN: dict[str, Any] = {
    "name": "flight-delay",
    "match": {"path": "/predict"},
    "protocol": "json",
    "task": "binary",
    "schema": {
        "features": {
            "distance": {"type": "float", "min": 0, "max": 5000, "aliases": ["dist"]},
            "carrier": {"type": "category", "values": ["AA", "DL"]},
        }
    },
    "models": {
        "gbm@1": {"url": "http://127.0.0.1:9001/predict", "protocol": "json"},
        "logit@1": {"url": "http://127.0.0.1:9002/predict", "protocol": "json"},
        "spare@1": {"url": "http://127.0.0.1:9003/predict", "protocol": "json"},
    },
    "routing": {"split": {"gbm@1": 90.0, "logit@1": 10.0}, "fallback": ["logit@1"]},
}

MakePlain = Callable[..., dict[str, Any]]
MakeEndpoint = Callable[..., Endpoint]
OpenRegistry = Callable[[], Registry]


def make_plain(name: str = "flight-delay", path: str = "/predict", **fields: Any) -> dict[str, Any]:
    """A valid document as plain data, with some fields changed."""
    return copy.deepcopy(PLAIN) | {"name": name, "match": {"path": path}} | fields


@pytest.fixture
def plain() -> MakePlain:
    return make_plain


@pytest.fixture
def endpoint() -> MakeEndpoint:
    """Makes the endpoint of a document, as `plain` makes the document."""
    return lambda *given, **fields: read_endpoint(Document(make_plain(*given, **fields)))


@pytest.fixture
def open_registry(tmp_path: Path) -> Iterator[OpenRegistry]:
    """Opens the registry of this test, as often as a restart of control would."""
    opened: list[Registry] = []

    def open_again() -> Registry:
        opened.append(Registry(open_database(f"sqlite:///{tmp_path / FILE}")))
        return opened[-1]

    yield open_again
    for registry in opened:
        registry.close()


@pytest.fixture
def registry(open_registry: OpenRegistry) -> Registry:
    return open_registry()


@pytest.fixture
def feed(registry: Registry) -> PlanFeed:
    return PlanFeed(registry)


@pytest.fixture
def client(registry: Registry, feed: PlanFeed, tmp_path: Path) -> Iterator[TestClient[Litestar]]:
    """A client of an application that knows no endpoint yet."""
    store = open_store(tmp_path, 60)
    try:
        with TestClient(create_app(registry, store, feed, Alerting(registry, store))) as client:
            yield client
    finally:
        store.close()


@pytest.fixture
def known(client: TestClient[Litestar]) -> TestClient[Litestar]:
    """A client of an application that knows the endpoint `flight-delay`, at revision 1."""
    assert client.put("/v1/endpoints/flight-delay", json=PLAIN).status_code == 200
    return client

"""A registry with the endpoint `flight-delay` and a canary, a store into which a test counts, and the job that takes steps."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from litestar import Litestar
from litestar.testing import TestClient

from control.alerts.alerting import Alerting
from control.app import create_app
from control.plans import PlanFeed
from control.registry import Change, Registry, Write
from control.registry.database import FILE, open_database, sqlite_url
from control.rollouts.book import RolloutBook
from control.rollouts.rolling import Rolling
from control.stores import Store, open_store
from control.stores.counters import CumulativeSum, Series
from hyperplan.endpoint import parse_endpoint
from hyperplan.rollouts import Rollout
from tests.rollouts.conftest import DOCUMENT

NAME = "flight-delay"
ROLLOUT = f"/v1/endpoints/{NAME}/rollout"


@pytest.fixture
def open_registry(tmp_path: Path) -> Iterator[Callable[[], Registry]]:
    """Opens the registry of this test, as often as a restart of control would."""
    opened: list[Registry] = []

    def again() -> Registry:
        opened.append(Registry(open_database(sqlite_url(tmp_path / FILE))))
        opened[-1].put(parse_endpoint(DOCUMENT), Change.APPLY, Write()) if len(opened) == 1 else None
        return opened[-1]

    yield again
    for registry in opened:
        registry.close()


@pytest.fixture
def registry(open_registry: Callable[[], Registry]) -> Registry:
    return open_registry()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = open_store(tmp_path, 60)
    yield store
    store.close()


@pytest.fixture
def client(registry: Registry, store: Store) -> Iterator[TestClient[Litestar]]:
    with TestClient(create_app(registry, store, PlanFeed(registry), Alerting(registry, store))) as client:
        yield client


class Site:
    """A rollout as it goes: what was counted, its job, and what became of it. Its clock goes as the test says."""

    def __init__(self, registry: Registry, store: Store, client: TestClient[Litestar]) -> None:
        self.registry, self.store, self.client = registry, store, client
        self.ahead = 0
        self.sums: dict[Series, int] = {}
        self.job = self.another(registry)
        assert self.job.lease.claim()

    def another(self, registry: Registry) -> Rolling:
        """The job of another replica, or of this one after a restart."""
        return Rolling(registry, self.store, clock=self.now)

    def now(self) -> int:
        return time.time_ns() + self.ahead

    def start(self, **terms: Any) -> Any:
        answer = self.client.post(ROLLOUT, json={"canary": "gbm@2", "hold": 60, "requests": 100, **terms})
        assert answer.status_code == 201, answer.text
        return answer.json()

    def serve(self, requests: int, failed: int, control: int = 10_000, control_failed: int = 100) -> None:
        """What sidecars count of a while under the present revision."""
        revision = self.registry.get(NAME)[0].number
        counted = {
            ("gbm@2", "ok"): requests - failed,
            ("gbm@2", "failed"): failed,
            ("gbm@1", "ok"): control - control_failed,
            ("gbm@1", "reset"): control_failed,
        }
        sums = []
        for (arm, outcome), more in counted.items():
            series = Series("hyperplan.arm.attempts", NAME, arm, f"{revision}/{outcome}")
            self.sums[series] = self.sums.get(series, 0) + more
            sums.append(CumulativeSum(series, "sidecar", 1, time.time_ns(), self.sums[series]))
        self.store.counters.ingest(sums)

    def look(self, seconds: float = 0.0) -> Rollout:
        """Take a round, so many seconds later."""
        self.ahead += round(seconds * 1e9)
        self.job.round()
        return self.rollout()

    def rollout(self) -> Rollout:
        kept = RolloutBook(self.registry).newest(NAME)
        assert kept is not None
        return kept.rollout

    def shares(self) -> list[float]:
        """The weight of the canary at each revision, in their order."""
        history = self.registry.history(NAME, limit=100)[::-1]
        return [entry.endpoint.routing.split.get("gbm@2", 0.0) for entry in history if entry.endpoint]


@pytest.fixture
def site(registry: Registry, store: Store, client: TestClient[Litestar]) -> Site:
    return Site(registry, store, client)

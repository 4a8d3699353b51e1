"""A registry with an endpoint that explores, and a store in which its arms have earned something."""

import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from control.registry import Change, Registry, Write
from control.registry.database import FILE, open_database, sqlite_url
from control.stores import Store, open_store
from hyperplan.documents import Document
from hyperplan.endpoint import Endpoint, read_endpoint
from hyperplan.feedback import Feedback
from hyperplan.sample import Sample
from tests.control.conftest import make_plain

SECOND = 10**9
EXPLORATION: dict[str, Any] = {"policy": "thompson", "every": 10, "floor": 0.1}
RATES = {"gbm@1": 0.2, "logit@1": 0.8}


def make_endpoint(**fields: Any) -> Endpoint:
    split = {"gbm@1": 50.0, "logit@1": 50.0, "spare@1": 0.0}
    given = {"exploration": EXPLORATION, "routing": {"split": split, "fallback": []}, "slices": ["carrier"]}
    return read_endpoint(Document(make_plain(**(given | fields))))


def make_traffic(now: int, count: int, **fields: Any) -> list[Sample | Feedback]:
    """Requests of the last minute, half of each arm, and what each earned: `logit@1` four times as much."""
    source = random.Random(1)
    made: list[Sample | Feedback] = []
    for number in range(count):
        arm = "gbm@1" if number % 2 else "logit@1"
        at = now - (number + 1) * SECOND // 10
        defaults: dict[str, Any] = {
            "prediction_id": f"p-{number}-{arm}",
            "time": at,
            "endpoint": "flight-delay",
            "plan": 1,
            "revision": 1,
            "schema_version": "",
            "chosen": arm,
            "answered": arm,
            "propensity": 0.5,
            "inclusion": 1.0,
            "rows_seen": 1,
            "predictions": [0.5],
            "slices": {"carrier": "AA" if number % 4 < 2 else "DL"},
        }
        sample = Sample(**(defaults | fields))
        reward = float(source.random() < RATES[arm])
        made += [
            sample,
            Feedback(endpoint="flight-delay", prediction_id=sample.prediction_id, reward=reward, time=at, received=at),
        ]
    return made


MakeTraffic = Callable[..., list[Sample | Feedback]]


@pytest.fixture
def traffic() -> MakeTraffic:
    return make_traffic


@pytest.fixture
def now() -> int:
    return time.time_ns()


@pytest.fixture
def endpoint() -> Endpoint:
    return make_endpoint()


@pytest.fixture
def registry(tmp_path: Path, endpoint: Endpoint) -> Iterator[Registry]:
    registry = Registry(open_database(sqlite_url(tmp_path / FILE)))
    registry.put(endpoint, Change.APPLY, Write("ada"))
    yield registry
    registry.close()


@pytest.fixture
def store(tmp_path: Path, endpoint: Endpoint) -> Iterator[Store]:
    store = open_store(tmp_path, 60, lambda name: endpoint if name == endpoint.name else None)
    yield store
    store.close()

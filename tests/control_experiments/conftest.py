"""A shop that compares `b@1` with `a@1`: a registry that holds its endpoint, a store, and visitors that buy or do not."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from control.experiments.judging import Judging
from control.registry import Change, Registry, Write
from control.registry.database import FILE, open_database, sqlite_url
from control.stores import Store, open_store
from control.stores.arms import ATTEMPTS
from control.stores.arrivals import Arrival
from control.stores.counters import CumulativeSum, Series
from hyperplan.endpoint import Endpoint, parse_endpoint
from hyperplan.experiments.design import Minimum
from hyperplan.feedback import Feedback
from hyperplan.sample import Sample

SECOND = 10**9
NAME = "shop"

DOCUMENT = """
name: shop
match: { path: /shop }
protocol: json
task: binary
entity: { header: x-user }
schema: { features: { price: { type: float } } }
models:
  a@1: { url: "http://127.0.0.1:9001/predict", protocol: json }
  b@1: { url: "http://127.0.0.1:9002/predict", protocol: json }
routing: { split: { a@1: 1, b@1: 1 }, sticky: true, force_header: x-force-model }
experiment:
  arms: [a@1, b@1]
  minimum_effect: { relative: 0.25 }
  window: 10
"""


class Shop:
    """The shop, a clock that the test sets, and a control that judges; `restart` is what a new process would have."""

    def __init__(self, open_registry: Callable[[], Registry], store: Store) -> None:
        self._open_registry = open_registry
        self.registry = open_registry()
        self.store = store
        self.endpoint = parse_endpoint(DOCUMENT)
        self.registry.put(self.endpoint, Change.APPLY, Write())
        self.start = self.now = 0
        self.begin()
        self.judging = self._judge()
        self._visitors = 0

    def begin(self) -> None:
        """Count seconds from the newest revision on."""
        self.start = round(self.registry.get(NAME)[0].created_at.timestamp() * SECOND)
        self.now = self.start

    def _judge(self) -> Judging:
        judging = Judging(self.registry, self.store, lambda: self.now)
        assert judging.lease.claim()
        return judging

    def restart(self) -> None:
        self.judging.lease.release()
        self.registry = self._open_registry()
        self.judging = self._judge()

    def look(self, seconds: float) -> Any:
        """Have the experiment looked at so many seconds after the start; how b@1 stands."""
        self.now = self.start + round(seconds * SECOND)
        self.judging.look_at(NAME)
        runs = self.judging.book.newest()[NAME]
        return runs.standings["b@1"]

    def edit(self, **changed: Any) -> int:
        """Change the endpoint; the number of the revision."""
        self.endpoint = msgspec.structs.replace(self.registry.get(NAME)[1], **changed)
        return self.registry.put(self.endpoint, Change.APPLY, Write()).number

    def redesign(self, **changed: Any) -> int:
        experiment = self.endpoint.experiment
        assert experiment is not None
        return self.edit(experiment=msgspec.structs.replace(experiment, **changed))

    def weigh(self, **weights: float) -> int:
        """Give the arms a and b these weights."""
        split = {f"{arm}@1": weight for arm, weight in weights.items()}
        return self.edit(routing=msgspec.structs.replace(self.registry.get(NAME)[1].routing, split=split))

    def visit(
        self,
        count: int,
        bought: dict[str, float],
        *,
        at: float = 1.0,
        share: float = 0.5,
        revision: int = 1,
        seed: int = 1,
        labelled: float = 1.0,
        **fields: Any,
    ) -> list[Sample]:
        """So many new visitors, a millisecond apart, of which that share meets b@1; they buy at the rate of their arm, which is known after so many seconds."""
        rng = np.random.default_rng(seed)
        samples, feedback = [], []
        for number in range(count):
            self._visitors += 1
            arm = "b@1" if rng.random() < share else "a@1"
            time = self.start + round(at * SECOND) + number * SECOND // 1000
            whole: dict[str, Any] = {
                "prediction_id": f"p{self._visitors:06}",
                "time": time,
                "entity": f"user-{self._visitors:06}",
                "chosen": arm,
                "answered": arm,
                "propensity": share if arm == "b@1" else 1 - share,
                "predictions": [0.5],
            }
            samples.append(sample(revision=revision, **(whole | fields)))
            feedback.append(
                told(
                    samples[-1].prediction_id,
                    float(rng.random() < bought[arm]),
                    time + round(labelled * SECOND),
                )
            )
        self.store.ingest(samples)
        self.store.take([Arrival(each) for each in feedback])
        return samples

    def visit_again(self, count: int, *, revision: int = 2) -> None:
        """As many visitors, each a minute before the start and after it; what they spend is their own habit and a little chance."""
        rng = np.random.default_rng(1)
        samples, feedback = [], []
        for number in range(count):
            habit = 3 * rng.normal()
            arm = "b@1" if rng.random() < 0.5 else "a@1"
            for at in (-60, 1):
                time = self.start + at * SECOND + number
                prediction_id = f"r{revision}-{number}-{at}"
                known: dict[str, Any] = {
                    "chosen": arm,
                    "answered": arm,
                    "propensity": 0.5,
                    "entity": f"{revision}-{number}",
                }
                samples.append(
                    sample(prediction_id=prediction_id, time=time, revision=revision if at > 0 else 1, **known)
                )
                feedback.append(told(prediction_id, 10 + habit + rng.normal(), time + 1))
        self.store.ingest(samples)
        self.store.take([Arrival(each) for each in feedback])

    def count(self, arm: str, **outcomes: int) -> None:
        """A sidecar has counted so many first attempts of an arm by their outcomes, in the second minute after the start."""
        time = self.start + 90 * SECOND
        self.store.count(
            [
                CumulativeSum(Series(ATTEMPTS, NAME, arm, f"2/{outcome}"), "sidecar", self.start, time, count)
                for outcome, count in outcomes.items()
            ]
        )

    told = staticmethod(lambda *given, **fields: told(*given, **fields))
    absolute = staticmethod(lambda effect: Minimum(absolute=effect))


def sample(**fields: Any) -> Sample:
    defaults: dict[str, Any] = {
        "endpoint": NAME,
        "plan": 1,
        "schema_version": "1",
        "inclusion": 1.0,
        "status": 200,
        "latency": 0.01,
    }
    return Sample(**(defaults | fields))


def told(prediction_id: str, reward: float, time: int, **fields: Any) -> Feedback:
    whole: dict[str, Any] = {"label": reward, "reward": reward, "time": time, "received": time, "source": "till"}
    return Feedback(endpoint=NAME, prediction_id=prediction_id, **(whole | {"revision": 0} | fields))


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    opened: list[Registry] = []

    def open_registry() -> Registry:
        opened.append(Registry(open_database(sqlite_url(tmp_path / FILE))))
        return opened[-1]

    def endpoint(name: str) -> Endpoint | None:
        return opened[-1].get(name)[1]

    store = open_store(tmp_path, 60, endpoint)
    yield Shop(open_registry, store)
    store.close()
    for registry in opened:
        registry.close()

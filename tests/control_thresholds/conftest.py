"""A gate that decides who is late: a registry that holds its endpoint, a store, and flights with their truth."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from control.registry import Change, Registry, Write
from control.registry.database import FILE, open_database, sqlite_url
from control.stores import Store, open_store
from control.stores.arrivals import Arrival
from control.thresholds.teaching import Teaching
from hyperplan.endpoint import Endpoint, parse_endpoint
from hyperplan.feedback import Feedback
from hyperplan.sample import Sample
from hyperplan.shadow import ShadowSample
from hyperplan.thresholds.block import Thresholds

NAME = "gate"
HOUR = 3600 * 10**9
NOW = time.time_ns()

DOCUMENT = """
name: gate
match: { path: /gate }
protocol: json
task: binary
schema: { features: { delay: { type: float } } }
models:
  a@1: { url: "http://127.0.0.1:9001/predict", protocol: json }
  b@1: { url: "http://127.0.0.1:9002/predict", protocol: json }
routing: { split: { a@1: 1 , b@1: 0 }, fallback: [b@1] }
thresholds:
  objective: { costs: { positive: { negative: 5 }, negative: { positive: 1 } } }
"""


class Gate:
    """The gate, and a control that learns its thresholds; `restart` is what a new process would have."""

    def __init__(self, open_registry: Callable[[], Registry], store: Store) -> None:
        self._open_registry = open_registry
        self.registry = open_registry()
        self.store = store
        self.registry.put(parse_endpoint(DOCUMENT), Change.APPLY, Write())
        self._flights = 0
        self.teaching = self._begin()

    def _begin(self) -> Teaching:
        teaching = Teaching(self.registry, self.store, lambda: NOW)
        assert teaching.lease.claim()
        return teaching

    def restart(self) -> None:
        self.registry = self._open_registry()
        self.teaching.lease.release()
        self.teaching = self._begin()

    @property
    def thresholds(self) -> Thresholds:
        found = self.registry.get(NAME)[1].thresholds
        assert found is not None
        return found

    @property
    def revision(self) -> int:
        return self.registry.get(NAME)[0].number

    def edit(self, change: Callable[[Thresholds], Thresholds]) -> None:
        def edited(endpoint: Endpoint) -> Endpoint:
            assert endpoint.thresholds is not None
            return msgspec.structs.replace(endpoint, thresholds=change(endpoint.thresholds))

        self.registry.edit(NAME, Change.THRESHOLD, Write(), edited)

    def routed(self, **changed: Any) -> None:
        """Change the routing."""
        self.registry.edit(
            NAME,
            Change.ROUTING,
            Write(),
            lambda one: msgspec.structs.replace(one, routing=msgspec.structs.replace(one.routing, **changed)),
        )

    def fly(self, count: int, model: str = "a@1", *, labelled_from: float = 0.0, forced: bool = False) -> None:
        """Calibrated scores of so many flights, and what turned out of those that score enough."""
        rng = np.random.default_rng(self._flights)
        scores = rng.beta(1.5, 4, count)
        late = rng.random(count) < scores
        samples = [self._sample(float(score), model, forced) for score in scores]
        told = [
            Feedback(
                endpoint=NAME,
                prediction_id=sample.prediction_id,
                label=float(truth),
                time=sample.time + HOUR,
                received=sample.time + HOUR + index,
            )
            for index, (sample, truth, score) in enumerate(zip(samples, late, scores, strict=True))
            if score >= labelled_from
        ]
        self.store.ingest(samples)
        self.store.take([Arrival(one) for one in told])

    def shadow(self, count: int, model: str = "b@1") -> None:
        """Flights of which a shadow scores the square of what `a@1` does, and of which nobody knows what turned out."""
        rng = np.random.default_rng(self._flights)
        samples = [self._sample(float(score), "a@1") for score in rng.beta(1.5, 4, count)]
        answers = [
            ShadowSample(
                prediction_id=one.prediction_id,
                time=one.time,
                endpoint=NAME,
                revision=1,
                model=model,
                inclusion=1.0,
                status=200,
                latency=0.01,
                predictions=[one.predictions[0] ** 2],
            )
            for one in samples
        ]
        self.store.ingest([*samples, *answers])

    def _sample(self, score: float, model: str, forced: bool = False) -> Sample:
        self._flights += 1
        fields: dict[str, Any] = {"propensity": 1.0, "inclusion": 1.0, "status": 200, "forced": forced}
        return Sample(
            prediction_id=f"p-{self._flights}",
            time=NOW - 3 * HOUR + self._flights,
            endpoint=NAME,
            plan=1,
            revision=1,
            schema_version="1",
            chosen=model,
            answered=model,
            predictions=[score],
            **fields,
        )


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[Gate]:
    opened: list[Registry] = []

    def open_registry() -> Registry:
        opened.append(Registry(open_database(sqlite_url(tmp_path / FILE))))
        return opened[-1]

    def endpoint_of(name: str) -> Endpoint | None:
        return opened[-1].get(name)[1]

    store = open_store(tmp_path / "data", 60, endpoint_of)
    yield Gate(open_registry, store)
    store.close()
    for registry in opened:
        registry.close()

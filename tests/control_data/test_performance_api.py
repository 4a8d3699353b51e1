"""The API says how good predictions were, once they are old enough to have their labels."""

import time
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from litestar import Litestar
from litestar.testing import TestClient

from control.registry import Change, Registry, Write
from control.stores import Store
from control.stores.arrivals import Arrival
from hyperplan.endpoint import Endpoint
from hyperplan.feedback import Feedback
from hyperplan.sample import Sample
from hyperplan.thresholds.block import Objective, Thresholds
from tests.support.databases import EVERYWHERE

Api = TestClient[Litestar]
MakeSample = Callable[..., Sample]
HOUR = 3600 * 10**9
PATH = "/v1/endpoints/flight-delay/performance"


def told(sample: Sample, label: float, delay: int) -> Feedback:
    return Feedback(
        endpoint="flight-delay",
        prediction_id=sample.prediction_id,
        label=label,
        time=sample.time + delay,
        received=sample.time + delay,
    )


@pytest.fixture(name="served")
def _served(store: Store, make_sample: MakeSample) -> list[Sample]:
    """A prediction every six minutes of the last ten hours, by two models in turn; `gbm@1` is always right, `logit@1` in half of the cases."""
    now = time.time_ns()
    samples = []
    for number in range(100):
        arm = "gbm@1" if number % 2 else "logit@1"
        score = 0.9 if number % 2 or number % 4 == 0 else 0.1
        made = now - 10 * HOUR + number * HOUR // 10
        samples.append(
            make_sample(f"p-{number}", time=made, chosen=arm, answered=arm, predictions=[score], inclusion=1.0)
        )
    store.ingest(samples)
    store.take([Arrival(told(sample, 1.0, 2 * HOUR)) for sample in samples if sample.time + 2 * HOUR <= now])
    return samples


@pytest.mark.usefixtures("served")
def test_each_model_is_measured_on_predictions_that_are_old_enough_to_have_their_labels(api: Api) -> None:
    report = api.get(PATH, params={"since": "-11h"}).json()
    assert report["delay"] == 7200
    gbm, logit = report["parts"]["gbm@1"], report["parts"]["logit@1"]
    assert (gbm["samples"], gbm["labelled"]) == (50, 40)
    assert (gbm["total"]["rows"], gbm["total"]["metrics"]["accuracy"]["value"]) == (40, 1.0)
    assert 0.3 < logit["total"]["metrics"]["accuracy"]["low"] < 0.5
    assert sum(window["rows"] for window in gbm["windows"]) == 40
    assert gbm["windows"][0]["ripe"]
    assert not gbm["windows"][-1]["ripe"]


def test_labels_that_came_fast_are_counted_apart_unless_they_are_asked_for(
    api: Api, store: Store, served: list[Sample]
) -> None:
    store.take([Arrival(told(served[-1], 0.0, HOUR // 60))])
    ripe = api.get(PATH, params={"since": "-11h", "by": "arm"}).json()
    every = api.get(PATH, params={"since": "-11h", "by": "arm", "labels": "all"}).json()
    assert (ripe["unripe"], ripe["parts"]["gbm@1"]["total"]["rows"]) == (1, 40)
    assert (every["unripe"], every["parts"]["gbm@1"]["total"]["rows"]) == (0, 41)


@pytest.mark.usefixtures("served")
def test_one_model_or_arm_can_be_asked_for(api: Api) -> None:
    assert list(api.get(PATH, params={"since": "-11h", "model": "gbm@1"}).json()["parts"]) == ["gbm@1"]
    assert list(api.get(PATH, params={"since": "-11h", "arm": "logit@1"}).json()["parts"]) == ["logit@1"]


@pytest.mark.usefixtures("served")
def test_decisions_are_those_of_the_threshold_that_is_in_force(api: Api, registry: Registry) -> None:
    def pinned(endpoint: Endpoint) -> Endpoint:
        thresholds = Thresholds(objective=Objective(f_beta=1.0), pinned={"gbm@1": 0.95})
        return msgspec.structs.replace(endpoint, thresholds=thresholds)

    registry.edit("flight-delay", Change.THRESHOLD, Write(), pinned)
    metrics = api.get(PATH, params={"since": "-11h", "model": "gbm@1"}).json()["parts"]["gbm@1"]["total"]["metrics"]
    assert (metrics["positive_rate"]["value"], metrics["recall"]["value"]) == (0.0, 0.0)


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"by": "tailnum"}, "must be one of model, arm; not 'tailnum'"),
        ({"model": "none@1"}, "names no model of this endpoint; known: gbm@1, logit@1"),
        ({"since": "soon"}, "must be a time like"),
    ],
)
def test_what_cannot_be_asked_is_told_with_its_place(api: Api, parameters: dict[str, Any], said: str) -> None:
    answer = api.get(PATH, params=parameters)
    assert answer.status_code == 422
    assert said in answer.text


def test_without_labels_there_is_nothing_to_measure_and_no_delay(api: Api) -> None:
    report = api.get(PATH).json()
    assert (report["delay"], report["parts"], report["unripe"]) == (None, {}, 0)


@EVERYWHERE
def test_samples_are_counted_by_model_and_by_arm(store: Store, make_sample: MakeSample, t0: int) -> None:
    store.ingest(
        [
            make_sample("p-1"),
            make_sample("p-2", answered="logit@1"),
            make_sample("p-3", answered=None),
            make_sample("p-4", 7200.0),
        ]
    )
    assert store.samples.scored("flight-delay", t0, t0 + HOUR, "model") == {"gbm@1": 1, "logit@1": 1}
    assert store.samples.scored("flight-delay", t0, t0 + HOUR, "arm") == {"gbm@1": 2}

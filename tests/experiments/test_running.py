"""Which experiment runs, read off the revisions of its endpoint."""

from typing import Any

import msgspec
import numpy as np
import pytest

from hyperplan.endpoint import Endpoint, Entity, Match, Model, Routing
from hyperplan.experiments.design import Experiment
from hyperplan.experiments.running import Revised, Running, running
from hyperplan.experiments.units import Rows
from hyperplan.schema import Schema

DESIGN = msgspec.convert(
    {"arms": ["a@1", "b@1"], "minimum_effect": {"relative": 0.1}, "before": 5e-9, "window": 10}, Experiment
)
EVEN = Routing(split={"a@1": 1.0, "b@1": 1.0}, sticky=True)
RAMP = Routing(split={"a@1": 9.0, "b@1": 1.0}, sticky=True)


def endpoint(**changed: Any) -> Endpoint:
    whole: dict[str, Any] = {
        "name": "shop",
        "match": Match(path="/shop"),
        "protocol": "json",
        "task": "binary",
        "entity": Entity(header="x-user"),
        "schema": Schema(features={}),
        "models": {"a@1": Model(rule="0.5"), "b@1": Model(url="http://b", protocol="json"), "c@1": Model(rule="0.1")},
        "routing": EVEN,
        "experiment": DESIGN,
    }
    return Endpoint(**(whole | changed))


def seen(*oldest_first: Endpoint | None) -> Running | None:
    """What runs after these revisions, the first of which is 1 and made at 10 ns, the next 2 at 20 ns, and so on."""
    revised = [Revised(number, 10 * number, each) for number, each in enumerate(oldest_first, 1)]
    return running(reversed(revised))


def test_an_endpoint_without_an_experiment_runs_none() -> None:
    assert seen() is seen(None) is seen(endpoint(experiment=None)) is seen(endpoint(), None) is None
    assert seen(endpoint(), endpoint(experiment=None)) is None


def test_an_experiment_starts_with_the_revision_that_declares_it() -> None:
    found = seen(endpoint(experiment=None), endpoint())
    assert found is not None
    assert (found.design, found.first, found.start, found.since) == (DESIGN, 2, 20, 15)


def test_a_revision_that_changes_weights_or_nothing_of_the_experiment_is_a_step_of_it() -> None:
    moved = dict(endpoint().models, **{"b@1": Model(url="http://elsewhere", protocol="json", timeout=1)})
    found = seen(endpoint(routing=RAMP), endpoint(), endpoint(models=moved), endpoint(timeout=3))
    assert found is not None
    assert (found.first, found.weights) == (1, {1: RAMP.split, 2: EVEN.split, 3: EVEN.split, 4: EVEN.split})


@pytest.mark.parametrize(
    "changed",
    [
        {"experiment": msgspec.structs.replace(DESIGN, alpha=0.01)},
        {"entity": Entity(header="x-account")},
        {"task": "regression"},
        {"models": dict(endpoint().models, **{"a@1": Model(rule="0.6")})},
    ],
)
def test_a_revision_that_changes_what_was_promised_starts_anew(changed: dict[str, Any]) -> None:
    found = seen(endpoint(), endpoint(**changed), endpoint(**changed, routing=RAMP))
    assert found is not None
    assert (found.first, list(found.weights)) == (2, [2, 3])


def test_what_a_model_that_is_no_arm_of_it_predicts_is_none_of_its_business() -> None:
    found = seen(endpoint(), endpoint(models=dict(endpoint().models, **{"c@1": Model(rule="0.9")})))
    assert found is not None
    assert found.first == 1


def test_an_endpoint_that_comes_back_starts_anew() -> None:
    found = seen(endpoint(), None, endpoint())
    assert found is not None
    assert found.first == 3


def test_no_more_of_the_history_is_read_than_is_needed() -> None:
    history = iter([Revised(3, 30, endpoint()), Revised(2, 20, endpoint(experiment=None)), Revised(1, 10, None)])
    assert running(history) is not None
    assert [revised.number for revised in history] == [1]


def test_what_was_chosen_at_other_revisions_since_the_start_is_no_part_of_it() -> None:
    found = seen(endpoint(experiment=None), endpoint(), endpoint(routing=RAMP))
    assert found is not None
    time, revision = np.array([12, 16, 21, 22, 31, 40]), np.array([1, 1, 1, 2, 3, 99])
    nothing = np.zeros(6)
    rows = Rows(time, time, time, time, revision, nothing, nothing.astype(bool), nothing)
    assert found.own(rows).time.tolist() == [12, 16, 22, 31]

"""A model that is drained gets no request, and the others go on."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyperplan.draining import drained
from hyperplan.endpoint import Endpoint, Entity, Match, Model, Routing, problems_of
from hyperplan.experiments.design import Experiment, Minimum
from hyperplan.problems import Invalid
from hyperplan.schema import Schema

NAMES = ("gbm@1", "gbm@2", "logit@1")
names = st.sampled_from(NAMES)
chains = st.lists(names, unique=True).map(tuple)


def endpoint(**routing: Any) -> Endpoint:
    return Endpoint(
        name="flight-delay",
        match=Match(path="/predict"),
        protocol="json",
        task="binary",
        entity=Entity(header="x-user"),
        schema=msgspec.convert({"features": {"x": {"type": "float"}}}, Schema),
        models={name: Model(url=f"http://{name[:3]}/predict", protocol="json") for name in NAMES},
        routing=Routing(**routing),
    )


routings: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {"split": st.dictionaries(names, st.sampled_from([0.0, 1.0, 90.0]), min_size=1)},
    optional={"fallback": chains, "default": st.none() | names, "sticky": st.booleans(), "shadow": chains},
).filter(lambda routing: not list(problems_of(endpoint(**routing))))


@given(routings, names)
def test_nothing_names_a_drained_model_and_all_else_is_as_it_was(routing: dict[str, Any], model: str) -> None:
    before = endpoint(**routing)
    if not any(weight for arm, weight in before.routing.split.items() if arm != model):
        with pytest.raises(Invalid, match="nobody would be left"):
            drained(before, model)
        return
    after = drained(before, model)
    assert model not in {*after.routing.split, *after.routing.fallback, *after.routing.shadow}
    assert after.routing.default_model() != model
    assert all(model not in after.routing.chain(arm) for arm in after.routing.split)
    assert after.models == before.models
    for arm, weight in after.routing.split.items():
        assert weight == before.routing.split[arm]
    assert [name for name in before.routing.fallback if name != model] == list(after.routing.fallback)
    assert after.routing.sticky == before.routing.sticky
    assert list(problems_of(after)) == []


@given(routings, names)
def test_draining_twice_is_draining_once(routing: dict[str, Any], model: str) -> None:
    before = endpoint(**routing)
    if any(weight for arm, weight in before.routing.split.items() if arm != model):
        assert drained(drained(before, model), model) == drained(before, model)


def test_an_experiment_that_compares_a_drained_model_is_over_and_another_goes_on() -> None:
    experiment = Experiment(arms=("gbm@1", "gbm@2"), minimum_effect=Minimum(relative=0.1))
    routing = {"split": dict.fromkeys(NAMES, 1.0), "sticky": True}
    before = msgspec.structs.replace(endpoint(**routing), experiment=experiment)
    assert list(problems_of(before)) == []
    assert drained(before, "gbm@2").experiment is None
    assert drained(before, "logit@1").experiment == experiment


def test_who_may_take_the_traffic_is_said_when_nobody_would() -> None:
    with pytest.raises(Invalid, match="hyperplan route flight-delay --split gbm@1=1"):
        drained(endpoint(split={"gbm@2": 1.0, "gbm@1": 0.0}, fallback=("gbm@1",)), "gbm@2")

"""Exploration publishes when it is time and something changed, never over a person, and says what it does."""

from typing import Any

import pytest

from hyperplan.documents import Document
from hyperplan.endpoint import read_endpoint
from hyperplan.exploration.block import Exploration, Reward
from hyperplan.exploration.evidence import NOTHING, Earned, Evidence
from hyperplan.exploration.thought import SECOND, Past, think
from hyperplan.problems import Invalid
from tests.control.conftest import make_plain

SPLIT = {"gbm@1": 50.0, "logit@1": 50.0, "spare@1": 0.0}
BETTER = Evidence(("gbm@1", "logit@1"), (Earned(0.6, 0.5, 900, 900), Earned(0.3, 0.46, 900, 900)), True)
ALIKE = Evidence(("gbm@1", "logit@1"), (Earned(0.3, 0.46, 900, 900), Earned(0.3, 0.46, 900, 900)), True)
IGNORANT = Evidence(("gbm@1", "logit@1"), (NOTHING, NOTHING), True)
ALONE = Evidence(("gbm@1",), (Earned(0.6, 0.5, 900, 900),), True)
BLOCK = Exploration(policy="thompson", floor=0.1, every=60)


@pytest.mark.parametrize(
    ("found", "past", "doing", "words"),
    [
        (
            BETTER,
            Past(),
            "publishes",
            "thompson: by prediction (and how many) earned gbm@1 0.6 (900), logit@1 0.3 (900)",
        ),
        (BETTER, Past(published=100 * SECOND), "waits", "in 55 seconds"),
        (BETTER, Past(published=40 * SECOND), "publishes", "40.0% of the traffic gets another arm"),
        (BETTER, Past(held="ada holds"), "held", "ada holds"),
        (ALIKE, Past(), "settled", "too little"),
        (IGNORANT, Past(), "ignorant", "no prediction has a reward yet"),
        (ALONE, Past(), "alone", "one arm"),
    ],
)
def test_what_comes_next(found: Evidence, past: Past, doing: str, words: str) -> None:
    thought = think(BLOCK, SPLIT, found, past, 105 * SECOND)
    assert thought.doing == doing
    assert words in thought.words


def test_weights_are_percent_and_an_arm_without_one_keeps_none() -> None:
    thought = think(BLOCK, SPLIT, BETTER, Past(), 0)
    assert thought.split(SPLIT) == {"gbm@1": 90.0, "logit@1": 10.0, "spare@1": 0.0}
    assert thought.moved == pytest.approx(0.4)


def problems(**fields: Any) -> dict[str, str]:
    with pytest.raises(Invalid) as refused:
        read_endpoint(Document(make_plain(**fields)))
    return {problem.pointer: problem.detail for problem in refused.value.problems}


def test_an_exploration_beside_an_experiment_is_refused() -> None:
    experiment = {"arms": ["gbm@1", "logit@1"], "minimum_effect": {"relative": 0.1}, "unit": "request"}
    found = problems(experiment=experiment, exploration={"policy": "thompson"})
    assert "one or the other" in found["/exploration"]


@pytest.mark.parametrize(
    ("exploration", "task", "place", "words"),
    [
        ({"policy": "thompson", "floor": 0.5}, "binary", "/exploration/floor", "make it smaller"),
        (
            {"policy": "thompson", "reward": {"of": "correct"}},
            "regression",
            "/exploration/reward/of",
            "never just correct",
        ),
        ({"policy": "thompson", "reward": {"of": "label"}}, "multiclass", "/exploration/reward/of", "say of: correct"),
        ({"policy": "epsilon", "wait": 60, "window": 60}, "binary", "/exploration/wait", "make it shorter"),
        ({"policy": "greedy"}, "binary", "/exploration/policy", "epsilon"),
        ({"policy": "epsilon", "epsilon": 0}, "binary", "/exploration/epsilon", ""),
    ],
)
def test_what_cannot_be_explored_is_refused_at_its_place(
    exploration: dict[str, object], task: str, place: str, words: str
) -> None:
    found = problems(exploration=exploration, task=task)
    assert words in found[place]


def test_what_is_declared_is_kept() -> None:
    declared = {"policy": "epsilon", "epsilon": 0.2, "reward": {"of": "correct", "better": "lower"}}
    endpoint = read_endpoint(Document(make_plain(exploration=declared)))
    assert endpoint.exploration == Exploration(
        policy="epsilon", epsilon=0.2, reward=Reward(of="correct", better="lower")
    )

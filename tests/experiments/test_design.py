"""The experiment block of an endpoint document."""

import subprocess
import sys
from typing import Any

import msgspec
import pytest

from hyperplan.experiments.design import Experiment

SPLIT = {"a@1": 90.0, "b@1": 10.0}


def block(**more: Any) -> Experiment:
    return msgspec.convert({"arms": ["a@1", "b@1"], "minimum_effect": {"relative": 0.05}, **more}, Experiment)


def problems(experiment: Experiment, *, sticky: bool = True, multiclass: bool = False) -> dict[str, str]:
    found = experiment.problems(SPLIT, {*SPLIT, "c@1"}, sticky=sticky, multiclass=multiclass)
    return {problem.pointer: problem.detail for problem in found}


def test_a_sound_experiment_has_no_problems() -> None:
    whole = block(control="b@1", guardrails={"errors": {}, "latency": {"slower": 0.2, "margin": 2}}, before=86400)
    assert problems(whole) == {}
    assert (whole.control_arm(), whole.treatments()) == ("b@1", ("a@1",))


def test_the_first_arm_is_the_control_arm_unless_another_is_named() -> None:
    assert block().control_arm() == "a@1"


@pytest.mark.parametrize(
    ("more", "place"),
    [
        ({"arms": ["a@1"]}, "/arms"),
        ({"arms": ["a@1", "a@1"]}, "/arms"),
        ({"arms": ["a@1", "z@1"]}, "/arms/1"),
        ({"arms": ["a@1", "c@1"]}, "/arms/1"),
        ({"control": "c@1"}, "/control"),
        ({"minimum_effect": {}}, "/minimum_effect"),
        ({"minimum_effect": {"relative": 0.1, "absolute": 1}}, "/minimum_effect"),
        ({"unit": "request"}, "/unit"),
        ({"guardrails": {"latency": {}}}, "/guardrails/latency/slower"),
        ({"guardrails": {"errors": {"slower": 1}}}, "/guardrails/errors/slower"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(more: dict[str, Any], place: str) -> None:
    assert list(problems(block(**more))) == [place]


def test_entities_that_may_meet_several_arms_are_no_units() -> None:
    assert "sticky" in problems(block(), sticky=False)["/unit"]


def test_a_request_has_no_past() -> None:
    assert list(problems(block(unit="request", before=60), sticky=False)) == ["/before"]


def test_what_nobody_knows_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError):
        block(minimal_effect=1)


def test_the_block_is_read_without_numpy() -> None:
    program = "import sys, hyperplan.experiments.design; print('numpy' in sys.modules)"
    assert (
        subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout == "False\n"
    )

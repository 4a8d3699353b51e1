"""What `hyperplan exploration` and `hyperplan evaluate` print of what control says."""

from typing import Any

import msgspec
import numpy as np
import pytest

from cli.exploration import show_evaluation, show_exploration
from hyperplan.evaluation.evaluate import evaluate
from hyperplan.evaluation.policy import parse_policy
from hyperplan.exploration.block import Exploration, Reward
from hyperplan.exploration.evidence import NOTHING, Earned, Evidence
from hyperplan.exploration.thought import Past, think
from tests.support.outcomes import outcomes


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")


def printed(capsys: pytest.CaptureFixture[str]) -> str:
    return "\n".join(" ".join(line.split()) for line in capsys.readouterr().out.splitlines())


def test_each_arm_stands_with_what_it_earned_and_what_it_is_to_get(capsys: pytest.CaptureFixture[str]) -> None:
    block = Exploration(policy="epsilon", floor=0.1)
    found = Evidence(("gbm[1]@1", "new@1"), (Earned(0.25, 0.43, 80.4, 100), NOTHING), True)
    thought = think(block, {"gbm[1]@1": 50.0, "new@1": 50.0}, found, Past(held="ada holds them"), 0)
    show_exploration(
        {
            "endpoint": "e",
            "revision": 7,
            "exploration": msgspec.to_builtins(block),
            "thought": msgspec.to_builtins(thought),
        }
    )
    text = printed(capsys)
    assert "│ gbm[1]@1 │ 0.25 │ 100 │ 80 │" in text
    assert "│ 50.0% │ 86.0% │" in text
    assert "│ new@1 │ - │ 0 │ 0 │" in text
    assert "held: ada holds them" in text


def report(*policies: str, rows: int) -> dict[str, Any]:
    """What control says of policies, where `b@1` had a fifth of the traffic and earns all there is."""
    arms = ["a@1", "a@1", "a@1", "a@1", "b@1"] * (rows // 5)
    reward = [0.0, 1.0, 0.0, 0.0, 1.0] * (rows // 5)
    forced = np.arange(rows) < 5
    told = outcomes(arms, reward, propensity=np.array([0.8, 0.8, 0.8, 0.8, 0.2] * (rows // 5)), forced=forced)
    logging = {1: {"a@1": 0.8, "b@1": 0.2}}
    found = [evaluate(told, logging, parse_policy(policy), Reward()) for policy in policies]
    times = dict.fromkeys(("since", "until", "ripe_until"), "2026-01-31T12:00:00Z")
    return times | {"endpoint": "e", "of": "reward", "unripe": 3, "policies": msgspec.to_builtins(found)}


def test_each_policy_stands_with_its_estimates_beside_what_was(capsys: pytest.CaptureFixture[str]) -> None:
    show_evaluation(report("a@1=1", rows=1_000))
    text = printed(capsys)
    assert "│ as it was │ 0.4 │" in text
    for name in ("IPS", "SNIPS", "doubly robust", "more than it was"):
        assert f"│ {name} │" in text
    assert "less than the 0.4 that was earned" in text
    assert "995 rows of 995 entities; effective sample size 796" in text
    assert "5 rows left out of requests that named their arm themselves" in text
    assert "3 rows are so new" in text


def test_where_too_little_is_known_a_sentence_says_so_and_no_estimate_stands(
    capsys: pytest.CaptureFixture[str],
) -> None:
    show_evaluation(report("b@1=1", rows=100))
    text = printed(capsys)
    assert "too little is known" in text
    assert "SNIPS" not in text

"""The verdict, from the top of its table."""

import math
from typing import Any

import pytest

from hyperplan.experiments.compare import Compared
from hyperplan.experiments.verdict import STATES, Evidence, Watched, lasting, verdict


def evidence(compared: dict[str, Any] | None = None, **more: Any) -> Evidence:
    fallback = {"control": 900, "treated": 100, "evidence": 1.0, "needed": 3.0, "leaning": 1, "estimate": 0.0}
    whole = Compared(**{**fallback, "low": -0.5, "high": 0.5, **(compared or {})})
    return Evidence(treatment="b@1", control="a@1", compared=whole, **{"better": 1, "minimum": 0.1, **more})


HIGHER = {"evidence": 4.0, "low": 0.0, "high": 0.4}
LOWER = {"evidence": 4.0, "leaning": -1, "low": -0.4, "high": 0.0}


@pytest.mark.parametrize(
    ("given", "decision", "state"),
    [
        (evidence(), "go on", "undecided"),
        (evidence(HIGHER), "ship", "better"),
        (evidence(HIGHER, better=-1, minimum=-0.1), "stop", "worse"),
        (evidence(LOWER), "stop", "worse"),
        (evidence(LOWER, better=-1, minimum=-0.1), "ship", "better"),
        (evidence({"high": 0.05}), "stop", "too small"),
        (evidence({"low": -0.05}, better=-1, minimum=-0.1), "stop", "too small"),
        (evidence(limit=1000), "stop", "over"),
        (evidence(limit=1001), "go on", "undecided"),
        (evidence(HIGHER, guardrails={"errors": Watched(evidence=5, alpha=0.01)}), "stop", "guardrail"),
        (evidence(HIGHER, guardrails={"errors": Watched(evidence=4, alpha=0.01)}), "ship", "better"),
        (evidence(HIGHER, sample_ratio=7.0), "broken", "mismatch"),
        (evidence({"low": math.nan, "high": math.nan, "evidence": 9.0}), "broken", "unstable"),
    ],
)
def test_the_first_state_that_holds_is_the_verdict(given: Evidence, decision: str, state: str) -> None:
    found = verdict(given)
    assert (found.decision, found.state) == (decision, state)


def test_a_verdict_says_why() -> None:
    assert verdict(evidence(HIGHER)).why == "b@1 is better than a@1: the effect is from +0 to +0.4, with 1,000 units"
    share = evidence(HIGHER, relative=True)
    assert verdict(share).why == "b@1 is better than a@1: the effect is from +0.00% to +40.00%, with 1,000 units"
    broken = evidence(guardrails={"errors": Watched(evidence=5, alpha=0.01)})
    assert verdict(broken).why == "b@1 breaks a guardrail: errors"


def test_the_last_state_always_holds() -> None:
    assert STATES[-1][2](evidence())


UNDECIDED, BETTER, WORSE = (verdict(each) for each in (evidence(), evidence(HIGHER), evidence(LOWER)))
GUARDRAIL = verdict(evidence(guardrails={"errors": Watched(evidence=5, alpha=0.01)}))
MISMATCH = verdict(evidence(sample_ratio=7.0))


def test_a_verdict_that_was_reached_lasts_whatever_later_looks_see() -> None:
    assert lasting(None, UNDECIDED) == UNDECIDED
    assert lasting(UNDECIDED, BETTER) == BETTER
    for later in (UNDECIDED, WORSE, BETTER):
        assert lasting(BETTER, later) == BETTER


def test_an_alarm_that_stands_above_a_verdict_takes_its_place_and_stays() -> None:
    assert lasting(BETTER, GUARDRAIL) == GUARDRAIL
    assert lasting(GUARDRAIL, MISMATCH) == MISMATCH
    assert lasting(MISMATCH, GUARDRAIL) == lasting(MISMATCH, BETTER) == MISMATCH

"""An experiment from its design and what was seen to its verdict."""

from typing import Any

import msgspec
import numpy as np
import pytest

from hyperplan.experiments.design import Experiment
from hyperplan.experiments.judge import SECOND, Counted, Judged, judge, rows_in
from hyperplan.outcomes import Coded, Outcomes

WEIGHTS = {1: {"a@1": 50.0, "b@1": 50.0}}
DAY = 86_400 * SECOND
START = 100 * DAY


def design(**more: Any) -> Experiment:
    whole = {"arms": ["a@1", "b@1"], "minimum_effect": {"relative": 0.2}, "window": 3600, **more}
    return msgspec.convert(whole, Experiment)


def served(effect: float, *, lost: float = 0.0, past: float = 0.0, entities: int = 4000, seed: int = 1) -> Outcomes:
    """Two rows of each entity with a rate of 0.2, a row per entity in the days before, and some of the entities of b lost."""
    rng = np.random.default_rng(seed)
    kind = rng.normal(size=entities)
    treated = rng.random(entities) < 0.5
    kept = np.flatnonzero(~(treated & (rng.random(entities) < lost)))
    who = np.concatenate([kept, kept, np.arange(entities)])
    now = np.arange(len(who)) < 2 * len(kept)
    rate = 0.2 * (1 + effect * (treated[who] & now)) if not past else None
    value = (
        (rng.random(len(who)) < rate).astype(float)
        if rate is not None
        else past * kind[who] + rng.normal(size=len(who)) + 10
    )
    time = np.where(now, START + who * SECOND, START - DAY + who * SECOND)
    count, nothing = len(who), np.zeros(len(who))
    arm = Coded.of(["b@1" if treated[entity] else "a@1" for entity in who])
    return Outcomes(
        task="binary",
        prediction_id=np.array([f"p{index}" for index in range(count)], object),
        row=nothing.astype(np.int32),
        time=time,
        labelled_at=time,
        entity=Coded.of([f"e{entity:06}" for entity in who]),
        arm=arm,
        answered=arm,
        revision=np.ones(count, np.int64),
        propensity=nothing + 0.5,
        inclusion=nothing + 1,
        forced=np.zeros(count, bool),
        score=nothing,
        label=nothing,
        reward=value,
        predicted=nothing.astype(np.int32),
        truth_score=nothing,
    )


def judged(experiment: Experiment, outcomes: Outcomes, now: int = START + DAY, **more: Any) -> Judged:
    return judge(experiment, rows_in(outcomes, experiment), WEIGHTS, START, now, **more)["b@1"]


def test_a_better_arm_is_shipped() -> None:
    found = judged(design(), served(0.4))
    assert (found.verdict.decision, found.verdict.state) == ("ship", "better")
    assert found.evidence.compared.low < 0.4 < found.evidence.compared.high


def test_an_arm_is_worse_where_lower_is_better() -> None:
    assert judged(design(metric={"better": "lower"}), served(0.4)).verdict.state == "worse"


def test_nothing_is_certain_before_windows_close() -> None:
    found = judged(design(), served(0.4), now=START + 3600 * SECOND - 1)
    assert found.evidence.compared.units == 0
    assert found.verdict.decision == "go on"


def test_an_arm_that_loses_units_makes_the_experiment_broken() -> None:
    assert judged(design(), served(0.4, lost=0.2)).verdict.state == "mismatch"


def test_a_mismatch_is_seen_over_many_revisions_of_the_same_weights() -> None:
    rows = rows_in(served(0, lost=0.2), design())
    steps = rows._replace(revision=rows.entity % 1000)
    found = judge(design(), steps, dict.fromkeys(range(1000), WEIGHTS[1]), START, START + DAY)
    assert found["b@1"].verdict.state == "mismatch"


def test_a_broken_guardrail_stops_a_better_arm() -> None:
    ticks, many = np.full(20, 100.0), np.full(20, 6.0)
    counters = {"errors": {"a@1": Counted(many / 6, ticks), "b@1": Counted(many, ticks)}}
    assert judged(design(guardrails={"errors": {}}), served(0.4), counters=counters).verdict.state == "guardrail"
    assert (
        judged(design(guardrails={"latency": {"slower": 1}}), served(0.4), counters=counters).verdict.state == "better"
    )


def test_what_was_before_the_start_narrows_the_interval() -> None:
    outcomes = served(0, past=3)
    absolute = {"minimum_effect": {"absolute": 0.2}}
    raw = judged(design(**absolute), outcomes).evidence.compared
    finer = judged(design(**absolute, before=86_400), outcomes).evidence.compared
    assert finer.units == raw.units == 4000
    assert finer.high - finer.low < 0.7 * (raw.high - raw.low)


def test_a_treatment_without_outcomes_has_a_verdict_too() -> None:
    three = design(arms=["a@1", "b@1", "c@1"])
    found = judge(three, rows_in(served(0), three), {1: {"a@1": 1, "b@1": 1, "c@1": 0}}, START, START + DAY)
    assert found["c@1"].verdict.decision == "go on"
    assert found["c@1"].evidence.compared.needed == pytest.approx(np.log(40))


def test_a_revision_without_weights_is_an_error() -> None:
    with pytest.raises(KeyError):
        judge(design(), rows_in(served(0), design()), {}, START, START + DAY)

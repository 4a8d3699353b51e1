"""Policies as they are written, and whom they would have chosen."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyperplan.evaluation.policy import parse_policy
from hyperplan.outcomes import Coded
from hyperplan.problems import Invalid
from tests.support.outcomes import outcomes


def test_one_arm_always() -> None:
    policy = parse_policy("a@1=1")
    assert policy.arms() == ["a@1"]
    assert policy.probabilities(outcomes(["b@1"] * 2, [0, 0]), ["a@1", "b@1"]).tolist() == [[1, 0], [1, 0]]


def test_arms_by_slice_where_the_first_clause_that_holds_decides() -> None:
    given_ = outcomes(["a@1"] * 3, [0, 0, 0], slices={"header:x-os": Coded.of(["ios", "android", None])})
    policy = parse_policy("a@1=1 if header:x-os=ios; a@1=1, b@1=3 if header:x-os=android; b@1=2")
    assert policy.probabilities(given_, ["a@1", "b@1"]).tolist() == [[1, 0], [0.25, 0.75], [0, 1]]


@given(st.lists(st.floats(0, 1e6).filter(lambda weight: weight > 1e-6), min_size=1, max_size=5))
def test_whatever_the_weights_the_probabilities_sum_to_one(weights: list[float]) -> None:
    (clause,) = parse_policy(",".join(f"m@{number}={weight}" for number, weight in enumerate(weights))).clauses
    assert sum(clause.shares.values()) == pytest.approx(1)
    assert np.all(np.array(list(clause.shares.values())) >= 0)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no arm with a weight"),
        ("gbm@1", "no arm with a weight, like gbm@1=1"),
        ("gbm@1=-1", "no arm with a weight"),
        ("gbm@1=nan", "no arm with a weight"),
        ("gbm@1=0", "no arm a weight above 0"),
        ("gbm@1=1, gbm@1=2", "names 'gbm@1' twice"),
        ("gbm@1=1 if origin=EWR", "what holds elsewhere"),
        ("gbm@1=1; logit@1=1", "before the last one"),
    ],
)
def test_what_is_no_policy_is_refused_in_a_sentence(text: str, words: str) -> None:
    with pytest.raises(Invalid) as refused:
        parse_policy(text)
    assert words in refused.value.problems[0].detail


def test_arms_and_slices_that_there_are_not_are_named_with_those_that_there_are() -> None:
    policy = parse_policy("gbm@2=1 if origin=EWR; gbm@1=1")
    details = [problem.detail for problem in policy.problems(["gbm@1"], ["carrier"])]
    assert details == [
        "'gbm@2' is no arm of this endpoint; known: gbm@1",
        "'origin' is no slice of this endpoint; known: carrier",
    ]

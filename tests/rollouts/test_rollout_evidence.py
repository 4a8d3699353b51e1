"""Evidence against a canary: exact, at any time, whatever the rates do, and the same as that of experiments."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from hyperplan.experiments.rates import BETS, excess
from hyperplan.rollouts import evidence as module
from hyperplan.rollouts.evidence import Counts, Evidence

SIZES = st.integers(1, 12)
RATES = st.floats(0.0, 1.0).map(lambda rate: rate if rate > 1e-300 else 0.0)  # scipy overflows on subnormal rates


def total(evidence: Evidence) -> float:
    return sum(map(math.exp, evidence.wealth))


def mean_after(evidence: Evidence, n: int, m: int, rate: float, margin: float) -> float:
    """The mean of all that bettors have after a look, over all that may be counted when the canary is just as bad as it may be."""
    worst = min(margin * rate, 1.0)
    ours, theirs = binom.pmf(range(n + 1), n, worst), binom.pmf(range(m + 1), m, rate)
    return math.fsum(
        ours[hits] * theirs[others] * total(evidence.after(Counts(hits, n, others, m), margin))
        for hits in range(n + 1)
        for others in range(m + 1)
    )


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(SIZES, SIZES, st.floats(0, 0.4)), max_size=3), SIZES, SIZES, RATES, st.floats(1.0, 3.0))
def test_no_look_gains_in_the_mean_whatever_was_seen_before(
    before: list[tuple[int, int, float]], n: int, m: int, rate: float, margin: float
) -> None:
    evidence = Evidence()
    for requests, control, share in before:
        hits, others = int(share * requests), int((1 - share) * control * 0.2)
        evidence = evidence.after(Counts(hits, requests, others, control), margin)
    assert mean_after(evidence, n, m, rate, margin) <= total(evidence) * (1 + 1e-9)


def test_it_begins_with_one() -> None:
    assert total(Evidence()) == pytest.approx(1.0)


def test_without_sharing_and_idleness_it_is_the_evidence_of_experiments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SHARING", 1e300)
    stakes = [1e-300, *BETS.values()]
    monkeypatch.setattr(module, "_STAKES", tuple(stakes))
    evidence = Evidence(tuple(map(math.log, stakes)))
    random = np.random.default_rng(1)
    looks = [Counts(*map(int, random.integers([0, 50, 0, 50], [9, 99, 9, 999]))) for _ in range(20)]
    for look in looks:
        evidence = evidence.after(look, 1.2)
    hits, requests, control_hits, control_requests = np.array(looks, float).T
    expected = excess(hits, requests, control_hits, control_requests, 1.2)
    assert math.log(total(evidence)) == pytest.approx(expected[-1])
    assert evidence.peak == pytest.approx(max(expected.max(), 0.0))


@given(SIZES, SIZES)
def test_an_arm_without_requests_says_nothing(n: int, m: int) -> None:
    for counts in (Counts(n, n, 0, 0), Counts(0, 0, m, m)):
        assert total(Evidence().after(counts, 1.0)) == pytest.approx(1.0)


def test_a_canary_that_was_sound_for_long_and_turns_bad_is_still_found() -> None:
    evidence = Evidence()
    for _ in range(1000):
        evidence = evidence.after(Counts(1, 100, 10, 1000), 1.0)
    for _ in range(20):
        evidence = evidence.after(Counts(3, 100, 10, 1000), 1.0)
    assert evidence.peak > math.log(100)

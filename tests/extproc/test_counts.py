"""Counts of all traffic stay bounded, whatever clients send, and can be gathered from several processes."""

from extproc.stages.observer import Attempt, Outcome
from extproc.telemetry.counts import MOST_ATTEMPTS, MOST_FEATURES, OTHER, PASSED_OVER, Counts

OUTCOMES: tuple[Outcome, ...] = ("ok", "failed")


def attempt(
    outcome: Outcome,
    model: str = "gbm@1",
    arm: str = "gbm@1",
    revision: int = 3,
    latency: int = 15,
    prediction: int = 2,
    *,
    marked: bool = False,
) -> Attempt:
    return ("e", model, outcome, arm, revision, latency, prediction, marked)


def test_violations_are_counted_by_endpoint_feature_and_kind() -> None:
    counts = Counts()
    for _ in range(3):
        counts.violated("e", "distance", "missing")
    assert counts.violations == {("e", "distance", "missing"): 3}


def test_what_one_process_took_is_added_up_in_another() -> None:
    ours, theirs = Counts(), Counts()
    ours.attempted(attempt("ok"))
    for outcome in OUTCOMES:
        theirs.attempted(attempt(outcome))
    ours.add(theirs.take())
    assert ours.attempts() == {("e", "gbm@1", "ok"): 2, ("e", "gbm@1", "failed"): 1}
    assert not theirs.attempts()


def test_first_attempts_are_counted_by_the_arm_that_was_chosen() -> None:
    counts = Counts()
    counts.attempted(attempt("ok"))
    counts.attempted(attempt("failed", latency=51, prediction=-1, marked=True))
    counts.attempted(attempt("ok", model="logit@1"))
    counts.attempted(attempt("ok", arm=""))
    assert counts.arm_attempts() == {("e", "gbm@1", "3", outcome): 1 for outcome in ("ok", "failed", PASSED_OVER)}
    assert counts.arm_latencies() == {("e", "gbm@1", "3", "0.031623"): 1, ("e", "gbm@1", "3", "inf"): 1}
    assert counts.arm_predictions() == {("e", "gbm@1", "3", "2"): 1}
    assert counts.arm_violations() == {("e", "gbm@1", "3"): 1}


def test_what_was_counted_under_old_revisions_is_added_up_before_it_fills_memory() -> None:
    counts = Counts()
    for revision in range(1, 300):
        for latency in range(40):
            counts.attempted(attempt("ok", revision=revision, latency=latency))
    assert len(counts.arm_latencies()) <= MOST_ATTEMPTS
    assert counts.attempts() == {("e", "gbm@1", "ok"): 299 * 40}
    assert counts.arm_attempts()["e", "gbm@1", "299", "ok"] == 40


def test_names_that_clients_invent_are_bounded_and_none_goes_uncounted() -> None:
    counts = Counts()
    for index in range(MOST_FEATURES * 2):
        counts.violated("e", f"invented-{index}", "unknown")
    assert len(counts.violations) == MOST_FEATURES + 1
    assert counts.violations[("e", OTHER, "unknown")] == MOST_FEATURES


def test_a_very_long_invented_name_is_not_kept() -> None:
    counts = Counts()
    counts.violated("e", "x" * 1000, "unknown")
    assert counts.violations == {("e", OTHER, "unknown"): 1}


def counted() -> Counts:
    counts = Counts()
    counts.routed("e", "gbm@1")
    counts.routed("e", "gbm@1")
    counts.forced("e", "gbm@2")
    counts.rejected("e")
    counts.violated("e", "distance", "range")
    counts.flawed("e", "not_json")
    return counts


def test_a_request_that_named_its_arm_was_routed_and_is_no_choice() -> None:
    counts = counted()
    assert counts.requests() == {("e", "routed"): 3, ("e", "rejected"): 1}
    assert (counts.choices, counts.forces) == ({("e", "gbm@1"): 2}, {("e", "gbm@2"): 1})


def test_what_was_taken_from_one_process_counts_the_same_in_another() -> None:
    first, second = counted(), Counts()
    second.add(first.take())
    assert first.requests() == {}
    for name in ("choices", "forces", "rejections", "violations", "flaws"):
        assert getattr(second, name) == getattr(counted(), name)

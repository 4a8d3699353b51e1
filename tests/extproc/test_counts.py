"""Counts of all traffic, in one process and gathered from several."""

from extproc.telemetry.counts import Counts


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

"""Counts of all traffic stay bounded, whatever clients send, and can be gathered from several processes."""

from extproc.telemetry.counts import MOST_FEATURES, OTHER, Counts


def test_violations_are_counted_by_endpoint_feature_and_kind() -> None:
    counts = Counts()
    for _ in range(3):
        counts.violated("e", "distance", "missing")
    assert counts.violations == {("e", "distance", "missing"): 3}


def test_what_one_process_took_is_added_up_in_another() -> None:
    ours, theirs = Counts(), Counts()
    ours.attempted("e", "gbm@1", "ok")
    for outcome in ("ok", "failed"):
        theirs.attempted("e", "gbm@1", outcome)
    ours.add(theirs.take())
    assert ours.attempts == {("e", "gbm@1", "ok"): 2, ("e", "gbm@1", "failed"): 1}
    assert not theirs.attempts


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

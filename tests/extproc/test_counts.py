"""Counts of all traffic stay bounded, whatever clients send."""

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

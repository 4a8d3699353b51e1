"""Counters of all traffic: restarts lose and double nothing."""

import uuid
from collections.abc import Callable

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from control.stores import Store
from control.stores.counters import CumulativeSum, Series
from tests.support.databases import EVERYWHERE

ROUTED = Series("hyperplan.requests", "flight-delay", "routed")
MINUTE = 60 * 10**9
FOREVER = 1 << 62

pytestmark = EVERYWHERE


def point(value: int, time: int, instance: str = "a", start: int = 0, series: Series = ROUTED) -> CumulativeSum:
    return CumulativeSum(series, instance, start, time, value)


def total(store: Store, series: Series = ROUTED) -> int:
    found = store.counters.increments(series.endpoint, 0, FOREVER)
    return sum(counts.get(series, 0) for counts in found.values())


def test_increments_go_to_the_bucket_of_their_time(store: Store) -> None:
    store.count([point(10, 1), point(25, MINUTE), point(26, 2 * MINUTE - 1)])
    assert store.counters.increments("flight-delay", 0, FOREVER) == {0: {ROUTED: 10}, MINUTE: {ROUTED: 16}}
    assert store.counters.increments("flight-delay", MINUTE, FOREVER) == {MINUTE: {ROUTED: 16}}


def test_a_sum_that_is_sent_again_or_late_counts_once(store: Store) -> None:
    store.count([point(10, 1), point(10, 2)])
    store.count([point(30, 4)])
    store.count([point(10, 1), point(20, 3)])
    assert total(store) == 30


def test_a_sidecar_that_starts_again_counts_from_zero(store: Store) -> None:
    store.count([point(10, 1, "a")])
    store.count([point(4, 2, "b", start=2)])
    store.count([point(3, 5, "b", start=4)])
    assert total(store) == 17


def test_a_control_that_starts_again_goes_on_counting(open_again: Callable[[], Store]) -> None:
    for value in (10, 10, 25):
        store = open_again()
        store.count([point(value, value)])
        found = total(store)
        store.close()
    assert found == 25


def test_sidecars_and_labels_are_told_apart(store: Store) -> None:
    missing = Series("hyperplan.violations", "flight-delay", "distance", "missing")
    store.count([point(1, 1, "a"), point(2, 1, "b"), point(5, 1, "a", series=missing)])
    assert total(store) == 3
    assert total(store, missing) == 5


def test_compaction_of_counters_changes_no_answer(store: Store) -> None:
    for value in range(1, 20):
        store.count([point(value, value * MINUTE // 8)])
    before = store.counters.increments("flight-delay", 0, FOREVER)
    store.compact(2 * MINUTE)
    assert store.counters.increments("flight-delay", 0, FOREVER) == before
    assert total(store) == 19


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 50), st.booleans()), min_size=1, max_size=10))
def test_whatever_is_repeated_the_total_is_that_of_the_last_sums(
    store: Store, sent: list[tuple[str, int, bool]]
) -> None:
    run, before = uuid.uuid4().hex, total(store)
    last: dict[str, int] = {}
    for time, (instance, value, again) in enumerate(sent):
        last[instance] = max(value, last.get(instance, 0))
        for _ in range(2 if again else 1):
            store.count([point(value, time, run + instance)])
    assert total(store) - before == sum(last.values())

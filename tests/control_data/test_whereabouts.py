"""Filters of where rows may be: they never miss one, and pass over nearly all else."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from control.stores.databases.whereabouts import LATE, MANY, STRETCH, Whereabouts

SECOND = 10**9


def hashes(count: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 1 << 64, count, np.uint64)


@settings(deadline=None, max_examples=50)
@given(st.lists(st.tuples(st.integers(0, 1 << 40), st.integers(0, (1 << 64) - 1)), max_size=50), st.data())
def test_a_row_is_always_within_a_span_of_its_hash(rows: list[tuple[int, int]], data: st.DataObject) -> None:
    where = Whereabouts()
    while rows:
        some = data.draw(st.integers(1, len(rows)))
        part, rows = rows[:some], rows[some:]
        where.add(np.array([time for time, _ in part], np.int64), np.array([each for _, each in part], np.uint64))
        assert all(any(start <= time <= end for start, end in where.spans(each)) for time, each in part)


def test_many_rows_at_once_are_noted_as_few_are() -> None:
    found = hashes(MANY + 1, 1)
    times = np.arange(found.size) * SECOND
    at_once, one_by_one = Whereabouts(), Whereabouts()
    at_once.add(times, found)
    for start in range(0, found.size, 1000):
        one_by_one.add(times[start : start + 1000], found[start : start + 1000])
    asked = [*found[:500].tolist(), *hashes(500, 2).tolist()]
    assert [at_once.spans(each) for each in asked] == [one_by_one.spans(each) for each in asked]


def test_nearly_all_stretches_are_passed_over() -> None:
    where = Whereabouts()
    for number in range(8):
        where.add(np.arange(STRETCH) + number * STRETCH, hashes(STRETCH, number))
    found = sum(len(where.spans(each)) for each in hashes(2000, 99).tolist())
    assert found < 0.01 * 2000 * 8


def test_a_late_row_makes_no_long_span_of_those_that_were_in_time() -> None:
    where, found = Whereabouts(), hashes(4, 3)
    where.add(np.array([10 * LATE, 10 * LATE + SECOND]), found[:2])
    where.add(np.array([5 * SECOND, 10 * LATE + 2 * SECOND]), found[2:])
    assert where.spans(int(found[0])) == [(10 * LATE, 10 * LATE + 2 * SECOND)]
    assert where.spans(int(found[2])) == [(5 * SECOND, 5 * SECOND)]


def test_stretches_of_rows_that_were_removed_go() -> None:
    where = Whereabouts()
    where.add(np.array([5 * SECOND]), np.array([7], np.uint64))
    where.forget_before(6 * SECOND)
    assert where.spans(7) == []
    where.add(np.array([8 * SECOND]), np.array([7], np.uint64))
    assert where.spans(7) == [(8 * SECOND, 8 * SECOND)]

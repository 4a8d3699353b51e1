"""Old buckets are rolled up into wider ones, in every database, and no row is lost or counted twice."""

from collections import Counter
from collections.abc import Callable
from unittest.mock import patch

import pytest

from control.stores import Store, rolling
from hyperplan.sample import Sample
from hyperplan.windows import ALL
from tests.support.databases import EVERYWHERE

MakeSample = Callable[..., Sample]
MINUTE = 60 * 10**9
HOUR = 60 * MINUTE
DAY = 24 * HOUR


def rolled(store: Store, now: int) -> None:
    """Compact until there is nothing left to do."""
    for _ in range(200):
        if not store.compact(now):
            return
    raise AssertionError("compaction does not end")


def buckets(store: Store, part: str = ALL) -> dict[tuple[str, int, int], int]:
    """Rows by model, start (in minutes) and width (likewise); each bucket stands in the store once."""
    found: Counter[tuple[str, int, int]] = Counter()
    several = store.windows.find("flight-delay", 0, 1 << 62, slice=part)
    for key, profile in several:
        found[key.model, key.start // MINUTE, key.width // MINUTE] += profile.rows
    assert len(found) == len(several)
    return dict(found)


@pytest.fixture
def hour(t0: int) -> int:
    """The start of an hour, in minutes."""
    return (t0 - t0 % HOUR) // MINUTE


@pytest.fixture
def at(make_sample: MakeSample, hour: int) -> Callable[..., list[Sample]]:
    """A sample at each of these minutes after the hour."""
    return lambda *minutes, **fields: [
        make_sample(f"{fields}-{minute}", time=(hour + minute) * MINUTE + 1, **fields) for minute in minutes
    ]


At = Callable[..., list[Sample]]


@EVERYWHERE
def test_buckets_get_wider_as_they_age(store: Store, at: At, hour: int) -> None:
    store.ingest(at(0, 1, 11, 61) + at(1, answered="logit@1"))
    now = hour * MINUTE
    rolled(store, now + 6 * HOUR)
    assert sum(buckets(store).values()) == 5
    assert {width for _, _, width in buckets(store)} == {1}
    rolled(store, now + 6 * HOUR + 20 * MINUTE)
    assert buckets(store) == {
        ("gbm@1", hour, 10): 2,
        ("gbm@1", hour + 10, 10): 1,
        ("gbm@1", hour + 61, 1): 1,
        ("logit@1", hour, 10): 1,
    }
    rolled(store, now + 2 * DAY + 2 * HOUR)
    assert buckets(store) == {("gbm@1", hour, 60): 3, ("gbm@1", hour + 60, 60): 1, ("logit@1", hour, 60): 1}
    rolled(store, now + 40 * DAY)
    assert {width for _, _, width in buckets(store)} == {1440}
    assert sum(buckets(store).values()) == 5


@EVERYWHERE
def test_a_late_row_is_found_beside_the_wide_bucket_and_then_in_it(store: Store, at: At, hour: int) -> None:
    now = hour * MINUTE + 3 * DAY
    for minute in (0, 10, 10, 30):
        store.ingest(at(minute, entity=str(minute)))
        rolled(store, now)
    assert buckets(store) == {("gbm@1", hour, 60): 3}
    store.ingest(at(59))
    assert buckets(store) == {("gbm@1", hour, 60): 3, ("gbm@1", hour + 59, 1): 1}


@EVERYWHERE
def test_slices_are_rolled_up_each_by_itself(store: Store, at: At, hour: int) -> None:
    store.ingest(at(0, 1, slices={"origin": "EWR"}) + at(2, slices={"origin": "JFK"}))
    rolled(store, hour * MINUTE + 3 * DAY)
    assert buckets(store) == {("gbm@1", hour, 60): 3}
    assert buckets(store, "origin=EWR") == {("gbm@1", hour, 60): 2}
    assert store.windows.slices("flight-delay", 0, 1 << 62) == ["origin=EWR", "origin=JFK"]


@EVERYWHERE
def test_of_two_controls_that_roll_up_one_hour_the_one_that_saw_more_wins(store: Store, at: At, hour: int) -> None:
    now = hour * MINUTE + 3 * DAY
    store.ingest(at(0, 1))
    read = rolling._rows

    def slow(*arguments: object) -> object:
        """What another control does between the reading and the writing of this one."""
        found = read(*arguments)  # type: ignore[arg-type]
        with patch.object(rolling, "_rows", read):
            store.ingest(at(2))
            rolled(store, now)
        return found

    with patch.object(rolling, "_rows", slow):
        store.compact(now)
    rolled(store, now)
    assert sum(buckets(store).values()) == 3

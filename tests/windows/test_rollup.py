"""Old buckets are merged into wider ones: nothing is lost, and what a month costs to read has a bound."""

from hypothesis import given
from hypothesis import strategies as st

from hyperplan.profile import Profile
from hyperplan.windows import ALL, MOST_VALUES, OTHER, due, rolled_up, slice_of
from tests.windows.served import DAY, HOUR, MINUTE, bucket, same

NOW = 100 * DAY


@given(minutes=st.lists(st.integers(0, 300), max_size=30))
def test_hours_hold_the_rows_of_their_minutes(minutes: list[int]) -> None:
    fine = [bucket(minute * MINUTE, [float(minute)]) for minute in minutes]
    hours = rolled_up(fine, HOUR)
    assert {(key.start % HOUR, key.width, key.inclusion) for key, _ in hours} <= {(0, HOUR, 1.0)}
    assert len({key.start for key, _ in hours}) == len(hours)
    for key, profile in hours:
        inside = [part for place, part in fine if key.start <= place.start < key.end]
        assert same(profile, Profile.merged(inside))


def test_models_arms_and_slices_stay_apart_and_endpoints_too() -> None:
    fine = [
        bucket(0),
        bucket(0, model="logit@1"),
        bucket(0, arm="logit@1"),
        bucket(0, slice="origin=EWR"),
        bucket(0, endpoint="trains"),
    ]
    assert {key for key, _ in rolled_up(fine, HOUR)} == {key._replace(width=HOUR) for key, _ in fine}


def test_what_is_merged_already_merges_with_what_came_late() -> None:
    hour = rolled_up([bucket(0, [1.0, 2.0]), bucket(MINUTE, [3.0])], HOUR)
    ((key, profile),) = rolled_up([*hour, bucket(5 * MINUTE, [4.0])], HOUR)
    assert (key.start, key.width, profile.rows) == (0, HOUR, 4)


def test_rows_of_different_inclusion_probabilities_become_one_bucket_of_their_effective_size() -> None:
    fine = [bucket(0, [1.0] * 100, inclusion=1.0), bucket(MINUTE, [3.0] * 100, inclusion=0.1)]
    ((key, profile),) = rolled_up(fine, HOUR)
    assert profile.rows == round(1100**2 / 10_100)
    assert abs(profile.rows / key.inclusion - 1100) < 10
    numbers = profile.features["x"].numbers
    assert numbers
    assert abs(numbers.moments.mean - (100 + 3000) / 1100) < 0.02


def test_the_rarest_slices_of_a_part_share_one() -> None:
    frequent = [bucket(0, [1.0, 2.0], slice=slice_of("user", str(user))) for user in range(MOST_VALUES)]
    rare = [bucket(MINUTE, slice=slice_of("user", f"rare-{user}")) for user in range(7)]
    shared = bucket(MINUTE, slice=slice_of("user", OTHER))
    found = {key.slice: profile.rows for key, profile in rolled_up([*frequent, *rare, shared, bucket(0)], HOUR)}
    assert len(found) == MOST_VALUES + 2
    assert (found[slice_of("user", OTHER)], found[slice_of("user", "3")], found[ALL]) == (8, 2, 1)


def test_what_is_due_gets_wider_with_age() -> None:
    assert [(NOW - step.before, step.width) for step in due(NOW, MINUTE)] == [
        (35 * DAY, DAY),
        (2 * DAY, HOUR),
        (6 * HOUR, 10 * MINUTE),
    ]


def test_buckets_that_do_not_fill_a_width_evenly_are_not_merged_into_it() -> None:
    assert [step.width for step in due(NOW, 15 * MINUTE)] == [DAY, HOUR]
    assert due(NOW, 7 * 10**9) == []

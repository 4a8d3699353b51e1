"""Buckets become looks: of all rows, with the outputs of one model, coarser the older they are."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from hyperplan.profile import Profile
from hyperplan.windows import Bucket, by_look, condensed, looks_of, profile_of
from hyperplan.windows.looks import FINENESS
from tests.windows.served import DAY, HOUR, MINUTE, bucket, same

KEY = bucket(0).key
STARTS = st.lists(st.integers(0, 5000).map(lambda minute: minute * MINUTE), max_size=30)


def outputs(profile: Profile) -> int:
    return profile.outputs["prediction"].rows if profile.outputs else 0


def test_a_look_holds_all_rows_whoever_answered_and_those_that_were_rejected() -> None:
    buckets = [bucket(0, [1.0]), bucket(0, [2.0], model="logit@1"), bucket(0, [None], model="", arm="")]
    (look,) = looks_of(buckets, "gbm@1")
    assert (look.start, look.end, look.profile.rows, look.profile.features["x"].null) == (0, MINUTE, 3, 1)


def test_the_outputs_of_a_look_are_those_of_one_model() -> None:
    buckets = [bucket(0, [1.0, 2.0], [0.1, 0.2]), bucket(0, [2.0], [0.9], model="logit@1")]
    (look,) = looks_of(buckets, "logit@1")
    assert (look.profile.features["x"].rows, outputs(look.profile)) == (3, 1)
    (look,) = looks_of(buckets, "prior@1")
    assert look.profile.outputs == {}


def test_buckets_of_batches_and_replicas_add_up_in_any_order() -> None:
    buckets = [bucket(minute * MINUTE, [minute + 1.0]) for minute in (3, 1, 2, 1)]
    assert [(look.start // MINUTE, look.profile.rows) for look in looks_of(buckets, "")] == [(1, 2), (2, 1), (3, 1)]


def test_stretches_without_rows_are_no_looks() -> None:
    assert looks_of([], "gbm@1") == []
    assert [look.start // MINUTE for look in looks_of([bucket(0), bucket(9 * MINUTE)], "")] == [0, 9]


def test_a_late_row_joins_the_hour_that_was_merged_before_it_came() -> None:
    buckets = [bucket(0, [1.0] * 5, width=HOUR), bucket(20 * MINUTE, [2.0]), bucket(HOUR, [3.0])]
    assert [(look.start, look.end, look.profile.rows) for look in looks_of(buckets, "")] == [
        (0, HOUR, 6),
        (HOUR, HOUR + MINUTE, 1),
    ]


@given(starts=STARTS)
def test_no_row_is_lost_and_none_counts_twice(starts: list[int]) -> None:
    buckets = [bucket(start, [start / MINUTE]) for start in starts]
    looks = looks_of(buckets, "gbm@1")
    whole = Profile.merged(part for _, part in buckets)
    assert same(Profile.merged(look.profile for look in looks), whole)
    assert all(before.end <= after.start for before, after in pairwise(looks))


@given(starts=STARTS)
def test_a_look_is_narrow_for_its_age(starts: list[int]) -> None:
    looks = looks_of([bucket(start) for start in starts], "gbm@1")
    for look in looks:
        assert look.end - look.start <= max(MINUTE, (looks[-1].end - look.start) / FINENESS)


def month(last: int) -> list[Bucket]:
    """30 days as the store has them: minutes, then ten minutes, then hours."""

    def cut(since: int, until: int, width: int) -> list[Bucket]:
        return [Bucket(KEY._replace(start=start, width=width), Profile(rows=1)) for start in range(since, until, width)]

    return [
        *cut(last - 30 * DAY, last - 2 * DAY, HOUR),
        *cut(last - 2 * DAY, last - 6 * HOUR, 10 * MINUTE),
        *cut(last - 6 * HOUR, last, MINUTE),
    ]


def test_a_month_of_minutes_is_some_250_looks() -> None:
    minutes = [Bucket(KEY._replace(start=minute * MINUTE), Profile(rows=1)) for minute in range(30 * 1440)]
    assert 150 < len(looks_of(minutes, "gbm@1")) < 300
    assert 150 < len(looks_of(month(100 * DAY), "gbm@1")) < 300


def test_coarse_looks_stay_where_they_are_as_time_goes_on() -> None:
    def cuts(last: int) -> set[int]:
        minutes = [Bucket(KEY._replace(start=minute * MINUTE), Profile(rows=1)) for minute in range(last)]
        return {look.start for look in looks_of(minutes, "gbm@1")}

    assert all(cuts(minutes + 1) - {minutes * MINUTE} <= cuts(minutes) for minutes in range(300, 400, 7))


def test_condensed_buckets_say_the_same_in_fewer() -> None:
    buckets = [
        bucket(minute * MINUTE, [float(minute)], [0.5], model=model, inclusion=inclusion)
        for minute in range(5)
        for model in ("gbm@1", "logit@1")
        for inclusion in (1.0, 0.1)
    ]
    fewer = condensed(buckets)
    assert len(fewer) == 4
    assert same(profile_of(fewer, "gbm@1"), profile_of(buckets, "gbm@1"))
    assert {(one.key.start, one.key.end) for one in fewer} == {(0, 5 * MINUTE)}


WIDTHS = st.sampled_from([MINUTE, 10 * MINUTE, HOUR])


@given(
    drawn=st.lists(st.tuples(st.integers(0, 5000), WIDTHS, st.sampled_from(["gbm@1", "logit@1"])), max_size=30),
    cut=st.integers(7, 300),
)
def test_looks_at_what_was_condensed_within_looks_are_the_same(drawn: list[tuple[int, int, str]], cut: int) -> None:
    buckets = [
        bucket(at * MINUTE // width * width, [float(at)], [0.5], width=width, model=model) for at, width, model in drawn
    ]
    fewer = [
        one
        for look in by_look(buckets)
        for window in {each.key.start // (cut * MINUTE) for each in look}
        for one in condensed(each for each in look if each.key.start // (cut * MINUTE) == window)
    ]
    before, after = looks_of(buckets, "gbm@1"), looks_of(fewer, "gbm@1")
    assert [(look.start, look.end) for look in after] == [(look.start, look.end) for look in before]
    assert all(same(one.profile, other.profile) for one, other in zip(before, after, strict=True))

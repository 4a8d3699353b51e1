"""The same hours of the weeks before."""

from hyperplan.windows import season_of, spans_before
from tests.windows.served import DAY, HOUR, MINUTE, bucket

WEEK = 7 * DAY
UNTIL = 10 * WEEK + 9 * HOUR + 20 * MINUTE
"""A Thursday, twenty past nine."""


def test_the_hour_before_is_looked_for_in_whole_hours_of_the_four_weeks_before() -> None:
    spans = [
        ((span.start - week * WEEK) / HOUR, (span.end - week * WEEK) / HOUR)
        for week, span in zip(range(6, 10), spans_before(UNTIL), strict=True)
    ]
    assert spans == [(8, 10)] * 4


def test_a_time_on_the_hour_is_one_hour() -> None:
    assert {span.end - span.start for span in spans_before(UNTIL - 20 * MINUTE)} == {HOUR}


def test_each_week_that_has_rows_is_one_look() -> None:
    buckets = [
        bucket(9 * WEEK + 8 * HOUR, [1.0], width=HOUR),
        bucket(9 * WEEK + 9 * HOUR, [1.0, 2.0], width=HOUR),
        bucket(7 * WEEK + 9 * HOUR + MINUTE, [3.0], model="logit@1"),
        bucket(7 * WEEK + 10 * HOUR, [9.0]),
        bucket(6 * WEEK, [9.0], width=DAY),
    ]
    assert [(look.start // WEEK, look.profile.rows) for look in season_of(buckets, UNTIL, "gbm@1")] == [(7, 1), (9, 3)]

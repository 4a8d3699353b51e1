"""The same hours of the weeks before: what serving is compared with to tell drift from the course of the week.

Monday morning is never like Sunday night; it is like the Monday mornings before. Hours and weekdays are those of UTC.
"""

from collections.abc import Iterable
from typing import NamedTuple

from hyperplan.skew.case import Look
from hyperplan.windows.keys import Bucket
from hyperplan.windows.looks import look_at

WEEKS = 4
"""Weeks that are looked back."""
HOUR = 3600 * 10**9
_WEEK = 7 * 24 * HOUR


class Span(NamedTuple):
    """From `start` to before `end`, in nanoseconds since 1970."""

    start: int
    end: int


def spans_before(until: int) -> list[Span]:
    """The hour that ended at a time, widened to whole hours, in each of the weeks before; oldest first.

    >>> [(span.start // HOUR, span.end // HOUR) for span in spans_before(700 * HOUR + 1)][-1]
    (531, 533)
    """
    start = (until - HOUR) - (until - HOUR) % HOUR
    end = until + -until % HOUR
    return [Span(start - week * _WEEK, end - week * _WEEK) for week in range(WEEKS, 0, -1)]


def season_of(buckets: Iterable[Bucket], until: int, model: str) -> list[Look]:
    """The looks at `spans_before(until)`, one for each week that has rows, with the outputs of a model.

    `buckets` are those of one endpoint and slice in the spans; others are left alone, and so are those wider than a span, which hold
    other hours too.
    """
    several = list(buckets)
    found = (
        [bucket for bucket in several if span.start <= bucket.key.start and bucket.key.end <= span.end]
        for span in spans_before(until)
    )
    return [look_at(week, model) for week in found if week]

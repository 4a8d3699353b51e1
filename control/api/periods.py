"""Ranges of time in query parameters: read from what people write, cut into windows of whole buckets."""

import math
import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import NamedTuple

from control.problems import bad_parameter

MOST_WINDOWS = 2000
"""Windows in one answer."""
USUAL_WINDOWS = 60
"""Windows in an answer, at most, when none are asked for."""

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_AGO = re.compile(r"-(\d{1,9}(?:\.\d{1,9})?)([smhdw])")
_SECONDS = re.compile(r"\d{1,10}(\.\d{1,9})?")
_LATEST = 1 << 62


class Window(NamedTuple):
    """From `start` to before `end`, in nanoseconds since 1970."""

    start: int
    end: int


class Period(NamedTuple):
    """A range of time that is cut into windows; all in nanoseconds, and multiples of the bucket."""

    since: int
    until: int
    window: int

    def windows(self) -> Iterator[Window]:
        """The windows in their order; the last ends with the period, whole or not."""
        for start in range(self.since, self.until, self.window):
            yield Window(start, min(start + self.window, self.until))

    def position(self, at: int) -> int:
        """Which window a time is in."""
        return (at - self.since) // self.window


def read_period(since: str | None, until: str | None, window: str | None, bucket_seconds: float) -> Period:
    """Read `since` (an hour ago if left out), `until` (now) and `window` (seconds), widened to whole buckets.

    Raises:
        HttpProblem: 422, naming the parameter that cannot be read.
    """
    bucket = round(bucket_seconds * 1e9)
    now = time.time_ns()
    start = read_time("since", since if since is not None else "-1h", now)
    end = read_time("until", until, now) if until is not None else now + 1
    start -= start % bucket
    end += -end % bucket
    if end <= start:
        raise bad_parameter("since", "must be before until")
    width = bucket * math.ceil((end - start) / (USUAL_WINDOWS * bucket))
    if window is not None:
        width = _read_window(window, bucket)
    if (end - start) / width > MOST_WINDOWS:
        raise bad_parameter("window", f"cuts the time into more than {MOST_WINDOWS} windows; ask for longer ones")
    return Period(start, end, width)


def _read_window(text: str, bucket: int) -> int:
    if not _SECONDS.fullmatch(text):
        raise bad_parameter("window", f"must be a number of seconds, not {text!r}")
    width = round(float(text) * 1e9)
    if width <= 0 or width % bucket:
        raise bad_parameter("window", f"must be a multiple of the bucket, {bucket / 1e9:g} seconds")
    return width


def read_time(name: str, text: str, now: int) -> int:
    """Read a time: RFC 3339, seconds since 1970, or relative to now like -1h; in nanoseconds since 1970.

    Raises:
        HttpProblem: 422, naming the parameter.
    """
    if ago := _AGO.fullmatch(text):
        found = now - round(float(ago[1]) * _UNITS[ago[2]] * 1e9)
    elif _SECONDS.fullmatch(text):
        found = round(float(text) * 1e9)
    else:
        found = _read_date(name, text)
    if not 0 <= found < _LATEST:
        raise bad_parameter(name, f"is out of range: {text!r}")
    return found


def _read_date(name: str, text: str) -> int:
    # A plus sign that was not escaped arrives as a space.
    whole = re.sub(r" (\d\d:\d\d)$", r"+\1", text) if "T" in text else text
    try:
        date = datetime.fromisoformat(whole)
    except ValueError:
        detail = "must be a time like 2026-01-31T12:00:00Z, seconds since 1970, or relative like -1h"
        raise bad_parameter(name, f"{detail}; not {text!r}") from None
    if date.tzinfo is None:
        raise bad_parameter(name, f"must say its time zone, like {text}Z")
    return round(date.timestamp() * 1e6) * 1000


def as_date(at: int) -> datetime:
    """A time in nanoseconds as it is shown in answers, to the microsecond."""
    seconds, rest = divmod(at, 10**9)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest // 1000)

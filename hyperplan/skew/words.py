"""How findings say numbers and times, so that all sentences sound alike."""

from datetime import UTC, datetime

_FIRST_TIME = 10**17
"""Nanoseconds. What starts earlier than in March 1973 has no time; its rows are only counted (`Look`)."""


def number(value: float) -> str:
    """A number as people write it.

    >>> number(60.0), number(1.609344), number(160934.4), number(1e9)
    ('60', '1.609', '160,934', '1,000,000,000')
    """
    if value == int(value) and abs(value) < 1e15:
        return f"{int(value):,}"
    return f"{value:,.0f}" if abs(value) >= 1e4 else f"{value:.4g}"


def times_larger(factor: float) -> str:
    """A positive factor in words.

    >>> times_larger(60.0), times_larger(0.001)
    ('60 times larger', '1,000 times smaller')
    """
    if factor >= 1:
        return f"{number(factor)} times larger"
    inverse = 1 / factor
    return f"{number(round(inverse) if abs(inverse - round(inverse)) < 1e-9 * inverse else inverse)} times smaller"


def percent(share: float) -> str:
    """A share in words.

    >>> percent(0.421), percent(0.024), percent(0.004)
    ('42 %', '2.4 %', '0.4 %')
    """
    return f"{share:.0%}".replace("%", " %") if share >= 0.095 else f"{share * 100:.2g} %"


def since(start: int | None, until: int) -> str:
    """ " since 14:05", with the day if it is not that of `until`; nothing if it is not known, or rows have no times."""
    if start is None or start < _FIRST_TIME:
        return ""
    began, ended = (datetime.fromtimestamp(time / 1e9, UTC) for time in (start, until))
    return f" since {began:%H:%M}" if began.date() == ended.date() else f" since {began:%Y-%m-%d %H:%M}"


def moment(nanoseconds: int) -> int | None:
    """When a look began or ended; None when its rows have no times but are counted."""
    return nanoseconds if nanoseconds >= _FIRST_TIME else None

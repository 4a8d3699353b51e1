"""How findings say moments, numbers and shares, so that all of them say them alike."""

from datetime import UTC, datetime

from hyperplan.skew.case import Look

TIMELESS = 10**17
"""Looks that begin before this (March 1973) count rows and tell no time: see `Look`."""


def moment(look: Look) -> int | None:
    """When a look began, in nanoseconds since 1970; None when its rows have no times."""
    return look.start if look.start >= TIMELESS else None


def end(look: Look) -> int | None:
    """When a look ended, as `moment`."""
    return look.end if look.start >= TIMELESS else None


def at(nanoseconds: int) -> str:
    """A moment in words.

    >>> at(1372687500000000000)
    '2013-07-01 14:05 UTC'
    """
    return f"{datetime.fromtimestamp(nanoseconds // 10**9, UTC):%Y-%m-%d %H:%M} UTC"


def since(look: Look, rows: int) -> str:
    """Since when, or for how long if nobody knows the time."""
    began = moment(look)
    return f"for the last {rows:,} rows" if began is None else f"since {at(began)}"


def number(value: float, unit: str | None = None) -> str:
    """A number to three digits, with its unit.

    >>> number(1234.5, "min"), number(0.012345), number(-0.0)
    ('1,234 min', '0.0123', '0')
    """
    if value == 0:
        text = "0"
    elif 1000 <= abs(value) < 1e12:
        text = f"{value:,.0f}"
    else:
        text = f"{value:.3g}"
    return f"{text} {unit}" if unit else text


def share(value: float) -> str:
    """A share as a percentage.

    >>> share(0.314), share(0.0312), share(0.0001), share(0.0), share(0.9999)
    ('31 %', '3.1 %', '0.01 %', '0 %', '99.99 %')
    """
    percent = 100 * value
    if percent in (0, 100):
        return f"{percent:.0f} %"
    edge = min(abs(percent), abs(100 - percent))
    digits = 0 if edge >= 9.95 else 1 if edge >= 0.095 else 2 if edge >= 0.0095 else 3
    return f"{percent:.{digits}f} %"

"""Numbers, counts and times of control's reports as the terminal has them: short, and a dash for what is not known."""

from typing import Any

Plain = dict[str, Any]
"""A report as JSON has it."""
NOTHING = "-"


def number(value: float | None) -> str:
    """A number with four digits that count.

    >>> number(0.123456), number(None)
    ('0.1235', '-')
    """
    return NOTHING if value is None else f"{value:.4g}"


def signed(value: float | None) -> str:
    """A difference: the same with its sign."""
    return NOTHING if value is None else f"{value:+.4g}"


def moment(date: str) -> str:
    """A time to the second, in the zone that control says it in.

    >>> moment("2026-01-31T12:00:00.123456Z")
    '2026-01-31 12:00:00'
    """
    return date[:19].replace("T", " ")


def counted(count: int, one: str, many: str | None = None) -> str:
    """A count and what is counted, in the number that it has.

    >>> counted(1, "sample"), counted(2000, "sample"), counted(0, "answer of shadows", "answers of shadows")
    ('1 sample', '2,000 samples', '0 answers of shadows')
    """
    return f"{count:,} {one if count == 1 else many or one + 's'}"

"""Lengths of time and sizes as people write them: 30d, 200ms, 20GB."""

import re
from decimal import Decimal

from cli.failure import Failure

_SECONDS: dict[str, Decimal | int] = {"ms": Decimal("0.001"), "s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 7 * 86_400}
_BYTES = {
    "B": 1,
    "KB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "TB": 10**12,
    "KIB": 2**10,
    "MIB": 2**20,
    "GIB": 2**30,
    "TIB": 2**40,
}
_AMOUNT = re.compile(r"(\d+(?:\.\d+)?)\s*([a-zA-Z]+)")


def seconds(text: str, option: str) -> float:
    """A length of time, which may be none at all.

    >>> seconds("36h", "--hold"), seconds("0s", "--hold")
    (129600.0, 0.0)

    Raises:
        Failure: it is none; the message names the option.
    """
    amount = _AMOUNT.fullmatch(text.strip())
    if amount is None or amount[2] not in _SECONDS:
        raise _no_time(text, option)
    return float(Decimal(amount[1]) * _SECONDS[amount[2]])


def some_seconds(text: str, option: str) -> float:
    """A length of time, longer than 0.

    Raises:
        Failure: it is none; the message names the option.
    """
    found = seconds(text, option)
    if not found:
        raise _no_time(text, option)
    return found


def _no_time(text: str, option: str) -> Failure:
    return Failure(f"{option} {text!r} is no length of time: write 30d, 36h, 2w, 90m, 600s or 200ms")


def size(text: str, option: str) -> int:
    """A number of bytes.

    >>> size("1.5GB", "--keep-bytes")
    1500000000

    Raises:
        Failure: it is none; the message names the option.
    """
    amount = _AMOUNT.fullmatch(text.strip())
    if amount is None or amount[2].upper() not in _BYTES or not float(amount[1]):
        raise Failure(f"{option} {text!r} is no size: write 20GB, 500MB or 1TiB")
    return round(float(amount[1]) * _BYTES[amount[2].upper()])

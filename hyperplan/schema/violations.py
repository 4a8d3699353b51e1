"""The ways in which a row can break a schema, and what an endpoint does about them."""

import json
import math
from typing import Literal, get_args

import msgspec

Kind = Literal["missing", "type", "null", "range", "category", "unknown", "renamed"]
Action = Literal["reject", "warn", "ignore"]

KINDS: tuple[Kind, ...] = get_args(Kind)

SEVERITY: dict[Action, int] = {"ignore": 0, "warn": 1, "reject": 2}
"""Actions from mild to harsh: of several violations in one body, the harshest decides."""


class Violation(msgspec.Struct, frozen=True):
    """One way in which a row breaks the schema.

    `row` counts from 0 in the request. `feature` is the schema's name, for `unknown` the body's; it is empty when the
    row itself is at fault. `expected` is what the schema asks for, in words; `got` what the body holds, shortened. Of
    an unknown field `got` says only what kind of thing it is: its value may be anybody's secret.
    """

    row: int
    feature: str
    kind: Kind
    expected: str
    got: str


def shortened(value: object) -> str:
    """A value as it is shown in a violation: JSON where it can be, at most 40 characters.

    >>> shortened("x" * 100)
    '"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...'
    """
    if isinstance(value, dict | list):
        return kind_of(value)
    if isinstance(value, str):
        value = value[:64]
    elif isinstance(value, float) and not math.isfinite(value):
        return json.dumps(value)  # NaN, Infinity, -Infinity
    elif isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 10**30:
        return "an integer of more than 30 digits"
    try:
        text = msgspec.json.encode(value).decode()
    except UnicodeEncodeError:  # half a surrogate pair
        text = ascii(value)
    return text if len(text) <= 40 else text[:37] + "..."


def kind_of(value: object) -> str:
    """What kind of JSON value this is, in words that follow "got"."""
    match value:
        case None:
            return "null"
        case bool():
            return "true or false"
        case int() | float():
            return "a number"
        case str():
            return "a string"
        case list():
            return f"a list of {len(value)}"
        case _:
            return "an object"


def text_of(key: str) -> str:
    """A key of a body as text that can be shown and encoded, at most 100 characters."""
    return key[:100].encode("utf-8", "replace").decode()

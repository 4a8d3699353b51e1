"""A schema out of what training data shows.

What data shows is a guess at what it means, so this errs towards accepting: the data itself meets the schema that is inferred from it, and
so should the next week's. What a range is for is a change of unit or a value that stands for "none" (-999), and those are far away.

| what is seen | what is inferred |
| --- | --- |
| numbers, all without a fraction | `int`, else `float` |
| … that differ in nearly every row, and are whole | an identifier: no range |
| … the range of the others | what was seen, and half its width more on either side, rounded outward to its first two digits; it does not cross zero if the data does not. None if there is one value only |
| true and false | `bool` |
| few texts (100 at most), each ten times on average | `category` with these values |
| other texts | `string` |
| lists of numbers of one length | `list`, with a range as above |
| null, or NaN, which data frames write for it | `nullable` |
| a name that ends like a unit: `taxi_min`, `length_km` | a description that asks; only who made the data knows |

Everything is `required`, since a table has each column in every row. What no feature can hold (times, structures, lists of several lengths)
is left out with its reason.
"""

import math
from typing import Literal, NamedTuple

from hyperplan.names import words_of
from hyperplan.schema.features import AnyFeature, Bool, Category, Float, Int, NumberList, String

MOST_VALUES = 100
"""Values that a category is listed with; more are text."""
MEAN_REPEATS = 10
"""How often a value must come on average to be one of a category."""
LONGEST_CATEGORY = 100
"""Characters that a value of a category may have."""
ROOM = 0.5
"""What is added on either side of a range, as a share of its width."""
DISTINCT = 0.99
"""The share of whole numbers that are distinct, from which on they are identifiers."""
ENOUGH = 100
"""Numbers from which on one can say so."""

UNITS = {
    "ns": "ns", "us": "us", "ms": "ms", "s": "s", "sec": "s", "secs": "s", "seconds": "s", "min": "min", "mins": "min", "minutes": "min",
    "h": "h", "hr": "h", "hrs": "h", "hours": "h", "days": "d", "weeks": "wk", "mm": "mm", "cm": "cm", "m": "m", "km": "km", "mi": "mi",
    "miles": "mi", "ft": "ft", "feet": "ft", "in": "in", "inches": "in", "mg": "mg", "g": "g", "kg": "kg", "lb": "lb", "lbs": "lb", "oz": "oz",
    "ml": "ml", "l": "l", "usd": "USD", "eur": "EUR", "cents": "cent", "pct": "%", "percent": "%", "kmh": "km/h", "kph": "km/h", "mph": "mph",
    "mps": "m/s", "hpa": "hPa", "kpa": "kPa", "celsius": "degC", "fahrenheit": "degF", "kelvin": "K", "hz": "Hz", "khz": "kHz", "mhz": "MHz",
    "kw": "kW", "kwh": "kWh", "deg": "deg", "rad": "rad", "sqft": "ft^2", "sqm": "m^2", "bytes": "B", "kb": "kB", "mb": "MB", "gb": "GB",
}  # fmt: skip
"""Units by the last word of a column's name."""


class Seen(NamedTuple):
    """What a column of training data holds.

    `kind` is what its values are; None for what no feature holds, which `column` then names as the file does. `nulls` counts NaN too.
    `smallest`, `largest` and `whole` are of the numbers, in lists too; `length` is that of all lists, None if they differ or hold what is no
    number. `unlike` says that whole numbers differ in nearly every row; `values` are all of the distinct texts, if there are few.
    """

    kind: Literal["number", "bool", "text", "list"] | None
    column: str
    rows: int
    nulls: int = 0
    smallest: float | None = None
    largest: float | None = None
    whole: bool = False
    unlike: bool = False
    length: int | None = None
    values: tuple[str, ...] | None = None


def inferred(name: str, seen: Seen) -> AnyFeature | str:
    """The feature that a column shows, or why there is none.

    >>> feature = inferred("distance_km", Seen("number", "DOUBLE", 1000, 0, 80.5, 4983.0))
    >>> feature.min, feature.max, feature.description
    (0.0, 7500.0, 'in km? its name ends so; if so, set unit: km')
    """
    nullable = seen.nulls > 0
    described = _described(name) if seen.kind in ("number", "list") else None
    match seen.kind:
        case "number":
            kind = Int if seen.whole else Float
            low, high = (None, None) if seen.unlike else roomy(seen.smallest, seen.largest)
            return kind(nullable=nullable, min=low, max=high, description=described)
        case "bool":
            return Bool(nullable=nullable)
        case "text" if _is_category(seen):
            return Category(nullable=nullable, values=tuple(sorted(seen.values or ())))
        case "text":
            return String(nullable=nullable)
        case "list" if seen.length:
            low, high = roomy(seen.smallest, seen.largest)
            return NumberList(nullable=nullable, length=seen.length, min=low, max=high, description=described)
        case "list":
            return "holds lists that are empty, of several lengths, or with null, NaN or infinities in them"
        case None:
            return f"is of the type {seen.column}, which no feature has; make it numbers, text or lists of numbers"


def unlike(distinct: int, present: int) -> bool:
    """Whether so many numbers with so many distinct ones among them are identifiers, of which each new row brings a new one."""
    return present >= ENOUGH and distinct >= DISTINCT * present


def roomy(smallest: float | None, largest: float | None) -> tuple[float | None, float | None]:
    """A range with room for what has not been seen yet; None for a side that nothing is known of.

    >>> roomy(-43.0, 1301.0)
    (-720.0, 1980.0)
    >>> roomy(17, 4983)
    (0.0, 7500.0)
    >>> roomy(5, 5)
    (None, None)
    """
    if smallest is None or largest is None or smallest == largest:
        return None, None
    half = largest / 2 - smallest / 2
    room = 2 * ROOM * half
    low, high = smallest - room, largest + room
    if half and math.isfinite(low) and math.isfinite(high):
        digit = max(math.floor(math.log10(half)) - 1, -300)
        low = min(float(f"{math.floor(low / 10.0**digit)}e{digit}"), smallest)
        high = max(float(f"{math.ceil(high / 10.0**digit)}e{digit}"), largest)
    return _bound(max(low, 0.0) if smallest >= 0 else low), _bound(min(high, 0.0) if largest <= 0 else high)


def _bound(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _is_category(seen: Seen) -> bool:
    values = seen.values
    if not values or len(values) > MOST_VALUES or seen.rows - seen.nulls < MEAN_REPEATS * len(values):
        return False
    return all(len(value) <= LONGEST_CATEGORY for value in values)


def _described(name: str) -> str | None:
    """What the name suggests that the unit is: `taxi_min`, `taxiMin`, `taxi.min`."""
    *before, last = words_of(name)
    unit = UNITS.get(last) if before else None
    return f"in {unit}? its name ends so; if so, set unit: {unit}" if unit else None

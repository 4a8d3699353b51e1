"""What a part of an expression can come to, over all rows that a schema accepts.

A value stands for a set of values: of which kinds they are, and between which bounds the numbers among them lie (interval
arithmetic; Moore, Kearfott and Cloud, "Introduction to Interval Analysis", 2009). The set may be larger than it need be,
never smaller. Doubles round to nearest, which keeps order, so the bounds need no rounding outwards.
"""

import math
from collections.abc import Iterable, Iterator
from itertools import product
from typing import NamedTuple

from hyperplan.schema import AnyFeature, Bool, Float, Int, NumberList

Number = int | float

NUMBERS = frozenset({"int", "double"})
NULL = frozenset({"null"})

LARGEST = 1.7976931348623157e308
SAFE = 2**53
"""The ints of a schema are doubles without a fraction; beyond this no two neighbours can be told apart. Those beyond count
as this one, so that ints without bounds can be added and multiplied with small ones in 64 bits."""
INT_MIN, INT_MAX = -(2**63), 2**63 - 1


class Undefined(ArithmeticError):
    """What the engine refuses, or what gives no number, for some of the values; the message says why, and the cure."""


class Value(NamedTuple):
    """A set of values. `low` and `high` bound its numbers; `nonzero`: 0 is not among them. Lists have `length` items, -1 if
    they differ, out of the set `item`."""

    kinds: frozenset[str]
    low: Number = 0
    high: Number = 0
    nonzero: bool = False
    length: int = -1
    item: "Value | None" = None

    @property
    def has_zero(self) -> bool:
        return self.low <= 0 <= self.high and not self.nonzero

    def without(self, kinds: frozenset[str]) -> "Value":
        """The rest when values of some kinds are ruled out."""
        return self._replace(kinds=self.kinds - kinds)

    def within(self, low: Number, high: Number) -> "Value":
        """The numbers of this set between two bounds, and all that is no number."""
        low, high = max(self.low, low), min(self.high, high)
        if self.kinds & NUMBERS == {"int"}:
            low, high = _ceil(low), _floor(high)
        return self.without(NUMBERS) if low > high else self._replace(low=low, high=high)


NOTHING = Value(frozenset())
"""What comes of a part that is never reached, or about which a problem was told: nothing more is said about it."""
BOOL = Value(frozenset({"bool"}))
STRING = Value(frozenset({"string"}))


def ints(low: int, high: int) -> Value:
    """The ints between two bounds."""
    return Value(frozenset({"int"}), low, high)


def doubles(low: float, high: float) -> Value:
    """The doubles between two bounds."""
    return Value(frozenset({"double"}), low, high)


def constant(value: object) -> Value:
    """The set of one value."""
    match value:
        case None:
            return Value(NULL)
        case bool():
            return BOOL
        case int():
            return Value(frozenset({"int"}), value, value)
        case float():
            return Value(frozenset({"double"}), value, value)
        case _:
            return STRING


def of_feature(feature: AnyFeature) -> Value:
    """What a rule can be given for a feature: null when it is absent."""
    match feature:
        case Int():
            low = -SAFE if feature.min is None else clamped(_ceil(feature.min))
            high = SAFE if feature.max is None else clamped(_floor(feature.max))
            value = ints(low, high) if low <= high else NOTHING
        case Float():
            value = doubles(*_bounds(feature))
        case NumberList():
            value = Value(frozenset({"list"}), length=feature.length, item=doubles(*_bounds(feature)))
        case Bool():
            value = BOOL
        case _:
            value = STRING
    absent = feature.nullable or not feature.required
    return value._replace(kinds=value.kinds | NULL) if absent else value


def clamped(number: int) -> int:
    """An int as a rule is given it."""
    return max(-SAFE, min(SAFE, number))


def _bounds(feature: Float | NumberList) -> tuple[float, float]:
    low = -LARGEST if feature.min is None else float(feature.min)
    high = LARGEST if feature.max is None else float(feature.max)
    return low, high


def join(values: Iterable[Value]) -> Value:
    """The values of all the sets."""
    some = [value for value in values if value.kinds]
    if not some:
        return NOTHING
    kinds = frozenset(kind for value in some for kind in value.kinds)
    numbers = [value for value in some if value.kinds & NUMBERS]
    lists = [value for value in some if "list" in value.kinds]
    lengths = {value.length for value in lists}
    return Value(
        kinds,
        min((value.low for value in numbers), default=0),
        max((value.high for value in numbers), default=0),
        all(not value.has_zero for value in numbers),
        lengths.pop() if len(lengths) == 1 else -1,
        join(value.item or NOTHING for value in lists),
    )


# Arithmetic, on two sets of the same kind of number.


def negated(value: Value) -> Value:
    """The negatives."""
    return _checked(value, [-value.low, -value.high])._replace(nonzero=not value.has_zero)


def added(left: Value, right: Value) -> Value:
    """The sums."""
    if (left.high, right.low) == (math.inf, -math.inf) or (left.low, right.high) == (-math.inf, math.inf):
        raise Undefined("may add an infinity to its opposite; give the features bounds in the schema")
    return _checked(left, [left.low + right.low, left.high + right.high])


def subtracted(left: Value, right: Value) -> Value:
    """The differences."""
    if (left.high == right.high == math.inf) or (left.low == right.low == -math.inf):
        raise Undefined("may take an infinity from itself; give the features bounds in the schema")
    return _checked(left, [left.low - right.high, left.high - right.low])


def multiplied(left: Value, right: Value) -> Value:
    """The products."""
    if (left.has_zero and _is_infinite(right)) or (right.has_zero and _is_infinite(left)):
        raise Undefined("may multiply 0 with an infinity; give the features bounds in the schema")
    products = [x * y for x, y in product((left.low, left.high), (right.low, right.high))]
    return _checked(left, [0.0 if math.isnan(number) else number for number in products])


def divided(left: Value, right: Value) -> Value:
    """The quotients of divisors that are not 0; those of ints lose their fraction."""
    if _is_infinite(left) and _is_infinite(right):
        raise Undefined("may divide an infinity by another; give the features bounds in the schema")
    if right.low < 0 < right.high:
        most = max(abs(left.low), abs(left.high)) if "int" in left.kinds else math.inf
        return _checked(left, [-most, most])
    divide = _truncated if "int" in left.kinds else _divided
    least = 1 if "int" in left.kinds else 5e-324
    divisors = (right.low or least, right.high or -least)
    return _checked(left, [divide(x, y) for x in (left.low, left.high) for y in divisors])


def remaining(left: Value, right: Value) -> Value:
    """The remainders of ints, by divisors that are not 0; they have the sign of the dividend."""
    if left.low == INT_MIN and right.low <= -1 <= right.high:
        raise Undefined(_TOO_LARGE)
    most = int(max(abs(right.low), abs(right.high))) - 1
    return ints(-most if left.low < 0 else 0, most if left.high > 0 else 0)


_TOO_LARGE = "may leave the 64 bits of an int; give the features a min and max in the schema, or compute with double(x)"


def _checked(operand: Value, bounds: list[Number]) -> Value:
    low, high = min(bounds), max(bounds)
    if "int" in operand.kinds and not INT_MIN <= low <= high <= INT_MAX:
        raise Undefined(_TOO_LARGE)
    return Value(operand.kinds, low, high)


def _is_infinite(value: Value) -> bool:
    return math.isinf(value.low) or math.isinf(value.high)


def _divided(x: Number, y: Number) -> Number:
    return float(x) / float(y)


def _truncated(x: Number, y: Number) -> Number:
    quotient = abs(int(x)) // abs(int(y))
    return quotient if (x < 0) == (y < 0) else -quotient


# Conversions.


def as_double(value: Value) -> Value:
    """The numbers as doubles."""
    return Value(frozenset({"double"}), float(value.low), float(value.high), not value.has_zero)


def as_int(value: Value) -> Value:
    """The numbers without their fraction."""
    if value.low < -9.2e18 or value.high > 9.2e18:
        raise Undefined("may be too large for an int; give the features a min and max in the schema")
    return ints(math.trunc(value.low), math.trunc(value.high))


# What a comparison that holds says about its sides.


def compared(left: Value, operator: str, right: Value) -> Value:
    """The values of `left` for which `left operator right` holds for some value of `right`."""
    if operator == "==":
        return _equal(left, right)
    if operator == "!=":
        return _unequal(left, right)
    if operator == "in" or not (left.kinds & NUMBERS and right.kinds & NUMBERS):
        return left
    low, high = _loosened(right.low, -1), _loosened(right.high, 1)
    match operator:
        case "<":
            return left.within(-math.inf, -_above(-high, left))
        case "<=":
            return left.within(-math.inf, high)
        case ">":
            return left.within(_above(low, left), math.inf)
        case _:
            return left.within(low, math.inf)


def _equal(left: Value, right: Value) -> Value:
    kinds = right.kinds | (NUMBERS if right.kinds & NUMBERS else frozenset())
    met = left._replace(kinds=left.kinds & kinds)
    if not (left.kinds & NUMBERS and right.kinds & NUMBERS):
        return met
    narrowed = met.within(_loosened(right.low, -1), _loosened(right.high, 1))
    return narrowed._replace(nonzero=left.nonzero or not right.has_zero)


def _unequal(left: Value, right: Value) -> Value:
    if right.kinds == NULL:
        return left.without(NULL)
    if right.kinds <= NUMBERS and right.kinds and right.low == right.high == 0:
        return _nonzero(left)
    return left


def _nonzero(value: Value) -> Value:
    """The values other than 0."""
    if value.low == 0:
        return value.within(_above(0, value), math.inf)
    if value.high == 0:
        return value.within(-math.inf, -_above(0, value))
    return value._replace(nonzero=True)


def _above(bound: Number, value: Value) -> Number:
    """The least number that is more than a bound."""
    if value.kinds & NUMBERS == {"int"} and isinstance(bound, int):
        return bound + 1
    return math.nextafter(float(bound), math.inf)


def _loosened(bound: Number, direction: int) -> Number:
    """A bound as far out as the engine may see it, which compares an int with a double as doubles."""
    if abs(bound) < SAFE or math.isinf(bound):
        return bound
    return math.nextafter(float(bound), direction * math.inf) + direction * 1024.0


def _ceil(number: Number) -> int:
    return INT_MIN if number == -math.inf else math.ceil(min(number, INT_MAX))


def _floor(number: Number) -> int:
    return INT_MAX if number == math.inf else math.floor(max(number, INT_MIN))


def parts_of(value: Value) -> Iterator[str]:
    """The kinds, in words."""
    names = {"int": "an int", "double": "a double", "bool": "true or false", "string": "a string", "list": "a list"}
    for kind in sorted(value.kinds - NULL):
        yield names[kind]
    if "null" in value.kinds:
        yield "null"

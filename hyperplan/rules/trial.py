"""The rows on which a rule is tried before it may serve: those at the edges of what the schema accepts.

The analysis of a rule covers every row, but it is about the language as we read it; a trial asks the engine itself. It also
gives whoever wrote the rule a row to look at.
"""

import math
from collections.abc import Iterator, Mapping
from itertools import combinations, islice, product
from typing import Any

from hyperplan.rules.syntax import Node
from hyperplan.rules.values import LARGEST, SAFE
from hyperplan.schema import AnyFeature, Bool, Category, Float, Int, NumberList, Schema

MOST_ROWS = 300
"""Rows tried at most; they take some milliseconds."""
LONG = 1000
"""Characters of the long string that is tried."""
MOST_CATEGORIES = 50

Row = dict[str, Any]


def rows_to_try(root: Node, schema: Schema) -> Iterator[Row]:
    """Rows that meet the schema, of the features that an expression reads.

    Each edge of each feature is there with each of every other: two features at a time, the others in the middle.
    """
    literals, read = _mentioned(root)
    edges = {name: _edges(feature, literals) for name, feature in schema.features.items() if name in read}
    return islice(_pairs(edges), MOST_ROWS)


def _pairs(edges: Mapping[str, list[Any]]) -> Iterator[Row]:
    usual = {name: values[0] for name, values in edges.items()}
    yield _row(usual)
    for name, values in edges.items():
        for value in values[1:]:
            yield _row(usual | {name: value})
    for (one, values), (other, others) in combinations(edges.items(), 2):
        for value, another in product(values[1:], others[1:]):
            yield _row(usual | {one: value, other: another})


class _Absent:
    """The mark of a feature that is left out."""


def _row(values: Mapping[str, Any]) -> Row:
    return {name: value for name, value in values.items() if value is not _Absent}


def _edges(feature: AnyFeature, literals: list[Any]) -> list[Any]:
    """The values of a feature that are tried, the most usual first."""
    edges = _values(feature, literals)
    if feature.nullable:
        edges.append(None)
    if not feature.required:
        edges.append(_Absent)
    return edges


def _values(feature: AnyFeature, literals: list[Any]) -> list[Any]:
    texts = [literal for literal in literals if isinstance(literal, str)]
    match feature:
        case Bool():
            return [True, False]
        case Int() | Float():
            return _numbers(feature, literals)
        case NumberList():
            low, high = _bounds(feature)
            return [[low] * feature.length, [high] * feature.length]
        case Category(values=values) if values:
            return [*values[:MOST_CATEGORIES], "a category that nobody has seen"]
        case _:
            return ["text", "", "x" * LONG, *texts]


def _numbers(feature: Int | Float, literals: list[Any]) -> list[Any]:
    """The bounds, what lies in the middle, and what the expression compares with."""
    low, high = _bounds(feature)
    found: dict[float, None] = {}
    for number in (low / 2 + high / 2, low, high, 0.0, 1.0, *filter(_is_number, literals)):
        step = (math.floor(number) - 1.0, math.ceil(number) + 1.0) if isinstance(feature, Int) else _neighbours(number)
        for near in (number, *step):
            value = round(near) if isinstance(feature, Int) else float(near)
            if low <= value <= high:
                found.setdefault(value)
    return list(found) or [low]


def _neighbours(number: float) -> tuple[float, float]:
    return math.nextafter(float(number), -math.inf), math.nextafter(float(number), math.inf)


def _bounds(feature: Int | Float | NumberList) -> tuple[float, float]:
    most = SAFE if isinstance(feature, Int) else LARGEST
    return -most if feature.min is None else feature.min, most if feature.max is None else feature.max


def _is_number(literal: Any) -> bool:
    return isinstance(literal, int | float) and not isinstance(literal, bool)


def _mentioned(root: Node) -> tuple[list[Any], set[str]]:
    """The literals of an expression, and the features that it reads."""
    literals: list[Any] = []
    read: set[str] = set()
    waiting = [root]
    while waiting:
        node = waiting.pop()
        waiting += node.parts
        if node.kind == "literal":
            literals.append(node.value)
        elif node.kind == "feature":
            read.add(str(node.value))
    return literals, read

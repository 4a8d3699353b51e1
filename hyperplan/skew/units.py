"""Units: what a declared unit could be mistaken for, and by which straight line.

`units.yaml` lists the units that people use and pint knows what each is: a file that anybody can extend, and constants that we
need not get right ourselves. Loading pint takes a noticeable part of a second, so that happens when the first unit is asked
for.

What reaches a model was often converted by hand, with a factor as far as somebody remembered it: 1.609 kilometres to the
mile. So a conversion comes with its customary roundings, each way.
"""

import functools
import math
from collections.abc import Iterator
from importlib.resources import files
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from hyperplan.documents import parse, read

if TYPE_CHECKING:
    import pint

FEWEST_DIGITS, MOST_DIGITS = 3, 7
"""Significant digits to which people round factors."""


class Line(NamedTuple):
    """y = factor * x + offset."""

    factor: float
    offset: float = 0.0

    def inverse(self) -> "Line":
        """The line that leads back.

        >>> Line(2.0, 3.0).inverse()
        Line(factor=0.5, offset=-1.5)
        """
        return Line(1 / self.factor, -self.offset / self.factor)


class Unit(NamedTuple):
    """A unit: how it is written, its plural, what it measures, and the line from it to the base of its dimension."""

    symbol: str
    name: str
    dimension: str
    base: Line

    def to(self, other: "Unit") -> Line:
        """The line that turns numbers in this unit into numbers in the other; of one dimension both.

        >>> unit("min").to(unit("s"))
        Line(factor=60.0, offset=0.0)
        """
        factor = _clean(self.base.factor / other.base.factor)
        return Line(factor, _clean((self.base.offset - other.base.offset) / other.base.factor))


class _Entry(msgspec.Struct, forbid_unknown_fields=True, rename={"definition": "is"}):
    name: str
    definition: str | float | None = None
    also: list[str] = []


def unit(declared: str) -> Unit | None:
    """The unit that a schema declares: one of `units.yaml`, or any other that pint can read; None if there is none such.

    >>> unit("Minutes").symbol, unit("furlong").dimension, unit("bananas")
    ('min', 'length', None)
    """
    exact, folded = _names()
    text = declared.strip()
    found = exact.get(text) or folded.get(text.casefold())
    return found if found is not None else _foreign(text)


def alternatives(known: Unit) -> list[Unit]:
    """The other units of a dimension."""
    return [other for other in table() if other.dimension == known.dimension and other.symbol != known.symbol]


@functools.cache
def table() -> tuple[Unit, ...]:
    """All units of `units.yaml`."""
    return tuple(_units())


def roundings(line: Line) -> list[Line]:
    """A line and what it becomes when its factor, or that of the way back, is rounded as people do.

    >>> [round(rounded.factor, 6) for rounded in roundings(Line(1.609344))][:3]
    [1.609344, 1.61, 1.610306]
    """
    factors = [line.factor]
    for digits in range(FEWEST_DIGITS, MOST_DIGITS):
        factors += [_rounded(line.factor, digits), 1 / _rounded(1 / line.factor, digits)]
    distinct: list[float] = []
    for factor in factors:
        if all(abs(factor / other - 1) > 1e-12 for other in distinct):
            distinct.append(factor)
    return [Line(factor, line.offset) for factor in distinct]


def _rounded(number: float, digits: int) -> float:
    return float(f"{number:.{digits}g}")


def _clean(number: float) -> float:
    """A number without the noise of the divisions that led to it."""
    short = _rounded(number, 12)
    return short if math.isclose(short, number, rel_tol=1e-14) else number


@functools.cache
def _entries() -> dict[str, dict[str, _Entry]]:
    text = files("hyperplan.skew").joinpath("units.yaml").read_text(encoding="utf-8")
    return read(dict[str, dict[str, _Entry]], parse(text))


def _definition(symbol: str, entry: _Entry) -> str:
    return symbol if entry.definition is None else str(entry.definition)


def _units() -> Iterator[Unit]:
    for dimension, entries in _entries().items():
        base = _definition(*next(iter(entries.items())))
        for symbol, entry in entries.items():
            yield Unit(symbol, entry.name, dimension, _line(_definition(symbol, entry), base))


@functools.cache
def _names() -> tuple[dict[str, Unit], dict[str, Unit | None]]:
    """Units by every way of writing them; and by the same in lower case, None where two share it."""
    exact: dict[str, Unit] = {}
    folded: dict[str, Unit | None] = {}
    entries = {symbol: entry for several in _entries().values() for symbol, entry in several.items()}
    for known in table():
        for name in (known.symbol, known.name, *entries[known.symbol].also):
            if exact.setdefault(name, known) != known:
                raise ValueError(f"units.yaml: {name!r} stands for two units")
            folded[name.casefold()] = known if folded.get(name.casefold(), known) == known else None
    return exact, folded


def _foreign(text: str) -> Unit | None:
    """A unit that pint knows and `units.yaml` does not, if it measures what one of ours does."""
    import pint

    try:
        dimensions = _registry().Unit(text).dimensionality
    except (pint.PintError, ValueError, TypeError, AttributeError, SyntaxError, ArithmeticError, AssertionError):
        return None
    if not dimensions:  # angles, shares and bits are all of no dimension to pint
        return None
    for dimension, entries in _entries().items():
        base = _definition(*next(iter(entries.items())))
        if _registry().Quantity(1.0, base).dimensionality == dimensions:
            return Unit(text, text, dimension, _line(text, base))
    return None


def _line(definition: str, base: str) -> Line:
    """The line from a unit to another, as pint converts two points of it, far enough apart to lose no digits."""
    far = 1e9
    at_zero, at_far = (_converted(number, definition, base) for number in (0.0, far))
    return Line(_clean((at_far - at_zero) / far), _clean(at_zero))


def _converted(number: float, definition: str, base: str) -> float:
    registry = _registry()
    source, target = registry.parse_expression(definition), registry.parse_expression(base)
    if isinstance(source, int | float):
        return float(number * source / target)
    if source.magnitude != 1:
        return float((number * source).to(base).magnitude)
    return float(registry.Quantity(number, source.units).to(base).magnitude)


@functools.cache
def _registry() -> "pint.UnitRegistry[float]":
    import pint

    return pint.UnitRegistry()

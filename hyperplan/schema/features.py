"""The kinds of feature, each with its two readings.

A feature is described once and checked twice: `accepted` is the msgspec type with which the compiled decoder proves a
value good at the speed of C, and `fault` is the slow reading that says what is wrong with a bad one. The two stand side
by side here because they must agree; a property test holds them to it.

Numbers are IEEE 754 doubles, as in JSON's own advice (RFC 8259 section 6): an int is a double without a fraction, so
5.0 is an int, and what overflows a double is no number at all.
"""

import functools
import math
from collections import Counter
from typing import Annotated, Any, Literal, NamedTuple, TypeAlias

import msgspec

from hyperplan.schema.violations import Action, Kind, shortened


class Fault(NamedTuple):
    """What is wrong with one value: the violation without its row and feature."""

    kind: Kind
    expected: str
    got: str


Masking = Literal["hash", "drop"]
"""What becomes of a personal value before it leaves the sidecar: a keyed hash stands for it, or nothing does."""


class Feature(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True, tag_field="type"
):
    """What every feature declares, whatever its type.

    `source` names the feed or team it comes from: one broken source is one alert. `aliases` are the other names under
    which the feature is known to arrive; they are recognised and reported, the body stays as it is. `pii` marks what
    must not leave the sidecar in the clear, and says how it is masked; true is `hash`.
    """

    required: bool = True
    nullable: bool = False
    aliases: tuple[str, ...] = ()
    unit: str | None = None
    source: str | None = None
    pii: bool | Masking = False
    description: str | None = None

    @property
    def masking(self) -> Masking | None:
        """How values are masked; None for those that are not."""
        return masking_of(self.pii)

    def accepted(self) -> Any:
        """The msgspec type of the good values that are not null."""
        raise NotImplementedError

    def noun(self) -> str:
        """What a good value is, in words that follow "expected"."""
        raise NotImplementedError

    def fault(self, value: Any) -> Fault | None:
        """What is wrong with a value that is not null, or None for a good one."""
        raise NotImplementedError

    def contradictions(self) -> list[tuple[str, str]]:
        """Pairs of a field and what is wrong with it, for a declaration that no value could meet."""
        return []


class _Number(Feature, frozen=True, kw_only=True):
    min: float | None = None
    max: float | None = None

    def _bounded(self) -> Any:
        return Annotated[float, msgspec.Meta(ge=self.min, le=self.max)]

    def _fault_of_number(self, value: Any) -> Fault | None:
        number = finite(value)
        if number is None:
            return Fault("type", self.noun(), shortened(value))
        if (self.min is not None and number < self.min) or (self.max is not None and number > self.max):
            return Fault("range", self._range(), shortened(value))
        return None

    def _range(self) -> str:
        unit = f" {self.unit}" if self.unit else ""
        if self.min is not None and self.max is not None:
            return f"from {self.min:.15g} to {self.max:.15g}{unit}"
        return f"at least {self.min:.15g}{unit}" if self.min is not None else f"at most {self.max:.15g}{unit}"

    def contradictions(self) -> list[tuple[str, str]]:
        found = [
            (name, "must be a finite number")
            for name, bound in (("min", self.min), ("max", self.max))
            if bound is not None and not math.isfinite(bound)
        ]
        if self.min is not None and self.max is not None and self.min > self.max:
            found.append(("min", f"{self.min:.15g} is above max {self.max:.15g}"))
        return found


class Float(_Number, frozen=True, kw_only=True, tag="float"):
    """A finite number."""

    def accepted(self) -> Any:
        return self._bounded()

    def noun(self) -> str:
        return "a number"

    def fault(self, value: Any) -> Fault | None:
        return self._fault_of_number(value)


class Int(_Number, frozen=True, kw_only=True, tag="int"):
    """A number without a fraction, however it is written: 5, 5.0 and 5e0 are the same."""

    def accepted(self) -> Any:
        # msgspec's int refuses 5.0; a double that is a multiple of one is what JSON calls an integer.
        return Annotated[float, msgspec.Meta(multiple_of=1, ge=self.min, le=self.max)]

    def noun(self) -> str:
        return "an integer"

    def fault(self, value: Any) -> Fault | None:
        number = finite(value)
        if number is not None and not number.is_integer():
            return Fault("type", self.noun(), shortened(value))
        return self._fault_of_number(value)


class Bool(Feature, frozen=True, kw_only=True, tag="bool"):
    """true or false; 0 and 1 are numbers."""

    def accepted(self) -> Any:
        return bool

    def noun(self) -> str:
        return "true or false"

    def fault(self, value: Any) -> Fault | None:
        return None if isinstance(value, bool) else Fault("type", self.noun(), shortened(value))


class String(Feature, frozen=True, kw_only=True, tag="string"):
    """Any text: an identifier, say. A string of which training knew the values is a category."""

    def accepted(self) -> Any:
        return str

    def noun(self) -> str:
        return "a string"

    def fault(self, value: Any) -> Fault | None:
        return None if is_text(value) else Fault("type", self.noun(), shortened(value))


class Category(Feature, frozen=True, kw_only=True, tag="category", dict=True):
    """A string out of those that training has seen; without `values`, any.

    `on_unseen` says what to do about a value that is not listed; left out, the schema's `on_violation` decides.
    """

    values: tuple[str, ...] | None = None
    on_unseen: Action | None = None

    @functools.cached_property
    def _seen(self) -> frozenset[str]:
        return frozenset(self.values or ())

    def accepted(self) -> Any:
        return str if self.values is None else Literal[self.values]

    def noun(self) -> str:
        if self.values is None:
            return "a string"
        more = f", ... ({len(self.values)} in all)" if len(self.values) > 10 else ""
        return f"one of {', '.join(self.values[:10])}{more}"

    def fault(self, value: Any) -> Fault | None:
        if not is_text(value):
            return Fault("type", self.noun(), shortened(value))
        if self.values is None or value in self._seen:
            return None
        return Fault("category", self.noun(), shortened(value))

    def contradictions(self) -> list[tuple[str, str]]:
        if self.values is None:
            return []
        if not self.values:
            return [("values", "is empty; list the categories, or leave it out to allow any")]
        repeated = sorted(value for value, count in Counter(self.values).items() if count > 1)
        return [("values", f"{value!r} is listed twice") for value in repeated]


class NumberList(_Number, frozen=True, kw_only=True, tag="list"):
    """A list of numbers of fixed length, an embedding say. `min` and `max` bound each component."""

    length: Annotated[int, msgspec.Meta(ge=1, le=100_000)]

    def accepted(self) -> Any:
        component: Any = self._bounded()
        return Annotated[list[component], msgspec.Meta(min_length=self.length, max_length=self.length)]

    def noun(self) -> str:
        return f"a list of {self.length} numbers"

    def fault(self, value: Any) -> Fault | None:
        if not isinstance(value, list) or len(value) != self.length:
            return Fault("type", self.noun(), shortened(value))
        faults = [fault for item in value if (fault := self._fault_of_number(item))]
        return min(faults, key=lambda fault: fault.kind != "type", default=None)


def masking_of(pii: bool | Masking) -> Masking | None:
    """What a mark means."""
    return "hash" if pii is True else pii or None


AnyFeature: TypeAlias = Float | Int | Bool | String | Category | NumberList


def finite(value: Any) -> float | None:
    """A JSON number as a double; None for what is no number, or none that a double can hold."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def is_text(value: Any) -> bool:
    """Whether a value is a string of characters. Half a surrogate pair can be escaped in JSON, but it is none."""
    if not isinstance(value, str):
        return False
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True

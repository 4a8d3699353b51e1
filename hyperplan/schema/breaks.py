"""What breaks a schema in a table, by feature and kind: a file has millions of violations of few kinds."""

from collections.abc import Iterable
from typing import Annotated

import msgspec

from hyperplan.schema.schema import Schema
from hyperplan.schema.violations import Action, Kind, Violation

MOST_EXAMPLES = 3
"""Examples of each kind of violation of a feature, no two of which show the same value."""


class Example(msgspec.Struct, frozen=True):
    """One of the rows, counted from 0, and what it holds."""

    row: int
    got: str


class Break(msgspec.Struct, frozen=True, kw_only=True):
    """One way in which rows break the schema at one feature, in how many of them, and what serving would do about it."""

    feature: str
    kind: Kind
    action: Action
    rows: Annotated[int, msgspec.Meta(ge=1)]
    share: float
    expected: str
    examples: list[Example]


class Tally:
    """Counts the violations of many rows, which come in parts."""

    def __init__(self, schema: Schema) -> None:
        self._schema = schema
        self._first: dict[tuple[str, Kind], Violation] = {}
        self._rows: dict[tuple[str, Kind], int] = {}
        self._examples: dict[tuple[str, Kind], dict[str, int]] = {}

    def add(self, violations: Iterable[Violation], first_row: int) -> None:
        """Count violations whose rows are counted from a row of the table."""
        for violation in violations:
            key = violation.feature, violation.kind
            self._first.setdefault(key, violation)
            self._rows[key] = self._rows.get(key, 0) + 1
            examples = self._examples.setdefault(key, {})
            if len(examples) < MOST_EXAMPLES:
                examples.setdefault(violation.got, first_row + violation.row)

    def breaks(self, rows: int) -> list[Break]:
        """What was found in so many rows, in the order of the schema; its shares are of all of them."""
        order = {name: place for place, name in enumerate(self._schema.features)}
        return [
            Break(
                feature=violation.feature,
                kind=violation.kind,
                action=self._schema.action(violation),
                rows=self._rows[key],
                share=self._rows[key] / rows,
                expected=violation.expected,
                examples=[Example(row, got) for got, row in self._examples[key].items()],
            )
            for key, violation in sorted(self._first.items(), key=lambda item: order.get(item[0][0], len(order)))
        ]

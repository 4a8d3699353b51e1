"""The slow half of the check: everything that is wrong with rows that the decoder refused.

Speed does not matter here, completeness does: a client that sent five mistakes is told five, and skew counts each by
feature and kind. Rows are plain JSON values.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from hyperplan.schema.features import Feature
from hyperplan.schema.schema import Schema
from hyperplan.schema.violations import Violation, kind_of, shortened, text_of


def violations_of(schema: Schema, rows: Iterable[Any]) -> Iterator[Violation]:
    """Every way in which rows break the schema, in the order of rows, then of the schema, unknown fields last.

    A row costs what it holds, not what the schema holds: millions of empty rows of 500 optional features are read in
    the time that reading them as JSON took.
    """
    order = {name: place for place, name in enumerate(schema.features)}
    owners = {name: name for name in schema.features}
    owners |= {alias: name for name, feature in schema.features.items() for alias in feature.aliases}
    required = [name for name, feature in schema.features.items() if feature.required]
    shown = kind_of if any(feature.pii for feature in schema.features.values()) else shortened
    for index, row in enumerate(rows):
        if not isinstance(row, dict):
            yield Violation(index, "", "type", "an object with a key for each feature", shown(row))
            continue
        named = {owners[key] for key in row if key in owners}
        named.update(required)
        known: set[str | None] = set()
        for name in sorted(named, key=order.__getitem__):
            feature = schema.features[name]
            key = _key_of(name, feature, row)
            known.add(key)
            violation = _violation(index, name, feature, key, row)
            if violation is not None:
                yield violation
        if schema.on_unknown != "ignore":
            for key in row:
                if key not in known:
                    yield Violation(index, text_of(key), "unknown", "no such feature", kind_of(row[key]))


def _key_of(name: str, feature: Feature, row: dict[str, Any]) -> str | None:
    """The key under which a row holds a feature: its name before its aliases; None when it has neither."""
    return next((key for key in (name, *feature.aliases) if key in row), None)


def _violation(index: int, name: str, feature: Feature, key: str | None, row: dict[str, Any]) -> Violation | None:
    """The one violation of a feature in a row. A renamed feature is renamed, whatever its value: the cure comes first."""
    if key is None:
        return Violation(index, name, "missing", feature.noun(), "nothing") if feature.required else None
    if key != name:
        return Violation(index, name, "renamed", f"the name {name!r}", f"the name {key!r}")
    value = row[key]
    if value is None:
        return None if feature.nullable else Violation(index, name, "null", feature.noun(), "null")
    fault = feature.fault(value)
    if fault is None:
        return None
    return Violation(index, name, fault.kind, fault.expected, kind_of(value) if feature.pii else fault.got)

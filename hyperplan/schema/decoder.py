"""The fast half of the check: a schema as a msgspec type.

Decoding a body into this type *is* the proof that its rows are good: every feature present, of its type, in its range,
and nothing unknown. It says nothing about what is wrong with a bad row (`hyperplan.schema.checker` does), and it may
refuse what the checker clears (a key that stands twice, an alias beside its feature, NaN or half a surrogate pair in a
field that is passed over); never the other way round.
"""

from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from hyperplan.schema.features import Feature
from hyperplan.schema.schema import Schema


class RowType:
    """The msgspec struct of one good row.

    Features may have any name, attributes may not: the struct's fields are numbered, and `attributes` maps a feature's
    name to its field, `aliases` to its other names.
    """

    def __init__(self, schema: Schema) -> None:
        self.attributes = {name: f"f{index}" for index, name in enumerate(schema.features)}
        self.aliases = {name: feature.aliases for name, feature in schema.features.items()}
        aliases = [alias for feature in schema.features.values() for alias in feature.aliases]
        hidden = {f"a{index}": alias for index, alias in enumerate(aliases)}
        self.struct = msgspec.defstruct(
            "Row",
            [
                *(_field(self.attributes[name], feature) for name, feature in _required_first(schema)),
                # No value is of this type, so a row that has an alias goes to the checker even if `on_unknown` is ignore.
                *((attribute, UnsetType, UNSET) for attribute in hidden),
            ],
            rename={attribute: name for name, attribute in self.attributes.items()} | hidden,
            forbid_unknown_fields=schema.on_unknown != "ignore",
            gc=False,
        )

    def value(self, row: msgspec.Struct, feature: str) -> Any:
        """The value of a feature in a decoded row; None when it is absent."""
        value = getattr(row, self.attributes[feature])
        return None if value is UNSET else value

    def as_dict(self, row: msgspec.Struct) -> dict[str, Any]:
        """A decoded row under its features' names, absent ones left out."""
        found: dict[str, Any] = msgspec.to_builtins(row)
        return found


def _required_first(schema: Schema) -> list[tuple[str, Feature]]:
    return sorted(schema.features.items(), key=lambda item: not item[1].required)


def _field(attribute: str, feature: Feature) -> Any:
    kind = feature.accepted()
    if feature.nullable:
        kind = kind | None
    return (attribute, kind) if feature.required else (attribute, kind | UnsetType, UNSET)

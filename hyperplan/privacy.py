"""What may leave the sidecar of a request: everything that a sample says of whom it is about, with what is personal masked.

Rules and models see what the client sent. Here it is turned into what may be known elsewhere: a personal feature is hashed with the `Secret` that
sidecars share, or dropped, and so are the entity, slices and feedback that name it. Without the secret there is nothing to hash with. Then predictions go on
and nothing personal leaves: `NO_KEY` stands for the values of features, and entity and slices are dropped.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from hyperplan.endpoint import Endpoint
from hyperplan.sample import ObservedRow, observe_rows
from hyperplan.schema import AnyFeature, Category, Masking, Schema, String
from hyperplan.secret import Secret, is_hashed_entity


class Veil:
    """Masks what an endpoint calls personal."""

    def __init__(self, endpoint: Endpoint, secret: Secret | None) -> None:
        self._schema = endpoint.schema
        self._secret = secret
        self._of_entity = endpoint.entity_masking()
        self._masked = {
            name: feature.masking for name, feature in endpoint.schema.features.items() if feature.masking is not None
        }

    def rows(self, rows: Sequence[Any]) -> list[ObservedRow]:
        """What a sample keeps of rows."""
        return observe_rows(self._schema, rows, None if self._secret is None else self._secret.value)

    def entity(self, entity: str | None) -> str | None:
        """What a sample keeps of an entity; None for nothing."""
        if entity is None or self._of_entity is None:
            return entity
        return None if self._secret is None or self._of_entity == "drop" else self._secret.entity(entity)

    def named_entity(self, entity: str) -> str | None:
        """The entity that somebody names who may know it as it is, or as it was hashed; None if that cannot be told."""
        return entity if self._of_entity == "hash" and is_hashed_entity(entity) else self.entity(entity)

    def slices(self, slices: Mapping[str, str]) -> dict[str, str]:
        """What a sample keeps of its slices."""
        kept = ((part, self._slice(self._masked.get(part), value)) for part, value in slices.items())
        return {part: value for part, value in kept if value is not None}

    def _slice(self, masking: Masking | None, value: str) -> str | None:
        if masking is None:
            return value
        return None if self._secret is None or masking == "drop" else self._secret.value(value)


def needing_secret(endpoint: Endpoint) -> Iterator[str]:
    """What of an endpoint is to be hashed, in words."""
    for name, feature in endpoint.schema.features.items():
        if feature.masking == "hash":
            yield f"the feature {name}"
    if endpoint.entity_masking() == "hash":
        yield "the entity"


def shown_schema(schema: Schema) -> Schema:
    """The schema of what samples show: of personal features hashes, which are texts, or nothing."""
    if not any(feature.pii for feature in schema.features.values()):
        return schema
    features = {name: _shown(feature) for name, feature in schema.features.items() if feature.masking != "drop"}
    return msgspec.structs.replace(schema, features=features)


def _shown(feature: AnyFeature) -> AnyFeature:
    if feature.masking is None:
        return feature
    kind = Category if isinstance(feature, Category) else String
    return kind(
        required=feature.required,
        nullable=feature.nullable,
        aliases=feature.aliases,
        source=feature.source,
        pii=feature.pii,
        description=feature.description,
    )

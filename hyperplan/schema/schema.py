"""The feature schema of an endpoint: the typed features of one row, and what to do when a row breaks it."""

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence

import msgspec

from hyperplan.problems import Problem, pointer
from hyperplan.schema.features import AnyFeature, Category
from hyperplan.schema.violations import SEVERITY, Action, Violation

NAME = "printable text without quotation marks and backslashes"
"""What a key of a row can be. JSON would escape the rest, and the decoder compares keys as they stand."""


class Schema(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """The features of one row.

    The defaults break nobody: a body that breaks the schema passes, is marked and counted. `explain` says whether a
    client whose body is rejected is told what is wrong with it, or only that something is.
    """

    on_violation: Action = "warn"
    on_unknown: Action = "warn"
    explain: bool = True
    features: dict[str, AnyFeature]

    def action(self, violation: Violation) -> Action:
        """What this schema does about a violation."""
        if violation.kind == "unknown":
            return self.on_unknown
        if violation.kind == "category":
            feature = self.features[violation.feature]
            if isinstance(feature, Category) and feature.on_unseen is not None:
                return feature.on_unseen
        return self.on_violation

    def harshest(self, violations: Sequence[Violation]) -> Action:
        """What to do about a body with these violations: the harshest of their actions, `ignore` when there are none."""
        return max(map(self.action, violations), key=SEVERITY.__getitem__, default="ignore")

    def version(self) -> str:
        """A fingerprint of what rows must be, in 12 hex digits. Two schemas with equal versions accept the same rows."""
        shape = [(name, self.features[name]) for name in sorted(self.features)]
        return hashlib.blake2b(msgspec.json.encode(shape, order="deterministic"), digest_size=6).hexdigest()

    def problems(self) -> Iterator[Problem]:
        """What is wrong with the schema itself, beyond what its types say; pointers start at the schema."""
        if not self.features:
            yield Problem("/features", "is empty; name at least one feature")
        aliases = Counter(alias for feature in self.features.values() for alias in feature.aliases)
        for name, feature in self.features.items():
            here = ("features", name)
            if not _is_name(name):
                yield Problem(pointer(*here), f"a feature's name must be {NAME}")
            for field, detail in feature.contradictions():
                yield Problem(pointer(*here, field), detail)
            for alias in feature.aliases:
                if not _is_name(alias):
                    yield Problem(pointer(*here, "aliases"), f"the alias {alias!r} must be {NAME}")
                if alias in self.features:
                    yield Problem(
                        pointer(*here, "aliases"), f"the alias {alias!r} is itself a feature; rename one of them"
                    )
                elif aliases[alias] > 1:
                    detail = f"the alias {alias!r} is listed more than once, so a body that has it would be ambiguous"
                    yield Problem(pointer(*here, "aliases"), detail)


def _is_name(text: str) -> bool:
    return bool(text) and text.isprintable() and '"' not in text and "\\" not in text

"""What is kept of one feature: how many values were bad, in which way, and summaries of the others."""

from collections.abc import Callable, Iterable
from itertools import zip_longest
from typing import Annotated, TypeVar

import msgspec

from hyperplan.profile.categories import CategoryCounts
from hyperplan.profile.numbers import Numbers
from hyperplan.profile.scaling import Scale
from hyperplan.schema import Kind

S = TypeVar("S")
COMPONENTS_KEPT = 64
"""Components of a list of numbers that have a summary of their own; the norms are of them all."""
Count = Annotated[int, msgspec.Meta(ge=0, le=1 << 62)]


class FeatureProfile(msgspec.Struct, frozen=True, array_like=True, kw_only=True):
    """One feature over a set of rows.

    A value is `missing` when the row has no such key, `null` when it has and holds null, `nan` when it is "not a number"; where the
    source cannot tell null from NaN it is null. Numbers `out_of_range` are in
    `numbers` too, since that is where a change of unit shows. Values of a category that the schema does not list are in
    `unseen_values`, not in `values`, so that a flood of them cannot push out those it does. Of lists of numbers the
    Euclidean `norms` are kept, and the outlines of the first `COMPONENTS_KEPT` components, in `components`. A summary that
    the feature has no use for is None.

    Further summaries go to the end: what was encoded without them is read as having none.
    """

    rows: Count = 0
    missing: Count = 0
    null: Count = 0
    wrong_type: Count = 0
    out_of_range: Count = 0
    unseen: Count = 0
    renamed: Count = 0
    numbers: Numbers | None = None
    values: CategoryCounts | None = None
    unseen_values: CategoryCounts | None = None
    norms: Numbers | None = None
    nan: Count = 0
    components: list[Numbers] = []

    @staticmethod
    def merged(profiles: Iterable["FeatureProfile"]) -> "FeatureProfile":
        """The feature over all the rows of several profiles."""
        parts = list(profiles)
        return FeatureProfile(
            rows=sum(part.rows for part in parts),
            missing=sum(part.missing for part in parts),
            null=sum(part.null for part in parts),
            wrong_type=sum(part.wrong_type for part in parts),
            out_of_range=sum(part.out_of_range for part in parts),
            unseen=sum(part.unseen for part in parts),
            renamed=sum(part.renamed for part in parts),
            numbers=_merged(Numbers.merged, (part.numbers for part in parts)),
            values=_merged(CategoryCounts.merged, (part.values for part in parts)),
            unseen_values=_merged(CategoryCounts.merged, (part.unseen_values for part in parts)),
            norms=_merged(Numbers.merged, (part.norms for part in parts)),
            nan=sum(part.nan for part in parts),
            components=[
                Numbers.merged(component for component in components if component is not None)
                for components in zip_longest(*(part.components for part in parts))
            ],
        )

    def scaled(self, scale: Scale) -> "FeatureProfile":
        """The feature over so many times as many rows of the same kind. Usable values come first, then those that are not."""
        listed = self.values.total() if self.values else 0
        missing, null, wrong_type = self.usable, self.usable + self.missing, self.usable + self.missing + self.null
        return FeatureProfile(
            rows=scale.total(self.rows),
            missing=scale.part(self.missing, missing),
            null=scale.part(self.null, null),
            wrong_type=scale.part(self.wrong_type, wrong_type),
            out_of_range=scale.total(self.out_of_range),
            unseen=scale.part(self.unseen, listed),
            renamed=scale.total(self.renamed),
            numbers=self.numbers and self.numbers.scaled(scale),
            values=self.values and self.values.scaled(scale),
            unseen_values=self.unseen_values and self.unseen_values.scaled(scale, listed),
            norms=self.norms and self.norms.scaled(scale),
            nan=scale.part(self.nan, wrong_type + self.wrong_type),
            components=[component.scaled(scale) for component in self.components],
        )

    @property
    def present(self) -> int:
        """Rows that have the feature, whatever its value."""
        return self.rows - self.missing

    @property
    def usable(self) -> int:
        """Rows whose value has the right type, in range or not, and so is in a summary."""
        return self.rows - self.missing - self.null - self.wrong_type - self.nan

    def violations(self, *, required: bool, nullable: bool) -> dict[Kind, int]:
        """Violations by kind, those that occurred, for a feature declared so."""
        counted: dict[Kind, int] = {
            "missing": self.missing if required else 0,
            "type": self.wrong_type + self.nan,
            "null": 0 if nullable else self.null,
            "range": self.out_of_range,
            "category": self.unseen,
            "renamed": self.renamed,
        }
        return {kind: count for kind, count in counted.items() if count}


def _merged(merge: Callable[[Iterable[S]], S], parts: Iterable[S | None]) -> S | None:
    present = [part for part in parts if part is not None]
    return merge(present) if present else None

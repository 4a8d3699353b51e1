"""Which findings have one cause.

Findings that began together belong together if they share
- the **change** of the endpoint that came just before (a release, an edit of the routing), where only models that it touched show them;
- else the **source** that the schema names for their features. Features without a source share that they have none.

What is found of a model's answers, and of fields that the schema does not know, is mostly a consequence: a feed breaks, and so the
predictions move and a stranger's field appears. Such findings go with a cause that began together with them if there is one.
"""

from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

from hyperplan.alerts.alert import Change, Sighting
from hyperplan.schema import Schema
from hyperplan.skew.finding import Finding

_ABOUT_LABELS = frozenset({"unlabelled", "selective"})
"""Findings about the labels that come, not about what is served."""


_CONSEQUENCES = "answers and unknown fields"


class Cause(NamedTuple):
    """What findings have in common. `name` tells causes of one endpoint apart; one that `follows` may be due to another."""

    name: str
    source: str | None = None
    change: Change | None = None
    follows: bool = False


class Suspects(NamedTuple):
    """What causes are looked for in. `look` is how long a look is: a change takes effect within the next, and onsets are no more exact."""

    schema: Schema
    changes: Sequence[Change]
    look: int

    def cause(self, sighting: Sighting, beside: Iterable[Sighting]) -> Cause:
        """The cause of a finding, among all that are seen now."""
        models = {other.model for other in beside if other.subject == sighting.subject} | {sighting.model}
        found = sighting.finding
        feature = self.schema.features.get(found.feature)
        change = self._change(sighting.since, models, of_feature=feature is not None)
        if change:
            return Cause(f"change {change.time}", change=change)
        if found.finding in _ABOUT_LABELS:
            return Cause("labels")
        if feature is None:
            return Cause(_CONSEQUENCES, follows=True)
        return Cause(f"source {feature.source}", feature.source) if feature.source else Cause("no source")

    def _change(self, since: int, models: Collection[str], *, of_feature: bool) -> Change | None:
        """The newest change that came just before, and touched all the models that show the finding.

        Features are those of all rows, whoever answers: routing cannot move them, but a model may come with another reference.
        """
        near = [
            change
            for change in self.changes
            if change.time - self.look <= since <= change.time + 2 * self.look
            and set(models) <= set(change.models)
            and (change.kind == "release" or not of_feature)
        ]
        return max(near, key=lambda change: (change.time, change.words), default=None)


def leads_nothing(cause: str) -> bool:
    """Whether a cause, by its name, is that of things which may be due to another, none of which was found."""
    return cause == _CONSEQUENCES


def is_consequence(finding: Finding, schema: Schema) -> bool:
    """Whether a finding is about what may be due to another: answers, and fields that the schema does not know."""
    return finding.feature not in schema.features and finding.finding not in _ABOUT_LABELS


def clusters(sightings: Iterable[Sighting], together: int) -> list[list[Sighting]]:
    """Sightings in groups that began together: in each, none began more than so much after the one before."""
    groups: list[list[Sighting]] = []
    for sighting in sorted(sightings, key=lambda each: (each.since, each.identity)):
        if groups and sighting.since - groups[-1][-1].since <= together:
            groups[-1].append(sighting)
        else:
            groups.append([sighting])
    return groups

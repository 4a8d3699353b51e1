"""The sentence of an alert: which source, what happened, since when, and what moved with it.

The most specific finding speaks: "comes in seconds where training had minutes" explains what "has moved" only notices. Others that say
something of their own get a clause; the rest is counted.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from hyperplan.alerts.alert import Alert, Sighting
from hyperplan.schema import Schema

SPECIFIC = (
    "unit",
    "scale",
    "offset",
    "recoded",
    "renamed",
    "default",
    "constant",
    "precision",
    "type",
    "missing",
    "null",
    "dropped",
    "unseen",
    "ambiguous",
    "added",
    "threshold",
    "selective",
    "unlabelled",
    "shift",
    "drift",
)
"""Findings by how much they explain, the most first."""
VAGUE = frozenset({"shift", "drift"})
"""Findings that say no more than that something moved."""
QUOTED = 2
"""Further findings that are said in full."""


def sentence_of(alert: Alert, schema: Schema) -> str:
    """What an alert says, in one sentence without a full stop; times are UTC."""
    found = by_weight(alert.sightings)
    lead = found[0]
    clauses = [_dated(_clean(lead.finding.sentence), lead)]
    others = _others(lead, found)
    clauses += [_clean(each.finding.sentence) for each in others[:QUOTED]]
    said = {lead.finding.feature, *(each.finding.feature for each in others[:QUOTED])}
    clauses += _company(alert, schema, {each.finding.feature for each in found}, said)
    return f"{_place(alert)}{'; '.join(clauses)}"


def by_weight(sightings: Iterable[Sighting]) -> list[Sighting]:
    """Sightings, what explains most first, then what is surest."""
    return sorted(sightings, key=lambda each: (_rank(each), -each.finding.evidence, each.identity))


def _rank(sighting: Sighting) -> int:
    name = sighting.finding.finding
    return SPECIFIC.index(name) if name in SPECIFIC else SPECIFIC.index("shift")


def _others(lead: Sighting, found: Sequence[Sighting]) -> list[Sighting]:
    """Findings of other features that say something else than the first, one for each finding's name."""
    names, others = {lead.finding.finding} | VAGUE, []
    for each in found:
        if each.finding.finding not in names and each.finding.feature != lead.finding.feature:
            names.add(each.finding.finding)
            others.append(each)
    return others


def _place(alert: Alert) -> str:
    if alert.change:
        return f"after {alert.change.words}: "
    return f"{alert.source}: " if alert.source else ""


def _clean(sentence: str) -> str:
    return sentence.strip().rstrip(".")


def _dated(sentence: str, sighting: Sighting) -> str:
    """A finding's sentence with its beginning, if it does not say it itself and the data has times."""
    if " since " in sentence or sighting.finding.since is None:
        return sentence
    return f"{sentence} since {moment(sighting.since)}"


def moment(time: int) -> str:
    """A time in nanoseconds since 1970 as it stands in sentences."""
    return f"{datetime.fromtimestamp(time / 1e9, UTC):%Y-%m-%d %H:%M} UTC"


def _company(alert: Alert, schema: Schema, features: set[str], said: set[str]) -> list[str]:
    """What else moved: the features of the source all together, or each by name, what is no feature last."""
    of_source = {name for name, feature in schema.features.items() if alert.source and feature.source == alert.source}
    whole = len(of_source) > 1 and of_source <= features and not of_source <= said
    how_many = "both" if len(of_source) == 2 else f"all {len(of_source)}"
    clauses = [f"{how_many} features of {alert.source} moved with it"] if whole else []
    rest = features - said - {""} - (of_source if whole else set())
    if rest:
        clauses.append(f"{listed(sorted(rest, key=lambda name: (name not in schema.features, name)))} moved with it")
    return clauses


def listed(names: Sequence[str], most: int = 4) -> str:
    """Names as they stand in a sentence.

    >>> listed(["a", "b", "c"])
    'a, b and c'
    """
    if len(names) > most:
        return f"{', '.join(names[:most])} and {len(names) - most} more"
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"

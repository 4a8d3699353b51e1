"""All detectors, and what is said when several of them see the same thing.

A feed that sends seconds for minutes also shifts the distribution and leaves the range. One sentence is enough: the
finding that explains the others stands, and the others stand in its details under `explains`.

Who explains whom is a table. A finding explains those of the same feature, and a rename those of both names. What is explained
explains nothing itself: its own effects are said by whoever explains it.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec

from hyperplan.skew.case import Case
from hyperplan.skew.constants import constants
from hyperplan.skew.drift import drift
from hyperplan.skew.finding import Finding
from hyperplan.skew.precision import precision
from hyperplan.skew.rates import rates
from hyperplan.skew.recoding import recodings
from hyperplan.skew.renames import renames
from hyperplan.skew.scale import scales
from hyperplan.skew.selective import selective
from hyperplan.skew.shift import shift
from hyperplan.skew.threshold import threshold
from hyperplan.skew.unlabelled import unlabelled

Detector = Callable[[Case], Iterable[Finding]]
"""Looks at a case and says what it finds. Pure, and asked again after every look."""

DETECTORS: tuple[Detector, ...] = (
    renames,
    rates,
    scales,
    recodings,
    constants,
    precision,
    shift,
    drift,
    unlabelled,
    selective,
    threshold,
)
"""The order is for people who read the code: `EXPLAINS` alone decides who stands."""

_DISTRIBUTION = frozenset({"shift", "drift"})
_ABSENCE = frozenset({"missing", "null", "dropped", "added"})

EXPLAINS: dict[str, frozenset[str]] = {
    "renamed": _ABSENCE
    | _DISTRIBUTION
    | {"type", "unseen", "ambiguous", "constant", "default", "unit", "scale", "offset"},
    "ambiguous": _ABSENCE | _DISTRIBUTION,
    "dropped": frozenset({"missing", "null"}) | _DISTRIBUTION,
    "added": frozenset(),
    "type": _DISTRIBUTION,
    "missing": _DISTRIBUTION,
    "null": _DISTRIBUTION,
    "unit": frozenset({"scale", "offset", "precision", "constant", "default"}) | _DISTRIBUTION,
    "scale": frozenset({"offset", "precision"}) | _DISTRIBUTION,
    "offset": frozenset({"precision"}) | _DISTRIBUTION,
    "recoded": frozenset({"unseen", "type"}) | _DISTRIBUTION,
    "constant": frozenset({"default", "precision", "unseen", "scale", "offset"}) | _DISTRIBUTION,
    "default": frozenset({"precision", "unseen"}) | _DISTRIBUTION,
    "precision": _DISTRIBUTION,
    "unseen": _DISTRIBUTION,
    "threshold": _DISTRIBUTION,
    "shift": frozenset({"drift"}),
}
"""For each finding those that it makes unnecessary, the strongest explanations first. What is not listed explains nothing.

A shift against training explains the drift that brought it; drift alone is serving that left its own habits and not training's.
"""

_STRENGTH = {name: position for position, name in enumerate(EXPLAINS)}


def detect(case: Case) -> list[Finding]:
    """What is wrong now, each thing once."""
    return arbitrated(_found(case))


def _found(case: Case) -> list[Finding]:
    return [finding for detector in DETECTORS for finding in detector(case)]


def detect_throughout(case: Case, times: int = 5) -> list[Finding]:
    """What was wrong at some time: detectors are asked after each of so many equal parts of the looks.

    For what is looked at in hindsight, a file: what broke and was mended in the middle of it is told too. Of what is found several times, the
    strongest is told.
    """
    ends = sorted({len(case.looks) * part // times for part in range(1, times + 1)} - {0})
    strongest: dict[tuple[str, str, str], Finding] = {}
    for end in ends:
        for finding in _found(case.showing(case.looks[:end])):
            key = finding.feature, finding.finding, finding.against
            if key not in strongest or finding.evidence >= strongest[key].evidence:
                strongest[key] = finding
    return arbitrated(list(strongest.values()))


def arbitrated(findings: Sequence[Finding]) -> list[Finding]:
    """The findings that no other one explains, in their order, each with those that it explains."""
    ranked = sorted(range(len(findings)), key=lambda index: _STRENGTH.get(findings[index].finding, len(_STRENGTH)))
    explained: dict[int, list[int]] = {}
    standing: list[int] = []
    for index in ranked:
        by = next((other for other in standing if _explains(findings[other], findings[index])), None)
        if by is None:
            standing.append(index)
        else:
            explained.setdefault(by, []).append(index)
    return [
        _with(findings[index], [findings[one] for one in sorted(explained.get(index, []))])
        for index in sorted(standing)
    ]


def _explains(one: Finding, other: Finding) -> bool:
    return other.finding in EXPLAINS.get(one.finding, ()) and bool(_names(one) & _names(other))


def _names(finding: Finding) -> set[str]:
    """The features that a finding speaks of; `renamed` and `ambiguous` name the other ones in their details."""
    names = {finding.feature}
    for key in ("from", "to", "candidates"):
        value: Any = finding.details.get(key) if finding.finding in ("renamed", "ambiguous") else None
        names |= {value} if isinstance(value, str) else set(value or ())
    return names


def _with(finding: Finding, explained: Sequence[Finding]) -> Finding:
    if not explained:
        return finding
    told = [
        {"finding": one.finding, "feature": one.feature, "against": one.against, "effect": one.effect}
        for one in explained
    ]
    return msgspec.structs.replace(finding, details={**finding.details, "explains": told})

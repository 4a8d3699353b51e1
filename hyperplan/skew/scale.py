"""Changes of unit, scale and offset: seconds where training had minutes.

**Reference**: the exact values, the digits and the cells of training (`exact`, `cells`, `lines`); **assumption**: that digits tell
something, which is so for all that was ever written in decimals, converted but not rounded. What a line explains better than
"nothing changed" by `LEAST` nats, digits alone and digits with cells, is reported, unless another unit explains it as well within
`MARGIN`: then all of these are listed and none is named.

**Reports** for a feature that declares a unit, `unit`: the line to one of the other units that measure the same; for one that does not, or
where none of them fits, `scale`: a power of ten, or a factor that two units in use have between them; with rows of a few feeds only,
their share. `effect` is that share. The natural logarithm of the likelihood ratio, less that of the number of lines tried, is the `evidence`.
"""

import functools
import math
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from hyperplan.profile import FeatureProfile, QuantileSketch
from hyperplan.schema import AnyFeature
from hyperplan.skew.case import Case
from hyperplan.skew.cells import SAME, Placed
from hyperplan.skew.evidence import threshold
from hyperplan.skew.finding import Finding
from hyperplan.skew.lines import Expected, Explained, Served, expected_of, served_lately
from hyperplan.skew.stretch import beginning, profiles_of
from hyperplan.skew.units import Line, Unit, alternatives, roundings, table, unit
from hyperplan.skew.words import percent, since, times_larger

ROWS = 200
"""Rows in which a change is looked for: the newest."""
LEAST = 20.0
"""Nats that a line must be better than none, whatever the number of features."""
MARGIN = 4.0
"""Nats by which one unit must be better than the next to be named."""
FEWEST = 3
"""Distinct values that must speak clearly for a line, ..."""
MET = 0.3
"""... or else what they are made from is so large a share of training."""
STRANGE = 10.0
"""Nats by which the digits must be unlike those of training before more than the units of the schema are tried."""
HALF = 0.5
"""A share that a factor of no unit must explain: a few values that are twice others prove nothing."""
WHOLE = 0.9
"""A share from which on all rows are meant."""
NEAR = 0.4
"""A factor nearer to 1, as a logarithm, is none that the places of numbers could tell from movement."""
OFF = 3.0
"""Spreads by which numbers may be off where a line leads."""
SPREADS = 1.5
"""What the spread of a few stretches is multiplied by, since they are few and rows come in clumps."""
SPREAD_BEFORE = 0.16
"""The least spread, as a logarithm of a factor, when many looks just before tell it, ..."""
SPREAD_OF_TRAINING = 0.4
"""... and what is added to that of training, whose chunks are longer than looks."""
MOST_BEFORE = 10
"""Stretches of looks that tell where a feature lies just before."""
POWERS = tuple(range(-9, 10))


class _Way(NamedTuple):
    """A line that something may have gone, and the unit it leads to; no unit for a mere factor. `like` are two units with that factor."""

    line: Line
    unit: Unit | None
    like: tuple[Unit, Unit] | None = None

    @property
    def label(self) -> tuple[str, float]:
        return (self.unit.symbol, 0.0) if self.unit else ("", self.line.factor)


class _Usual(NamedTuple):
    """Where a feature lies of itself: the logarithm of its factor to training, and how far that moves."""

    middle: float
    spread: float

    def off(self, placed: Placed | None) -> float:
        """How many spreads away something lies."""
        return math.inf if placed is None else (placed.shift - self.middle) / self.spread

    def score(self, placed: Placed | None, weight: float) -> float:
        """How well that fits, in nats: the way there, and what is left of the fit of so many values."""
        return -math.inf if placed is None else -0.5 * self.off(placed) ** 2 + weight * placed.fit


class _Named(NamedTuple):
    """The ways that explain what was served: the best one, and those that cannot be told from it.

    `usual` is where the feature usually lies if it took that to tell.
    """

    best: _Way
    rivals: list[_Way]
    evidence: float
    usual: _Usual | None = None


def scales(case: Case) -> Iterable[Finding]:
    """Features whose numbers are those of training, in other units."""
    for name, feature in case.schema.features.items():
        expected, served = expected_of(case, name), served_lately(case, name, ROWS)
        if expected is None or served is None:
            continue
        named = _named(case, name, expected, served)
        if named is not None:
            yield _finding(case, name, feature, expected, named)


def _named(case: Case, name: str, expected: Expected, served: Served) -> _Named | None:
    """What explains the newest rows: the units that the schema speaks of first, then how people round them, then anything."""
    feature = case.schema.features[name]
    bar = max(LEAST, threshold(len(case.schema.features)))
    exact, rounded = case.once(("scale", "units", feature.unit), lambda: _units(feature.unit))
    named = _best(exact, expected, served, bar)
    if named is None and expected.strangeness(served) >= STRANGE:
        factors = case.once(("scale", "factors", feature.unit), lambda: _factors(feature.unit))
        named = _best(rounded, expected, served, bar) or _best(factors, expected, served, bar)
        if named and named.best.unit is None and _went([expected.rows(named.best.line, served)]) < HALF:
            named = None
    return named or _placed(case, name, exact, expected, served, bar)


def _placed(
    case: Case, name: str, units: Sequence[_Way], expected: Expected, served: Served, bar: float
) -> _Named | None:
    """What explains where the newest rows lie, when digits alone do not: they were rounded on their way, or a power of ten left them as they are.

    Everything may have been rounded, what did not change too. That something changed has to show in digits all the same; where numbers
    lie only says what. Places alone would name each appliance that is switched on.
    """
    found = expected.cells.placed(served.sketch)
    if found is None or abs(found.shift) < NEAR:
        return None
    usual = _usual(case, name, expected, found.shift)
    weight = float(served.values.size)
    unchanged = usual.score(found, weight) + max(float(expected.stepped([SAME], served)[0]), 0.0)
    for ways in (units, _powers()):
        if not ways:
            continue
        lines = [way.line for way in ways]
        digits = expected.whole(lines, served)
        if ways is units:
            digits = np.maximum(digits, expected.stepped(lines, served))
        if digits.max() < bar:
            continue
        placed = [expected.cells.placed(served.sketch, line) for line in lines]
        scores = digits + np.array([usual.score(one, weight) for one in placed])
        best = int(scores.argmax())
        more = float(scores[best]) - unchanged
        if digits[best] < bar or more < MARGIN or abs(usual.off(placed[best])) > OFF:
            continue
        rivals = [
            way
            for way, score in zip(ways, scores, strict=True)
            if score > scores[best] - MARGIN and way is not ways[best]
        ]
        if ways is units or not rivals:
            return _Named(ways[best], rivals, float(min(more, digits[best])), usual=usual)
    return None


def _usual(case: Case, name: str, expected: Expected, found: float) -> _Usual:
    """By the looks before that lie nearer to training than to what was found; with too few of them, by the chunks of training."""
    looks = case.looks[: len(case.looks) - len(case.recent(ROWS))]
    stretches = [looks[max(end - 2, 0) : end] for end in range(len(looks), 0, -2)][:MOST_BEFORE]
    sketches = [
        QuantileSketch.merged(part.numbers.sketch for part in profiles_of(name, stretch) if part.numbers)
        for stretch in stretches
    ]
    shifts = [placed.shift for sketch in sketches if (placed := expected.cells.placed(sketch))]
    before = [shift for shift in shifts if abs(shift) < abs(shift - found)]
    if before:
        least = SPREAD_BEFORE * (1 + 2 / len(before))
        return _Usual(float(np.mean(before)), max(SPREADS * float(np.std(before)), least))
    return case.once(("scale", "usual", name), lambda: _usual_of_training(case, name, expected))


def _usual_of_training(case: Case, name: str, expected: Expected) -> _Usual:
    parts = [part.features[name].numbers for part in case.reference if name in part.features]
    shifts = [placed.shift for part in parts if part and (placed := expected.cells.placed(part.sketch))]
    return _Usual(0.0, SPREADS * float(np.std(shifts)) + SPREAD_OF_TRAINING if shifts else 2 * SPREAD_OF_TRAINING)


def _powers() -> list[_Way]:
    return [_Way(Line(10.0**power), None) for power in POWERS if power]


def _units(declared: str | None) -> tuple[list[_Way], list[_Way]]:
    """The ways to the other units, and the ways that lead there when factors are rounded."""
    known = unit(declared) if declared else None
    if known is None:
        return [], []
    exact = [_Way(known.to(other), other) for other in alternatives(known)]
    return exact, [way._replace(line=line) for way in exact for line in roundings(way.line)]


def _factors(declared: str | None) -> list[_Way]:
    """What two units have between them, for a feature whose unit nobody knows, if it is more than a digit long.

    No powers of ten: they leave digits as they are, so that only where numbers lie can tell.
    """
    found: dict[float, _Way] = {}
    pairs = [] if declared and unit(declared) else [(one, other) for one in table() for other in alternatives(one)]
    for one, other in pairs:
        line = one.to(other)
        digits = f"{line.factor:.0e}", f"{1 / line.factor:.0e}"
        plain = any(
            math.isclose(float(text), factor)
            for text, factor in zip(digits, (line.factor, 1 / line.factor), strict=True)
        )
        if line.offset == 0 and one.base.offset == 0 and (not plain or line.factor in (60.0, 1 / 60.0)):
            found.setdefault(float(f"{line.factor:.12g}"), _Way(line, None, (one, other)))
    return list(found.values())


def _best(ways: Sequence[_Way], expected: Expected, served: Served, bar: float) -> _Named | None:
    if not ways:
        return None
    lines = [way.line for way in ways]
    possible = expected.possible(lines, served, bar, MET)
    if not possible.size:
        return None
    ways = [ways[index] for index in possible]
    explained = expected.explained(lines, served, possible)
    stepped = np.maximum(expected.stepped([way.line for way in ways], served), 0.0)
    evidence = _evidence(explained, stepped) - math.log(len(lines))
    rounding = expected.rounding(served)
    enough = (evidence >= bar) & (explained.fit >= (rounding.evidence + MARGIN if rounding else 0.0))
    if not enough.any():
        return None
    best = int(np.where(enough, explained.fit, -np.inf).argmax())
    rivals: dict[Any, _Way] = {}
    for index in np.argsort(-explained.fit):
        if explained.fit[index] < explained.fit[best] - MARGIN:
            break
        if enough[index]:
            rivals.setdefault(ways[index].label, ways[index])
    rivals.pop(ways[best].label, None)
    return _Named(ways[best], list(rivals.values()), float(evidence[best]))


def _evidence(explained: Explained, stepped: Any) -> Any:
    """The evidence that counts: of several values each is bounded, and numbers of another step could have come from anywhere; of a single
    value only if training was full of it."""
    enough = np.minimum(explained.evidence, explained.digits) - stepped
    many = np.where(explained.supporters >= FEWEST, enough, 0.0)
    return np.where(explained.met >= MET, np.maximum(many, np.minimum(explained.fit, 2 * LEAST)), many)


def _finding(case: Case, name: str, feature: AnyFeature, expected: Expected, named: _Named) -> Finding:
    way = named.best
    began = beginning(case.looks, name, functools.partial(_says, expected, named))
    share = 1.0 if named.usual else _share(expected, way.line, profiles_of(name, case.looks[began:]))
    start, until = case.looks[began].start, case.looks[-1].end
    known = unit(feature.unit) if feature.unit else None
    nominal = known.to(way.unit) if known and way.unit else way.line
    candidates = [_described(one, known) for one in (way, *named.rivals)]
    details = {
        "factor": nominal.factor,
        "offset": nominal.offset,
        "from": feature.unit if way.unit else None,
        "to": way.unit.symbol if way.unit and not named.rivals else None,
        "candidates": candidates,
        "share": share,
    }
    what = name if share >= WHOLE else f"about {percent(share)} of {name}"
    return Finding(
        feature=name,
        kind="feature",
        finding="unit" if way.unit else "scale",
        effect=share,
        evidence=named.evidence,
        sentence=f"{what} {_words(nominal)}{since(start if began else None, until)}{_reason(named, known)}",
        since=start,
        until=until,
        details=details,
    )


def _share(expected: Expected, line: Line, parts: Sequence[FeatureProfile]) -> float:
    """The share of rows that went along a line, part by part: the sample of a short one is nearly all there is."""
    return _went([expected.rows(line, expected.served([part.numbers])) for part in parts if part.numbers])


def _went(rows: Sequence[tuple[int, int]]) -> float:
    """The share of those that went along a line, of parts each of which has so many that did and that did not."""
    went, stayed = sum(went for went, _ in rows), sum(stayed for _, stayed in rows)
    return went / max(went + stayed, 1)


def _says(expected: Expected, named: _Named, profile: FeatureProfile) -> bool | None:
    """Whether a look shows what was named; None if it tells nothing."""
    if profile.numbers is None:
        return None
    if named.usual is None:
        return expected.says(named.best.line, expected.served([profile.numbers]))
    changed, same = (expected.cells.placed(profile.numbers.sketch, line) for line in (named.best.line, SAME))
    return abs(named.usual.off(changed)) < abs(named.usual.off(same)) if changed else None


def _described(way: _Way, known: Unit | None) -> dict[str, Any]:
    line = known.to(way.unit) if known and way.unit else way.line
    like = {"like": [way.like[0].symbol, way.like[1].symbol]} if way.like else {}
    return {"unit": way.unit.symbol if way.unit else None, "factor": line.factor, "offset": line.offset, **like}


def _words(line: Line) -> str:
    return f"looks {times_larger(line.factor)}" if line.offset == 0 else "looks converted"


def _reason(named: _Named, known: Unit | None) -> str:
    way = named.best
    if known and way.unit:
        names = " or ".join(one.unit.name for one in (way, *named.rivals) if one.unit)
        return f": {names} where training had {known.name}"
    if named.rivals:
        return f", or {' or '.join(times_larger(one.line.factor) for one in named.rivals)}"
    if way.like:
        return f", as {way.like[1].name} are than {way.like[0].name}"
    return ""

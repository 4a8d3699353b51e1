"""`drift`: a feature, or what models answer, is distributed otherwise than it was served before.

References, both made of looks at what was served:

- **before**: the looks before the change. Every look is tried as the one at which it began, and all rows since are held against all
  before it, by the same bets as `shift` (`onset`).
- **season**: the same hour in the weeks before (`Case.season`), held against the looks at that hour. Mornings differ from nights every day; where there
  is a season, a change from before that it shows as well is a daily habit and no finding.

Of what training does not have, scores mostly, nobody knows how it moves, and what was before must have shown it (`before`).

What is allowed is the noise of counting both sides, the movement that training and looks show from one stretch to the next, and what weeks of
the season differ by. The effect must be twice as large as that of a shift, and the evidence is stricter.

Drift alone is no skew: serving has left its own habits but not what training knows, and the finding says so (`details.skewed`). A change that is both
is a shift first.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from typing import NamedTuple

import msgspec
import numpy as np

from hyperplan.skew.before import change_from_before
from hyperplan.skew.case import Case, Look
from hyperplan.skew.compare import compare
from hyperplan.skew.contrast import contrast
from hyperplan.skew.evidence import RUN_LENGTH, shares_of, significant
from hyperplan.skew.finding import Against, Finding
from hyperplan.skew.movement import FURTHEST, Floats, Movement, distance
from hyperplan.skew.onset import NEVER, Onset, onset
from hyperplan.skew.shift import LASTING, could_matter, in_training, movement_of
from hyperplan.skew.tally import Tally, column_of, tallies
from hyperplan.skew.words import moment, number, since

HOUR = 3600 * 10**9
WEEK = 7 * 24 * HOUR


LARGER = 2
"""How many times larger than that of a shift the effect of a drift must be: by itself it is worth less, and days have their shapes."""
STRICTER = 10
"""How many times rarer than shifts false drifts are."""
VERDICTS = {
    True: "it is leaving what training knew as well",
    False: "training knew the like, so this is drift and no skew",
    None: "the reference does not have it, so whether this is skew too nobody can tell",
}
"""What is said of a drift by whether it is skew as well."""


class _Change(NamedTuple):
    """A change from some other looks: when it began, how large it is, and what it was held against."""

    onset: Onset
    effect: float
    reference: Floats
    usual: float = 0.0
    """The effect that what was before shows by itself, where training says nothing."""


def drift(case: Case) -> Iterable[Finding]:
    """Features that are distributed otherwise than before, and since when."""
    if len(case.looks) < 2:
        return
    seen = tallies(case)
    before = _significant(case, {name: _from_before(case, name, tally) for name, tally in seen.items()})
    season = (
        _significant(case, {name: _from_season(case, name, tally) for name, tally in seen.items()})
        if case.season
        else None
    )
    for name, tally in seen.items():
        if season is not None and name not in season:
            continue
        if name in before:
            yield _finding(case, name, "before", before[name], tally)
        elif season is not None:
            yield _finding(case, name, "season", season[name], tally)


def _significant(case: Case, changes: Mapping[str, _Change | None]) -> dict[str, _Change]:
    """The changes with evidence enough and an effect that matters."""
    told = {name: change for name, change in changes.items() if change is not None}
    found = significant({name: change.onset.evidence for name, change in told.items()}, STRICTER * RUN_LENGTH)
    return {
        name: change
        for name, change in told.items()
        if name in found
        and change.effect >= max(LARGER * in_training(case, name, tallies(case)[name]).must_exceed(), change.usual)
    }


def _from_before(case: Case, name: str, tally: Tally) -> _Change | None:
    if not tally.training.any():
        change = change_from_before(tally.looks, tally.season, tally.view)
        if change is None:
            return _Change(Onset(0, NEVER), 0.0, tally.looks[0])
        effect = change.movement.effect(change.now, change.reference)
        return _Change(change.began, effect, change.reference, change.movement.usual)
    before = np.cumsum(tally.looks, axis=0) - tally.looks
    before[:LASTING] = 0  # too short to say what was usual
    if not could_matter(in_training(case, name, tally), tally.looks, before, LARGER):
        return _Change(Onset(0, NEVER), 0.0, before[0])
    movement = movement_of(case, name, tally)
    began = onset(tally.looks, before, movement.from_before, tally.view, LASTING)
    return _change(tally, began, before[began.look], movement)


def _from_season(case: Case, name: str, tally: Tally) -> _Change | None:
    movement = movement_of(case, name, tally)
    reference = tally.season.sum(axis=0)
    first = _first_of_the_hour(case)
    rows = tally.view.rows(tally.since(first))
    if not reference.any() or not rows:
        return None
    length = case.looks[-1].end - case.looks[first].start
    weeks = np.array([(case.looks[-1].start - look.start) / length for look in case.season]).mean()
    moved = movement.walk * rows * weeks + _between_weeks(case, tally)
    began = onset(
        tally.looks[first:],
        reference,
        lambda served, known: np.minimum(movement.from_before(served, known) + moved, FURTHEST),
        tally.view,
    )
    return _change(tally, began._replace(look=began.look + first), reference, movement)


def _first_of_the_hour(case: Case) -> int:
    """The first of the looks that the season is about."""
    begins = (case.looks[-1].end - HOUR) // HOUR * HOUR
    return next(index for index, look in enumerate(case.looks) if look.start >= begins or look is case.looks[-1])


def _between_weeks(case: Case, tally: Tally) -> float:
    """How far the same hours of two weeks lie apart."""
    weeks: dict[int, Floats] = {}
    for look, sums in zip(case.season, tally.season, strict=True):
        week = (case.looks[-1].end - look.start) // WEEK
        weeks[week] = weeks.get(week, np.zeros_like(sums)) + sums
    shares = shares_of(tally.usual)
    filled = [sums for sums in weeks.values() if sums.any()]
    apart = [distance(one, other, shares, tally.view) for one, other in combinations(filled, 2)]
    return max(float(np.mean(apart)), 0.0) if apart else 0.0


def _change(tally: Tally, began: Onset, reference: Floats, movement: Movement) -> _Change | None:
    now = tally.since(began.look)
    if not reference.any() or not now.any():
        return None
    return _Change(began, movement.effect(now, reference), reference)


def _finding(case: Case, name: str, against: Against, change: _Change, tally: Tally) -> Finding:
    looks = case.looks[change.onset.look :]
    now, was = column_of(looks, name), column_of(_compared_with(case, against, change.onset.look), name)
    sums = tally.since(change.onset.look)
    rows = round(float(tally.view.rows(sums)))
    skewed = _is_skewed(tally, sums, movement_of(case, name, tally))
    told = contrast(was, now, change.reference, sums, tally)
    unit = case.schema.features[name].unit if name in case.schema.features else None
    whose = "before" if against == "before" else "at this hour in the weeks before"
    return Finding(
        feature=name,
        kind="distribution",
        finding="drift",
        effect=change.effect,
        evidence=change.onset.evidence,
        against=against,
        since=moment(looks[0].start),
        until=moment(looks[-1].end),
        sentence=(
            f"{name} is distributed otherwise than {whose}{since(looks[0].start, looks[-1].end)}: {told.words(unit, 'then')}. "
            f"The PSI is {number(round(change.effect, 3))} over {rows:,} rows against {round(float(tally.view.rows(change.reference))):,}; {VERDICTS[skewed]}."
        ),
        details={
            "rows": rows,
            "skewed": skewed,
            **told.details(),
            "measures": msgspec.structs.asdict(compare(was, now)),
        },
    )


def _is_skewed(tally: Tally, sums: Floats, movement: Movement) -> bool | None:
    """Whether rows are further from training than it moves of itself; None when training does not have the feature."""
    if not tally.training.any():
        return None
    view = tally.view
    allowed = movement.from_training(view.rows(sums), view.rows(tally.training))
    return bool(view.further(sums, tally.training, allowed) > 0)


def _compared_with(case: Case, against: Against, look: int) -> Sequence[Look]:
    return case.looks[:look] if against == "before" else case.season

"""`shift`: a feature, or what models answer, is distributed otherwise than in training, and by more than training itself moved.

Reference: the series of profiles of the training data. Two things must come together:

- **evidence** (`onset`) that rows since some look are further from training than its own movement, the noise of having counted it
  included, lets them be; valid however often one looks, and over all features together (`evidence.significant`);
- an **effect** that matters: the population stability index of these rows, less what counting and clumps of so few rows make of it, is at
  least `movement.SMALLEST` and more than 19 of 20 chunks of training showed against the others.

Assumes that rows of a stretch are exchangeable but for the movement that was seen, and that training was long enough to show how the
feature moves; what moves between seasons is extrapolated, and where training moved so much that nothing can be said, nothing is.

A shift may be old: then it is skew but no drift, and the finding says so (`details.began`: whether it began within these looks). Rows without a usable
value are left to `missing`, `null` and `type`.
"""

from collections.abc import Iterable

import msgspec

from hyperplan.skew.case import Case
from hyperplan.skew.compare import compare
from hyperplan.skew.contrast import contrast
from hyperplan.skew.evidence import shares_of, significant
from hyperplan.skew.finding import Finding
from hyperplan.skew.movement import Floats, Movement, of_training
from hyperplan.skew.onset import NEVER, Onset, onset, since_each
from hyperplan.skew.tally import Tally, column, column_of, tallies
from hyperplan.skew.words import moment, number, since

LASTING = 5
"""Looks for which a change must have been lasting. Days and weeks have shapes that no reference shows; what is gone again so soon is none of a model's
skew, and what is so large that one would not want to wait has a name of its own."""


def shift(case: Case) -> Iterable[Finding]:
    """Features that are distributed otherwise than in training, and since when."""
    judged = {name: _judged(case, name, tally) for name, tally in tallies(case).items() if tally.training.any()}
    found = significant({name: onset.evidence for name, (onset, _, _) in judged.items()})
    for name, (began, movement, tally) in judged.items():
        if name not in found:
            continue
        effect = movement.effect(tally.since(began.look), tally.training)
        if effect >= movement.must_exceed():
            yield _finding(case, name, began, effect, movement, tally)


def movement_of(case: Case, name: str, tally: Tally) -> Movement:
    """How a feature moves of itself, in training and in these looks."""
    key = ("movement", name, tally.texts, tally.view)
    return case.once_shown(key, lambda: in_training(case, name, tally).seen_in(tally.looks, shares_of(tally.usual)))


def in_training(case: Case, name: str, tally: Tally) -> Movement:
    """How a feature moves of itself, as far as training tells."""
    key = ("movement", name, tally.texts, tally.view)
    return case.once(key, lambda: of_training(tally.chunks, tally.view))


def could_matter(movement: Movement, looks: Floats, reference: Floats, times: float = 1.0) -> bool:
    """Whether since some look there is an effect that matters, so many times over, if looks moved by no more than training.

    No finding without it, and an effect is told by a few logarithms where evidence takes thousands of gamma functions: most features have none.
    """
    _, since, known = since_each(looks, reference, LASTING)
    least = movement._replace(shortest=0.0)
    filled = (least.view.rows(since) > 0) & (least.view.rows(known) > 0)
    return bool((least.effects(since[filled], known[filled]) >= times * movement.must_exceed()).any())


def _judged(case: Case, name: str, tally: Tally) -> tuple[Onset, Movement, Tally]:
    movement = in_training(case, name, tally)
    if not could_matter(movement, tally.looks, tally.training):
        return Onset(0, NEVER), movement, tally
    movement = movement_of(case, name, tally)
    return onset(tally.looks, tally.training, movement.from_training, tally.view, LASTING), movement, tally


def _finding(case: Case, name: str, began: Onset, effect: float, movement: Movement, tally: Tally) -> Finding:
    looks = case.looks[began.look :]
    now, training = column_of(looks, name), column(case.training, name)
    sums = tally.since(began.look)
    rows = round(float(tally.view.rows(sums)))
    new = _was_as_in_training(tally, began.look, movement)
    told = contrast(training, now, tally.training, sums, tally)
    unit = case.schema.features[name].unit if name in case.schema.features else None
    age = (
        "that is new in these looks"
        if new
        else "it has been so for as long as these looks go back, so this is skew and no drift"
    )
    return Finding(
        feature=name,
        kind="distribution",
        finding="shift",
        effect=effect,
        evidence=began.evidence,
        since=moment(looks[0].start),
        until=moment(looks[-1].end),
        sentence=(
            f"{name} is distributed otherwise than in training{since(looks[0].start, looks[-1].end)}: {told.words(unit, 'in training')}. "
            f"The PSI is {number(round(effect, 3))} over {rows:,} rows, where it must exceed {number(round(movement.must_exceed(), 3))} to be more "
            f"than training's own chunks differ by; {age}."
        ),
        details={
            "rows": rows,
            "began": new,
            "usual": movement.usual,
            **told.details(),
            "measures": msgspec.structs.asdict(compare(training, now)),
        },
    )


def _was_as_in_training(tally: Tally, look: int, movement: Movement) -> bool:
    """Whether the looks before that one give no reason to say that they had shifted already."""
    before = tally.until(look)
    if not before.any():
        return False
    allowed = movement.from_training(tally.view.rows(before), tally.view.rows(tally.training))
    return bool(tally.view.further(before, tally.training, allowed) <= 0)

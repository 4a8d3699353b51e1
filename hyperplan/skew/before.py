"""Against what was served before, where training says nothing: what counts as a change, judged by how things moved before it.

Scores are seldom in a reference, so nobody knows how they move of themselves, and storms come and go. Looks alone tell too little: an hour without a
storm makes all storms a change. So what was before a change is taken as training is taken elsewhere: cut into stretches, whose movement
(`movement.of_training`) is what may be, noise and walk, extrapolated. It must be long enough for that, `LONG` looks, and each stretch at least as long as
a change must have been lasting. No movement is taken to average out over more rows than a stretch has, since none so long were compared.

Where there is a season, a change that it shows as well is a habit and none.

What happens for the first time within all the looks cannot be told from a change: it is one.
"""

import math
from typing import NamedTuple

import numpy as np

from hyperplan.skew.evidence import shares_of
from hyperplan.skew.movement import Floats, Movement, of_training
from hyperplan.skew.onset import Onset, onset
from hyperplan.skew.shift import LASTING
from hyperplan.skew.view import BINNED, View

STRETCHES = 12
"""Stretches of what was before that are compared."""
LONG = STRETCHES * LASTING
"""Looks before a change, at least."""


class Change(NamedTuple):
    """When a change most likely began and with what evidence, what came since and what was before, and how that moved."""

    began: Onset
    now: Floats
    reference: Floats
    movement: Movement


def change_from_before(looks: Floats, season: Floats, view: View = BINNED) -> Change | None:
    """The likeliest change, from what is added up of looks and of those of the season; None when too little was before to know."""
    before = np.cumsum(looks, axis=0) - looks
    before[:LONG] = 0
    if not view.rows(before).any():
        return None
    by_looks = Movement(shortest=math.inf, view=view).seen_in(looks, shares_of(looks.sum(axis=0)))
    guess = onset(looks, before, by_looks.from_before, view, LASTING)
    reference, since = before[guess.look], looks[guess.look :]
    if not view.rows(reference) or not view.rows(since).any():
        return None
    movement = of_training(_stretches(looks[: guess.look], view), view)._replace(shortest=0.0)

    def allowed(rows: Floats, known: Floats) -> Floats:
        compared = np.minimum(rows, movement.chunk)
        hidden = 1 / np.maximum(
            compared, 1.0
        )  # as much as counting could hide may be there, though nothing was seen to move
        return np.maximum(movement.from_training(compared, known), hidden)

    others = [known for known in (reference, season.sum(axis=0)) if view.rows(known)]
    news = [onset(since, known, allowed, view, LASTING).evidence for known in others]
    return Change(guess._replace(evidence=min(guess.evidence, *news)), since.sum(axis=0), reference, movement)


def _stretches(looks: Floats, view: View) -> Floats:
    """Looks in stretches of about equally many rows; what is left over at the beginning is left out."""
    rows = float(view.rows(looks).sum()) / STRETCHES
    found, held = [], np.zeros(looks.shape[1])
    for look in looks[::-1]:
        held = held + look
        if view.rows(held) >= rows:
            found.append(held)
            held = np.zeros(looks.shape[1])
    return np.array(found[::-1]).reshape(-1, looks.shape[1])

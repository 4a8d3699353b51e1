"""Less variance from what was known of a unit before the experiment: its value then predicts its value now.

Taking `slope * (before - its mean)` off each outcome leaves the effect as it is, because what was before the assignment has nothing to do with it, and
divides the variance by 1 / (1 - correlation^2) (Deng, Xu, Kohavi and Walker, "Improving the sensitivity of online controlled experiments by utilizing
pre-experiment data", 2013: CUPED). Here slope and mean are *predictable*: those of the units that were counted before, so the bets stay as valid as they were, to
the letter. A unit that was not there before has nothing taken off.
"""

import numpy as np
from numpy.typing import NDArray

from hyperplan.experiments.assignment import FEWEST
from hyperplan.experiments.units import Rows, Units

Floats = NDArray[np.float64]


def known_before(units: Units, past: Rows) -> Floats:
    """The mean of each unit's rows before the experiment, NaN where there are none. Entities must have the same codes in both."""
    there = ~np.isnan(past.value)
    entities, which = np.unique(past.entity[there], return_inverse=True)
    if not len(entities):
        return np.full(len(units.entity), np.nan)
    means = np.bincount(which, past.value[there]) / np.bincount(which)
    at = np.minimum(np.searchsorted(entities, units.entity), len(entities) - 1)
    return np.where(entities[at] == units.entity, means[at], np.nan)


def predicted(value: Floats, before: Floats, pieces: list[slice]) -> Floats:
    """What to take off each outcome. `before` is NaN where nothing is known; all units of a piece use what the pieces before it tell."""
    taken = np.zeros(len(value))
    known = ~np.isnan(before)
    n = 0
    x, y, xx, xy = 0.0, 0.0, 0.0, 0.0
    for piece in pieces:
        there, past, now = known[piece], before[piece], value[piece]
        spread = xx - x * x / n if n >= FEWEST else 0.0
        if spread > 1e-12 * xx:
            taken[piece] = np.where(there, (xy - x * y / n) / spread * (np.where(there, past, 0) - x / n), 0)
        past, now = past[there], now[there]
        n, x, y = n + len(past), x + float(past.sum()), y + float(now.sum())
        xx, xy = xx + float(past @ past), xy + float(past @ now)
    return taken

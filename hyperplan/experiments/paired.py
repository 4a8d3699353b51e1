"""Two models compared on the same rows: one that answered and its shadow. Anytime-valid.

Where both models saw a row, the difference of their losses is free of everything that makes rows easy or hard. What is left to average is only where they
disagree, so a paired comparison needs a small part of the units of an experiment with two arms, and no user sees the worse model.

The null hypothesis is that the mean difference is some number; what a difference exceeds it by is the surprise that is bet on (`wealth`; Waudby-Smith and Ramdas,
"Estimating means of bounded random variables by betting", 2024). A loss of 0 or 1 (an error) makes this the sequential sign test on rows on which one is right and
the other wrong; rows on which both are change nothing. Differences must be bounded, so losses without a bound (logarithmic, squared) are cut at one.

Assumed: units come one after the other from one population, or at least their mean differences, given the past, average to the same number. Rows of one entity are folded into
their mean first (`units`). Unlike an experiment this does not see what a model *causes*: a reward that only comes from what was shown has no paired difference.
"""

import math

import msgspec
import numpy as np
from numpy.typing import NDArray

from hyperplan.experiments.assignment import FEWEST
from hyperplan.experiments.compare import NULLS, pieces
from hyperplan.experiments.wealth import CAUTION, MULTIPLES, bar, kept, leaning, won

Floats = NDArray[np.float64]


class Paired(msgspec.Struct, frozen=True, kw_only=True):
    """What differences of losses say, of the second model minus the first: below 0, the second is better.

    `evidence` is the log of the most that was ever won against "no difference", `needed` what refutes it. `low` and `high` bound the mean
    difference at all times together.
    """

    units: int
    mean: float
    evidence: float
    needed: float
    low: float
    high: float

    @property
    def differs(self) -> bool:
        """Whether "no difference" is refuted, at this look or at any before."""
        return self.evidence >= self.needed


def paired(differences: Floats, bound: float, minimum: float, alpha: float, comparisons: int = 1) -> Paired:
    """Compare two models by the differences of their losses, one for each unit, in order of time.

    `bound` is the largest absolute difference there can be; larger ones count as that, and NaN is left out. `minimum` is the smallest mean difference that matters.
    """
    values = np.clip(np.asarray(differences, np.float64), -bound, bound)
    values = values[~np.isnan(values)]
    best = PairedBets(bound, minimum, NULLS)
    for piece in pieces(len(values)):
        best.look(values[piece])
    needed = bar(alpha, comparisons)
    low, high = kept(minimum * NULLS, best.best, needed, best.leaning())
    return Paired(
        units=len(values),
        mean=float(values.mean()) if len(values) else math.nan,
        evidence=float(best.best[NULLS == 0][0]),
        needed=needed,
        low=low,
        high=high,
    )


class PairedBets:
    """Bets on the mean of bounded differences, against some means, each given as a multiple of the minimum.

    Leading axes of all arrays are independent comparisons, the last axis is that of units.
    """

    def __init__(self, bound: float, minimum: float, nulls: Floats, comparisons: tuple[int, ...] = ()) -> None:
        self._bound, self._minimum, self._means = bound, minimum, minimum * nulls
        self._wealth = np.zeros((*comparisons, len(nulls), len(MULTIPLES)))
        self._units = 0
        self._total, self._squares = np.zeros(comparisons), np.zeros(comparisons)
        self.best = np.zeros((*comparisons, len(nulls)))

    def look(self, differences: Floats) -> None:
        """Take in more units, all bet upon with what was known before."""
        if self._units >= FEWEST:
            self._bet(differences)
        self._units += differences.shape[-1]
        self._total = self._total + differences.sum(axis=-1)
        self._squares = self._squares + (differences**2).sum(axis=-1)
        self.best = np.maximum(self.best, won(self._wealth))

    def leaning(self) -> NDArray[np.int64]:
        """For each mean whether the true one seems higher (1) or lower (-1)."""
        return np.asarray(leaning(self._wealth), np.int64)

    def _bet(self, differences: Floats) -> None:
        mean = self._total / self._units
        # Where nothing differs nothing varies; whoever bets on that bets as much as caution lets them.
        variance = np.maximum(self._squares / self._units - mean**2, 1e-12 * self._bound**2)[..., None, None]
        wanted = self._minimum * MULTIPLES / variance
        most = CAUTION / (self._bound + np.abs(self._means))[:, None]
        stake = np.clip(wanted, -most, most)
        surprise = differences[..., None, :] - self._means[:, None]
        self._wealth += np.log1p(stake[..., None] * surprise[..., None, :]).sum(axis=-1)

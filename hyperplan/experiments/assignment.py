"""Betting on the assignment: which arm a unit was given, when its outcome is known. Anytime-valid, for outcomes of any distribution.

In a randomised experiment the arm of a unit is drawn with a known probability, its share. If the arms have the same mean outcome, then
`(treated - share) * (value - centre)` has a mean of 0, whatever the distribution of outcomes, whether or not its spread is the same in
both arms, and whatever the share. It is the surprise on which `wealth` bets: nothing is assumed of variances or normality, and no count
is too small, since the randomness that is bet on is that of our own draw. (Fisher's randomisation test, looked at all the time.)

**The bet.** Centre, spread and with them the size of the bet come from the units before, so they are known before the arm is. Against an
assumed gap between the means, the bet is `gap / variance`. For outcomes of two values this makes the factor *exactly* the ratio of likelihoods
P(arm | outcome) / share under that gap, given the outcomes of all units together: the sequential probability ratio test (Wald, 1945) on
which arm a success fell in. For other numbers it grows as fast as the test of a normal mean does, to first order in the gap.

**Outliers.** A bet loses no more than `CAUTION` of its wealth at one unit, so a value further than about variance / gap from the centre counts as
that far. With a small gap that is many standard deviations. The hypothesis is, to the letter, that the means of
values so cut are the same; if the whole distribution is the same, it is true for any cut.

**Intervals.** Against each of many effects the same bets are made after undoing it (`effects`). Those never refuted are a confidence
sequence: at all times together it holds the true effect with probability 1 - alpha, exactly for ratios and differences of means within the cut. The asymptotic
sequences of Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas ("Time-uniform central limit theory and asymptotic confidence sequences", 2024) are
cheaper, but hold only once both arms have many successes, which 0.2 % at 99 to 1 does not have for a long time.

**Covariates.** What was predicted for a unit from before it was assigned may be taken off its outcome (`covariate`): it has nothing
to do with the arm, so the surprise still has a mean of 0, and less variance.

Assumed is only that the arm was drawn with the declared share, independently from unit to unit: one value per unit (`units`), never one per row.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hyperplan.experiments.effects import Effect
from hyperplan.experiments.wealth import CAUTION, MULTIPLES, kept, leaning, won

Floats = NDArray[np.float64]

FEWEST = 50
"""Units that must have been seen before anything is bet: of fewer nobody knows the spread."""
NO_EFFECT: Floats = np.zeros(1)


class AssignmentBets:
    """Bets on the assignment of units to two arms, against some effects, each given as a multiple of the minimum effect.

    Leading axes of all arrays are independent experiments, the last axis is that of units.
    """

    def __init__(self, effect: Effect, nulls: Floats = NO_EFFECT, experiments: tuple[int, ...] = ()) -> None:
        self.nulls = nulls
        self._effect = effect
        self._factor, self._shift = effect.undoing(effect.at(nulls))
        self._moments = np.zeros((*experiments, 2, 6))
        self._wealth = np.zeros((*experiments, len(nulls), len(MULTIPLES)))
        self.best = np.zeros((*experiments, len(nulls)))
        """The most that was won against each effect at any look until now, as log e-values."""

    def look(
        self, value: ArrayLike, treated: ArrayLike, share: ArrayLike, predicted: ArrayLike = 0.0, count: ArrayLike = 1.0
    ) -> None:
        """Take in more units: their outcome, whether they were treated, and the probability of that.

        `predicted` is what is taken off the outcome, known before the assignment. `count` says how many units have just these values.
        All units of a look are bet upon with what was known before it.
        """
        value, treated = np.asarray(value, np.float64), np.asarray(treated, np.float64)
        share, predicted = (np.broadcast_to(np.asarray(x, np.float64), value.shape) for x in (share, predicted))
        count = np.broadcast_to(np.asarray(count, np.float64), value.shape)
        if not value.size:
            return
        self._bet(value, treated, share, predicted, count)
        for arm, chosen in enumerate((1 - treated, treated)):
            weight = count * chosen
            powers = (np.ones_like(value), value, value**2, predicted, predicted**2, value * predicted)
            self._moments[..., arm, :] += np.stack([(weight * power).sum(axis=-1) for power in powers], axis=-1)
        self.best = np.maximum(self.best, won(self._wealth))

    def _bet(self, value: Floats, treated: Floats, share: Floats, predicted: Floats, count: Floats) -> None:
        """The wealth of each bet after these units. Effects and bets are two more axes, before that of units."""
        centre, bets = self._bets(float(share.mean()))
        if not bets.any():
            return
        given = treated[..., None, :]
        undone = value[..., None, :] * (1 + given * (self._factor[:, None] - 1)) + given * self._shift[:, None]
        surprise = undone - predicted[..., None, :] - centre[..., None]
        stake = bets[..., None] * surprise[..., None, :]
        share, given = share[..., None, None, :], given[..., None, :]
        stake = np.clip(stake, -CAUTION / (1 - share), CAUTION / share)
        gains = np.log1p((given - share) * stake) * count[..., None, None, :]
        self._wealth += gains.sum(axis=-1)

    def _bets(self, share: float) -> tuple[Floats, Floats]:
        """From the units until now: the centre for each effect, and the size of each bet against it."""
        units, total, squares, taken, taken_squares, both = np.moveaxis(self._moments[..., None, :], -1, 0)
        (n0, n1), (s0, s1), (q0, q1), (t0, t1), (u0, u1), (b0, b1) = (
            (moment[..., 0, :], moment[..., 1, :]) for moment in (units, total, squares, taken, taken_squares, both)
        )
        factor, shift = self._factor, self._shift
        n = np.maximum(n0 + n1, 1)
        level = (s0 + factor * s1 + shift * n1) / n
        centre = level - (t0 + t1) / n
        mean_square = (
            q0 - 2 * b0 + u0 + factor**2 * q1 + shift**2 * n1 + u1 + 2 * (factor * (shift * s1 - b1) - shift * t1)
        ) / n
        variance = mean_square - centre**2
        known = (n0 + n1 >= FEWEST) & (variance > 1e-12 * mean_square)
        gaps = self._effect.gap(MULTIPLES, level[..., None], share)
        return centre, np.where(known[..., None], gaps / np.where(known, variance, 1.0)[..., None], 0.0)

    def interval(self, height: float) -> tuple[float, float]:
        """The confidence sequence of one experiment until now: the least and the greatest effect against which less than e^height was won."""
        low, high = kept(self._effect.at(self.nulls), self.best, height, self.leaning())
        return low, high

    def leaning(self) -> NDArray[np.int64]:
        """For each effect whether the true one seems higher (1) or lower (-1)."""
        return np.asarray(leaning(self._wealth), np.int64)

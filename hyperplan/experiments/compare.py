"""Two arms of an experiment compared, from their units: evidence, an interval that holds at all times, and the best guess.

Units are taken in the order in which their windows closed, in pieces that grow with what was seen before, and each is bet upon with the share
that its own routing revision gave its arm (`assignment`). So the evidence is the product of that within each revision, and a ramp from 1 to
50 % during which everything got better for everybody is no effect. The estimate compares within revisions too, and averages what they say by how much they know
(Mantel and Haenszel, 1959). Units of revisions that gave all traffic to one of the two arms were not randomised between them, and are left out.
"""

import math
from collections.abc import Mapping

import msgspec
import numpy as np
from numpy.typing import NDArray

from hyperplan.experiments.assignment import AssignmentBets
from hyperplan.experiments.covariate import predicted
from hyperplan.experiments.effects import Effect
from hyperplan.experiments.units import Units
from hyperplan.experiments.wealth import bar

Floats = NDArray[np.float64]

NULLS: Floats = np.linspace(-8, 8, 81)
"""The effects that an interval tells apart, as multiples of the minimum effect. What lies beyond has no bound."""
SMALLEST, LARGEST, GROWTH = 100, 4000, 20
"""Units of a piece: at least, at most, and the part of those seen before."""


class Compared(msgspec.Struct, frozen=True, kw_only=True):
    """What units say of a treatment against the control arm. Effects are those of its `Effect`: differences, or ratios minus 1.

    `evidence` is the log of the most that was won against "no effect" at the end of any piece, `needed` what refutes it. `leaning` is 1 if the treatment seems higher, -1 if
    lower. `low` and `high` bound the effect: -inf, inf for no bound, and NaN both if no one effect explains what was seen.
    """

    control: int
    treated: int
    evidence: float
    needed: float
    leaning: int
    estimate: float
    low: float
    high: float

    @property
    def units(self) -> int:
        """The units of both arms."""
        return self.control + self.treated

    @property
    def differs(self) -> bool:
        """Whether "no effect" is refuted, at the end of any piece. Whoever looks in the middle of one keeps what was found there."""
        return self.evidence >= self.needed


def compare(
    units: Units,
    control: int,
    treatment: int,
    shares: Mapping[int, Mapping[int, float]],
    effect: Effect,
    alpha: float,
    comparisons: int = 1,
    before: Floats | None = None,
) -> Compared:
    """Compare a treatment with the control arm, both by their codes.

    `shares` has, by routing revision, the weights of the arms. `comparisons` is how many treatments share alpha. `before` is what was known of
    each unit before the experiment, NaN for nothing.

    Raises:
        KeyError: if a revision has no shares.
    """
    revisions, stratum = np.unique(units.revision, return_inverse=True)
    by_revision = np.array([_share(shares[int(revision)], control, treatment) for revision in revisions], np.float64)
    share = by_revision[stratum] if len(revisions) else np.zeros(0)
    mine = ((units.arm == control) | (units.arm == treatment)) & (share > 0) & (share < 1)
    value, share, stratum = units.value[mine], share[mine], stratum[mine]
    treated = units.arm[mine] == treatment
    parts = pieces(len(value))
    off = np.zeros(len(value)) if before is None else predicted(value, before[mine], parts)
    bets = AssignmentBets(effect, NULLS)
    for piece in parts:
        kinds = np.stack([value[piece], treated[piece], share[piece], off[piece]])
        (values, arms, chances, taken), counts = np.unique(kinds, axis=1, return_counts=True)
        bets.look(values, arms, chances, taken, counts)
    none = int(np.flatnonzero(NULLS == 0)[0])
    needed = bar(alpha, comparisons)
    low, high = bets.interval(needed)
    return Compared(
        control=int((~treated).sum()),
        treated=int(treated.sum()),
        evidence=float(bets.best[none]),
        needed=needed,
        leaning=int(bets.leaning()[none]),
        estimate=_estimate(value - off, treated, stratum, effect),
        low=low,
        high=high,
    )


def _share(weights: Mapping[int, float], control: int, treatment: int) -> float:
    """The probability of the treatment for a unit that got one of the two arms."""
    both = weights.get(control, 0.0) + weights.get(treatment, 0.0)
    return weights.get(treatment, 0.0) / both if both > 0 else 0.0


def pieces(units: int) -> list[slice]:
    """Units in pieces, each as long as what was seen before it tells of. They depend on nothing but how many came before."""
    found, start = [], 0
    while start < units:
        size = min(max(start // GROWTH, SMALLEST), LARGEST)
        found.append(slice(start, min(start + size, units)))
        start += size
    return found


def _estimate(value: Floats, treated: NDArray[np.bool_], stratum: NDArray[np.int64], effect: Effect) -> float:
    """The effect between the means of the arms, each averaged over the revisions that had units of both."""
    if not len(value):
        return math.nan
    counts = [np.bincount(stratum[arm], minlength=stratum.max() + 1) for arm in (~treated, treated)]
    sums = [np.bincount(stratum[arm], value[arm], stratum.max() + 1) for arm in (~treated, treated)]
    both = (counts[0] > 0) & (counts[1] > 0)
    if not both.any():
        return math.nan
    weight = counts[0][both] * counts[1][both] / (counts[0][both] + counts[1][both])
    control, treatment = (
        float(weight @ (total[both] / count[both]) / weight.sum()) for total, count in zip(sums, counts, strict=True)
    )
    return effect.between(treatment, control)

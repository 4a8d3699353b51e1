"""Where a version without labels starts: at the threshold that keeps its predecessor's positive rate, by its scores as a shadow."""

from typing import NamedTuple

from hyperplan.thresholds.evidence import Scores
from hyperplan.thresholds.lesson import FEWEST, CannotLearn
from hyperplan.thresholds.rates import Kept, rate_at, threshold_of_rate

TIED = 0.1
"""By so much, relatively, the rate may be off before it is said: equal scores allow no nearer one."""


class Start(NamedTuple):
    """A threshold to start at, and what there is to say of it."""

    kept: Kept
    why: str


def start(shadow: Scores, primary: Scores, threshold: float, predecessor: str) -> Start:
    """The threshold at which as many of a shadow's scores are positive as of its predecessor's on the same requests.

    Raises:
        CannotLearn: there are too few of them.
    """
    if len(shadow.score) < FEWEST:
        raise CannotLearn(
            f"there are no labels, and {len(shadow.score)} answers as a shadow; at least {FEWEST} of either are needed"
        )
    kept = threshold_of_rate(shadow.score, shadow.weight, rate_at(primary.score, primary.weight, threshold))
    why = (
        f"there are no labels yet: by {len(shadow.score)} answers as a shadow, {kept.rate:.1%} of its scores are positive there, "
        f"as are {kept.wanted:.1%} of {predecessor}'s at {threshold:.6g}"
    )
    if abs(kept.rate - kept.wanted) > TIED * max(kept.wanted, 1e-12):
        why += "; many of its scores are equal, and no threshold comes nearer"
    return Start(kept, why)

"""What each prediction earned, out of its outcome."""

import numpy as np

from hyperplan.comparison.readings import THRESHOLD
from hyperplan.exploration.block import Reward
from hyperplan.outcomes import Floats, Outcomes


def rewards(outcomes: Outcomes, reward: Reward) -> Floats:
    """What each row earned, as it was given; NaN where that is not known."""
    match reward.of:
        case "reward":
            return outcomes.reward
        case "label":
            return outcomes.label
        case "correct":
            return _correct(outcomes)


def _correct(outcomes: Outcomes) -> Floats:
    if outcomes.task == "multiclass":
        said, known = outcomes.predicted.astype(np.float64), outcomes.predicted >= 0
    else:
        said, known = (outcomes.score >= THRESHOLD).astype(np.float64), ~np.isnan(outcomes.score)
    return np.where(known & ~np.isnan(outcomes.label), said == outcomes.label, np.nan)

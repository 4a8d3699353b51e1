"""What the detectors of odd values share: the newest rows of one feature, and how much they weigh.

Rows that come together are alike: an hour's flights have one weather, so that a hundred rows may say no more than three. How many different values the
looks before had, against how many as many rows of all of training would have, says how many rows of a look speak for themselves; where there are no
looks before, a fifth is believed.
"""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from hyperplan.profile import FeatureProfile
from hyperplan.skew.case import Look

BELIEVED = 0.2
"""The share of rows that speak for themselves, when nobody knows."""


def profiles_of(name: str, looks: Sequence[Look]) -> list[FeatureProfile]:
    """The profiles of a feature in the looks that have it."""
    return [look.profile.features[name] for look in looks if name in look.profile.features]


def distinct(profile: FeatureProfile) -> float:
    """How many different values a feature had."""
    if profile.numbers is not None:
        return profile.numbers.distinct()
    return sum(len(counts.counts) for counts in (profile.values, profile.unseen_values) if counts)


def speaking(looks: Sequence[FeatureProfile], training: FeatureProfile) -> float:
    """The share of the rows of looks that speak for themselves: as many rows as drawn from training show as many different values."""
    filled = [profile for profile in looks if profile.usable]
    shares = _shares(training)
    if not filled or not shares.size:
        return BELIEVED
    rows = int(np.median([profile.usable for profile in filled]))
    seen = float(np.median([distinct(profile) for profile in filled]))
    drawn = np.unique(np.geomspace(1, rows, 40).round())
    expected = (1 - (1 - shares[:, None]) ** drawn).sum(axis=0) * max(distinct(training) / shares.size, 1.0)
    enough = np.flatnonzero(expected >= seen - 0.5)
    return float(drawn[enough[0]] / rows) if enough.size else 1.0


def _shares(profile: FeatureProfile) -> NDArray[np.float64]:
    """The shares of the distinct values that were kept, which are all or a sample that favours none."""
    if profile.numbers is not None:
        counts = profile.numbers.sample.items()[1].astype(np.float64)
    else:
        kept = [count for texts in (profile.values, profile.unseen_values) if texts for count in texts.counts.values()]
        counts = np.array(kept, np.float64)
    return counts / max(profile.usable, 1)


def beginning(looks: Sequence[Look], name: str, shows: Callable[[FeatureProfile], bool | None]) -> int:
    """The look at which what the newest ones show began: the first of the last unbroken row of looks that show it too.

    `shows` is None where a look tells nothing of it.
    """
    first = len(looks) - 1
    for index in range(len(looks) - 1, -1, -1):
        profile = looks[index].profile.features.get(name)
        shown = shows(profile) if profile else None
        if shown is False:
            break
        if shown:
            first = index
    return first

"""Two profiles of a feature as counts over the same bins, which is all that measures of skew look at.

Numbers are cut at the deciles of the reference. A value that holds a tenth of the reference or more gets a bin to
itself, with bins below and above it: so ties, discrete values and even a constant are told apart from what lies beside
them. Bins are made of the cells of the sketch, which both sides share, so their counts are exact; only their bounds are
up to 1 % from the deciles.

Categories take one bin for each value of the reference, one for values that the reference never saw, and one for the rest: values beyond the
most common ones, and those that an overflowing summary cannot tell apart.

The last bin always holds the rows with no usable value: missing, null, or of the wrong type.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hyperplan.profile import CategoryCounts, FeatureProfile, Numbers
from hyperplan.profile.categories import order
from hyperplan.profile.packing import Integers

MOST_BINS = 10
"""Bins for numbers, when no value is frequent."""
MOST_CATEGORIES = 50
"""Values of the reference with a bin to themselves, the most common first. Bins that are nearly empty measure noise."""


class Bins(NamedTuple):
    """Rows of the reference and of serving in each bin."""

    reference: NDArray[np.float64]
    serving: NDArray[np.float64]


def bins_of(reference: FeatureProfile, serving: FeatureProfile) -> Bins:
    """Both profiles over the bins of the reference."""
    if holds_texts(reference) or (not _holds_numbers(reference) and holds_texts(serving)):
        counts = _bins_of_texts(reference, serving)
    else:
        counts = _bins_of_numbers(numbers_of(reference), numbers_of(serving))
    return Bins(_with_absent(counts.reference, reference.rows), _with_absent(counts.serving, serving.rows))


def _with_absent(counts: NDArray[np.float64], rows: int) -> NDArray[np.float64]:
    """Counts with those of rows that have no usable value. Of rows that were weighted, rounding may leave one less than none."""
    return np.append(counts, max(rows - counts.sum(), 0.0))


def holds_texts(profile: FeatureProfile) -> bool:
    """Whether a profile counts texts or truth values."""
    return _total(profile.values) + _total(profile.unseen_values) > 0


def _holds_numbers(profile: FeatureProfile) -> bool:
    return numbers_of(profile).moments.count > 0


def _total(counts: CategoryCounts | None) -> int:
    return counts.total() if counts else 0


def numbers_of(profile: FeatureProfile) -> Numbers:
    """The numbers of a feature; of one that is a list of numbers, the norms."""
    return profile.numbers or profile.norms or Numbers()


def _bins_of_numbers(reference: Numbers, serving: Numbers) -> Bins:
    keys, counts = reference.sketch.cells()
    edges = edges_of(keys, counts)
    others, other_counts = serving.sketch.cells()
    size = edges.size + 1
    return Bins(
        np.bincount(np.searchsorted(edges, keys), counts, size).astype(np.float64),
        np.bincount(np.searchsorted(edges, others), other_counts, size).astype(np.float64),
    )


def edges_of(keys: Integers, counts: Integers) -> Integers:
    """The last cell of each bin but the last one's."""
    if not keys.size:
        return keys
    below = np.cumsum(counts)
    ranks = np.arange(1, MOST_BINS) / MOST_BINS * below[-1]
    cuts = np.unique(np.searchsorted(below, ranks))
    heavy = np.flatnonzero(counts >= below[-1] / MOST_BINS)
    return np.unique(np.concatenate([keys[cuts], keys[heavy], keys[heavy] - 1]))


def _bins_of_texts(reference: FeatureProfile, serving: FeatureProfile) -> Bins:
    listed, unlisted = _Texts(reference.values, serving.values), _Texts(reference.unseen_values, serving.unseen_values)
    known = {**listed.known, **unlisted.known}
    served = {**listed.served, **unlisted.served}
    common = sorted(known, key=lambda value: (-known[value], value))[:MOST_CATEGORIES]
    unseen = listed.unseen(known) + unlisted.unseen(known)
    expected = [known[value] for value in common]
    found = [served.get(value, 0) for value in common]
    rest = (
        _total(reference.values) + _total(reference.unseen_values) - sum(expected),
        _total(serving.values) + _total(serving.unseen_values) - sum(found) - unseen,
    )
    return Bins(np.array([*expected, 0, rest[0]], np.float64), np.array([*found, unseen, rest[1]], np.float64))


class _Texts:
    """Two counts of values, less the values that an overflow on either side makes incomparable."""

    def __init__(self, reference: CategoryCounts | None, serving: CategoryCounts | None) -> None:
        known, served = reference or CategoryCounts(), serving or CategoryCounts()
        ends = [end for end in (known.horizon(), served.horizon()) if end is not None]
        self.known = _within(min(ends, default=None), known)
        self.served = _within(min(ends, default=None), served)
        self._total = served.total()
        self._complete = known.horizon() is None and len(self.known) == len(known.counts)

    def unseen(self, known: dict[str, int]) -> int:
        """How many served values the reference never saw.

        Values that serving did not keep are among them if all that the reference saw is comparable; else nobody can tell.
        """
        if self._complete:
            return self._total - sum(count for value, count in self.served.items() if value in known)
        return sum(count for value, count in self.served.items() if value not in known)


def _within(end: bytes | None, counts: CategoryCounts) -> dict[str, int]:
    return {value: count for value, count in counts.counts.items() if end is None or order(value) <= end}

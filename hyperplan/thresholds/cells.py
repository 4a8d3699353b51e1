"""Scores in order, as cells: each holds one score, or neighbouring scores where there are very many; between two of them a threshold can lie."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

MOST = 2000
"""Cells at most: more would be finer than anything that could be learnt."""


class Cells(NamedTuple):
    """So many cells, in the order of their scores. `of` is the cell of each row, `lowest` the lowest score of each cell.

    `cuts` are the thresholds between them, one more than cells: at the first all is positive, at the last nothing.
    """

    of: Ints
    lowest: Floats
    cuts: Floats

    @property
    def size(self) -> int:
        """How many there are."""
        return len(self.lowest)

    def sums(self, weight: Floats) -> Floats:
        """The sum of a weight of each row, by cell."""
        return summed(self.of, weight, self.size)

    def place(self, threshold: float) -> int:
        """The first cell that is positive at a threshold, so the number of a cut."""
        return int(np.searchsorted(self.lowest, threshold))


def summed(of: Ints, weight: Floats, count: int) -> Floats:
    """The sums of weights by what each belongs to: numbers from 0 to `count` - 1."""
    return np.asarray(np.bincount(of, weight, count), np.float64)


def cells_of(scores: Floats, most: int = MOST) -> Cells:
    """The cells of scores, of which there is at least one; equal scores are never apart."""
    distinct, of = np.unique(scores, return_inverse=True)
    if len(distinct) > most:
        counts = np.bincount(of)
        group = np.minimum((np.cumsum(counts) - 1) * most // len(scores), most - 1)
        _, group = np.unique(group, return_inverse=True)
        first = np.flatnonzero(np.diff(group, prepend=-1))
        of, starts, ends = group[of], distinct[first], distinct[np.append(first[1:], len(distinct)) - 1]
    else:
        starts = ends = distinct
    between = _between(ends[:-1], starts[1:])
    cuts = np.concatenate([starts[:1], between, [np.nextafter(ends[-1], np.inf)]])
    return Cells(of.astype(np.int64), starts, cuts)


def _between(below: Floats, above: Floats) -> Floats:
    """Thresholds in the middle between scores, always above the one and never above the other."""
    return np.minimum(np.maximum(below + (above - below) / 2, np.nextafter(below, np.inf)), above)

"""Two summaries of numbers as cumulative distributions over the cells that either has."""

import numpy as np
from numpy.typing import NDArray

from hyperplan.profile import Numbers
from hyperplan.profile.quantiles import values_of

Floats = NDArray[np.float64]


def cumulative(reference: Numbers, serving: Numbers) -> tuple[Floats, Floats, Floats]:
    """The numbers of the cells, ascending, and for either side the share at or below each."""
    keys, counts = reference.sketch.cells()
    served_keys, served_counts = serving.sketch.cells()
    cells = np.union1d(keys, served_keys)
    return values_of(cells), _below(cells, keys, counts), _below(cells, served_keys, served_counts)


def _below(cells: NDArray[np.int64], keys: NDArray[np.int64], counts: NDArray[np.int64]) -> Floats:
    totals = np.concatenate([[0], np.cumsum(counts)])
    return np.asarray(totals[np.searchsorted(keys, cells, side="right")] / totals[-1])

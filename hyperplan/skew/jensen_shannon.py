"""The Jensen-Shannon distance.

The square root of the Jensen-Shannon divergence (Lin, "Divergence measures based on the Shannon entropy", 1991) in base
2: a metric (Endres and Schindelin, 2003) from 0, equal, to 1, nothing in common. Empty bins need no smoothing.
"""

from scipy.spatial.distance import jensenshannon

from hyperplan.skew.bins import Bins


def jensen_shannon_distance(bins: Bins) -> float:
    """The distance of the shares of both sides.

    >>> import numpy as np
    >>> jensen_shannon_distance(Bins(np.array([10.0, 0.0]), np.array([0.0, 10.0])))
    1.0
    """
    return float(jensenshannon(bins.reference, bins.serving, base=2))

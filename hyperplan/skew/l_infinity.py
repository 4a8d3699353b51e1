"""The L-infinity distance: the largest change of the share of any bin.

The Chebyshev distance of shares, which TensorFlow Data Validation uses for categories (Breck et al., "Data validation for machine learning", MLSys
2019): from 0, equal, to 1, all of one value has become all of another. It says how many rows are concerned and is deaf to many small changes.
"""

import numpy as np

from hyperplan.skew.bins import Bins


def l_infinity_distance(bins: Bins) -> float:
    """The largest difference of shares. Neither side may be empty.

    >>> import numpy as np
    >>> l_infinity_distance(Bins(np.array([50.0, 50.0]), np.array([25.0, 75.0])))
    0.25
    """
    return float(np.abs(bins.reference / bins.reference.sum() - bins.serving / bins.serving.sum()).max())

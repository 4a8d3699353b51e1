"""The Kolmogorov-Smirnov distance.

The largest difference of two cumulative distributions (Kolmogorov, 1933; Smirnov, 1939), from 0, equal, to 1, nothing in common. Of sketches it is
exact but for differences inside of a cell, numbers within 1 % of each other. It has no unit and sees location best. There is none for
categories, which have no order.
"""

import numpy as np

from hyperplan.profile import Numbers
from hyperplan.skew.cumulative import cumulative


def kolmogorov_smirnov_distance(reference: Numbers, serving: Numbers) -> float:
    """The largest difference of the shares at or below any number. Neither side may be empty.

    >>> kolmogorov_smirnov_distance(Numbers.of([1.0, 2.0, 3.0, 4.0]), Numbers.of([3.0, 4.0, 5.0, 6.0]))
    0.5
    """
    _, below, served_below = cumulative(reference, serving)
    return float(np.abs(below - served_below).max())

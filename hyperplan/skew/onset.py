"""Since when looks have been otherwise, and with what evidence.

For each look at which a change may have begun, the rows since then are bet upon: that their shares do not lie as near to those of the
reference as is allowed, but further away (`evidence.further`). The look with the greatest evidence is the best guess of when it began.

While nothing moves but by counting, this is an e-detector and what `evidence` promises holds. Movement is estimated, and less of it is
allowed the longer the stretch, so with it the promise is as good as the estimate.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hyperplan.skew.evidence import since_any
from hyperplan.skew.view import BINNED, View

Floats = NDArray[np.float64]

MOST_BEGINNINGS = 128
"""Looks at which a change may have begun that are tried: all, or the more thinly the longer ago."""


NEVER = -math.inf
"""The evidence of what is not worth a bet."""


class Onset(NamedTuple):
    """When a change most likely began (an index of the looks), and the log e-value that there was one, then or at any look."""

    look: int
    evidence: float


def onset(
    looks: Floats,
    reference: Floats,
    allowed: Callable[[Floats, Floats], Floats],
    view: View = BINNED,
    lasting: int = 1,
) -> Onset:
    """Bet on every beginning.

    `looks` holds counts by look and bin. `reference` holds those to compare with: by bin, or by look and bin if a change that
    begins at another look is compared with something else. `allowed` gives the distance that rows since a look may have from the
    reference, given how many rows there are of either. `view` compares what both hold. A change must have been lasting for so many looks, or for all that there are.
    """
    begins, since, known = since_each(looks, reference, lasting)
    evidence = view.further(since, known, allowed(view.rows(since), view.rows(known)))
    return Onset(int(begins[int(np.argmax(evidence))]), float(since_any(evidence)))


def since_each(looks: Floats, reference: Floats, lasting: int = 1) -> tuple[NDArray[np.int64], Floats, Floats]:
    """The looks at which a change may have begun, what there is since each of them, and what that is compared with."""
    begins = beginnings(len(looks))
    begins = begins[begins <= max(len(looks) - lasting, 0)]
    since = np.cumsum(looks[::-1], axis=0)[::-1][begins]
    known = reference[begins] if reference.ndim == 2 else np.broadcast_to(reference, since.shape)
    return begins, since, known


def beginnings(looks: int) -> NDArray[np.int64]:
    """Looks at which a change may have begun: the newest all, older ones in steps that grow with their age."""
    if looks <= MOST_BEGINNINGS:
        return np.arange(looks)
    ages = np.unique(np.round(np.geomspace(1, looks, MOST_BEGINNINGS)).astype(np.int64))
    return looks - ages[::-1]

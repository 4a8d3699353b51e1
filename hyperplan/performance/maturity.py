"""Maturity: how old predictions must be before their labels say how good they were.

Labels come late, and those that come fast are not like the others: a flight that is on time is known to be sooner. Figures of the newest predictions, on the
labels that happen to be there, are of the fast ones only. So predictions count once they are older than the delay within which nearly all labels come.

That delay is not a quantile of the delays seen: of predictions made an hour ago only labels that took less than an hour can have been seen. They are
truncated at their age, and their distribution is estimated backwards, from the longest delay down, by the product of what each delay leaves (Lynden-Bell, "A method
of allowing for known observational selection in small samples applied to 3CR quasars", 1971; Lagakos, Barraj and de Gruttola, 1988). Delays longer
than the oldest prediction is old are beyond what can be known.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]

SHARE = 0.95
"""The share of labels that come within the delay."""
FEWEST = 20
"""Labels of which a delay is told."""


class Maturity(NamedTuple):
    """The delay, in nanoseconds, within which nearly all labels come; None with too few labels to tell."""

    delay: int | None

    def ripe_until(self, now: int) -> int:
        """The time before which predictions have their labels; all of them, where no delay is known."""
        return now - (self.delay or 0)


def maturity_of(time: Ints, labelled_at: Ints, now: int, share: float = SHARE) -> Maturity:
    """The maturity of predictions made at these times, whose labels were known at those; all in nanoseconds.

    >>> made = np.arange(0, 1000, 10)
    >>> maturity_of(made, made + 50, 2000).delay
    50
    """
    delay = np.maximum(labelled_at - time, 0)
    age = now - time
    seen = delay <= age
    delay, age = np.sort(delay[seen]), np.sort(age[seen])
    if delay.size < FEWEST:
        return Maturity(None)
    delays, came = np.unique(delay, return_counts=True)
    # Those that came by then, of predictions that are old enough to have shown it if it had taken that long.
    could = np.searchsorted(delay, delays, "right") - np.searchsorted(age, delays, "left")
    left = 1 - came / np.maximum(could, came)
    within = np.append(np.cumprod(left[:0:-1])[::-1], 1.0)
    return Maturity(int(delays[np.argmax(within >= share)]))

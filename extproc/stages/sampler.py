"""Which requests are sampled, and with which probability each one was.

A sample is only worth something when its inclusion probability is known, so the limit per second is not a bucket that
runs dry (what it lets through then depends on arrival times in ways nobody can correct for): each request is drawn on its own,
with a probability that is fixed before the draw and falls as requests become many.
"""

import random
from collections.abc import Callable

from hyperplan.endpoint import Sampling


class Sampler:
    """Draws requests at `rate`, or less where that would exceed `max_per_second`.

    The traffic of the second before foretells that of the present one. A burst out of nothing is seen as it comes: the
    n-th request of a second is drawn with at most max_per_second / n, so that even then a second yields no more than
    max_per_second * (1 + ln(n / max_per_second)) samples on average.
    """

    def __init__(self, sampling: Sampling, clock: Callable[[], float], source: random.Random) -> None:
        self._rate = sampling.rate
        self._limit = sampling.max_per_second
        self._clock = clock
        self._source = source
        self._second = int(clock())
        self._before = 0
        self._count = 0

    def draw(self) -> float | None:
        """The inclusion probability of this request if it is to be sampled, else None."""
        if self._rate <= 0:
            return None
        second = int(self._clock())
        if second != self._second:
            self._before = self._count if second == self._second + 1 else 0
            self._second, self._count = second, 0
        self._count += 1
        probability = min(self._rate, self._limit / max(self._before, self._count))
        return probability if probability >= 1.0 or self._source.random() < probability else None

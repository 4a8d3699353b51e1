"""How much a peer may ask of this server without letting it do any work: the bound on floods of cheap frames.

PING, SETTINGS, PRIORITY, empty DATA, streams opened and reset at once (CVE-2023-44487): each is legal, and in numbers
an attack. Each costs something of one allowance, which comes back with time and with every answer, so that neither a
connection that is idle for months nor one under full load ever uses it up.
"""

from collections.abc import Callable

FULL = 1000.0
"""The allowance of a new connection, in frames."""
PER_SECOND = 50.0
"""What comes back each second."""
PER_ANSWER = 4.0
"""What comes back with each answer: the WINDOW_UPDATEs and the RST_STREAM that an honest client may send for it."""


class Allowance:
    """An allowance that is reckoned only when some of it is spent; on the hot path there is just `answers += 1`."""

    __slots__ = ("_answers", "_clock", "_left", "_reckoned", "answers")

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._left = FULL
        self._reckoned = clock()
        self._answers = 0
        self.answers = 0

    def spend(self, cost: float) -> bool:
        """Take `cost` off, and say whether there was that much."""
        now = self._clock()
        earned = (now - self._reckoned) * PER_SECOND + (self.answers - self._answers) * PER_ANSWER
        self._reckoned, self._answers = now, self.answers
        self._left = min(FULL, self._left + earned) - cost
        return self._left >= 0

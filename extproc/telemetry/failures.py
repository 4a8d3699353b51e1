"""What the log says of models that fail.

Failover hides a failure from clients, so the log is where somebody reads why. A model that fails seldom fails once: the first failure is told in full, and then at most
one in each ten seconds, with how many there were since.
"""

import logging
import time
from collections.abc import Callable

log = logging.getLogger("hyperplan.models")

QUIET = 10.0
"""Seconds between two lines about the same model."""
LONGEST = 300
"""Characters of a reason; a model may have put much into it."""


class FailureLog:
    """Tells of failures, not too often."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._told: dict[tuple[str, str], float] = {}
        self._untold: dict[tuple[str, str], int] = {}

    def tell(self, endpoint: str, model: str, why: str, prediction_id: str) -> None:
        """Tell of a failure, or keep it for the next line about its model."""
        key, now = (endpoint, model), self._monotonic()
        if now - self._told.get(key, -QUIET) < QUIET:
            self._untold[key] = self._untold.get(key, 0) + 1
            return
        self._told[key] = now
        untold = self._untold.pop(key, 0)
        more = f"; {untold} more since the last line about it" if untold else ""
        log.warning(
            "endpoint %s: model %s failed: %s (prediction %s%s)", endpoint, model, why[:LONGEST], prediction_id, more
        )

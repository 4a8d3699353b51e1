"""The part of an observer that counts: the same in the process that exports and in a worker that reports."""

from extproc.stages.observer import Attempt
from extproc.telemetry.counts import Counts
from extproc.telemetry.failures import FailureLog


class Counting:
    """Counts what the stages tell."""

    def __init__(self) -> None:
        self.counts = Counts()
        self._failures = FailureLog()

    def routed(self, endpoint: str, arm: str) -> None:
        """Count a request and the choice of its arm."""
        self.counts.routed(endpoint, arm)

    def forced(self, endpoint: str, arm: str) -> None:
        """Count a request that named its arm."""
        self.counts.forced(endpoint, arm)

    def rejected(self, endpoint: str) -> None:
        """Count a request that was refused."""
        self.counts.rejected(endpoint)

    def violated(self, endpoint: str, feature: str, kind: str) -> None:
        """Count a violation."""
        self.counts.violated(endpoint, feature, kind)

    def flawed(self, endpoint: str, flaw: str) -> None:
        """Count a body without rows."""
        self.counts.flawed(endpoint, flaw)

    def attempted(self, attempt: Attempt) -> None:
        """Count an attempt at a model."""
        self.counts.attempted(attempt)

    def failed(self, endpoint: str, model: str, why: str, prediction_id: str) -> None:
        """Say that an attempt failed, now and then."""
        self._failures.tell(endpoint, model, why, prediction_id)

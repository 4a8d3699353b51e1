"""Counts of all traffic, kept as plain integers.

An OpenTelemetry counter costs microseconds at each `add`; an integer in a dict costs a fraction of one. The metrics
reader asks for the totals when it exports, every few seconds.
"""

from collections import Counter

from extproc.telemetry.told import Increments, Key

MOST_FEATURES = 1000
"""Distinct unknown features counted by name for one endpoint. Clients choose these names, and must not fill memory with them."""
OTHER = "(other)"
"""The name under which the rest of the unknown features is counted."""


class Counts:
    """Totals since the process started. Each is keyed by the values of its attributes, in the order given here."""

    def __init__(self) -> None:
        self.choices: Counter[Key] = Counter()
        """Requests for which an arm was chosen, by endpoint and arm."""
        self.forces: Counter[Key] = Counter()
        """Requests that named their arm, by endpoint and arm. They say nothing of how the split is kept."""
        self.rejections: Counter[Key] = Counter()
        """Requests that were refused, by endpoint."""
        self.violations: Counter[Key] = Counter()
        """By endpoint, feature and kind; one for each row."""
        self.flaws: Counter[Key] = Counter()
        """By endpoint and flaw."""
        self.attempts: Counter[Key] = Counter()
        """Attempts at models that went through the adapt stage, by endpoint, model and outcome."""
        self._unknown: dict[str, set[str]] = {}

    def requests(self) -> Counter[Key]:
        """Requests by endpoint and outcome, `routed` or `rejected`. Reckoned from the others: one sum less on the hot path."""
        found: Counter[Key] = Counter()
        for totals in (self.choices, self.forces):
            for (endpoint, _), count in dict(totals).items():
                found[(endpoint, "routed")] += count
        for (endpoint,), count in dict(self.rejections).items():
            found[(endpoint, "rejected")] += count
        return found

    def routed(self, endpoint: str, arm: str) -> None:
        """Count a request and the choice of its arm."""
        self.choices[(endpoint, arm)] += 1

    def forced(self, endpoint: str, arm: str) -> None:
        """Count a request that named its arm."""
        self.forces[(endpoint, arm)] += 1

    def rejected(self, endpoint: str) -> None:
        """Count a request that was refused."""
        self.rejections[(endpoint,)] += 1

    def violated(self, endpoint: str, feature: str, kind: str) -> None:
        """Count one violation."""
        self._count_violations(endpoint, feature, kind, 1)

    def flawed(self, endpoint: str, flaw: str) -> None:
        """Count a body without rows."""
        self.flaws[(endpoint, flaw)] += 1

    def attempted(self, endpoint: str, model: str, outcome: str) -> None:
        """Count an attempt at a model."""
        self.attempts[(endpoint, model, outcome)] += 1

    def take(self) -> Increments:
        """Everything counted, which is then counted from zero again. The names of unknown features stay known."""
        taken = Increments(*(list(totals.items()) for totals in self._totals()))
        for totals in self._totals():
            totals.clear()
        return taken

    def add(self, taken: Increments) -> None:
        """Add what another process counted."""
        self.choices.update(dict(taken.choices))
        self.forces.update(dict(taken.forces))
        self.rejections.update(dict(taken.rejections))
        self.flaws.update(dict(taken.flaws))
        self.attempts.update(dict(taken.attempts))
        for (endpoint, feature, kind), count in taken.violations:
            self._count_violations(endpoint, feature, kind, count)

    def _totals(self) -> tuple[Counter[Key], ...]:
        return (self.choices, self.forces, self.rejections, self.violations, self.flaws, self.attempts)

    def _count_violations(self, endpoint: str, feature: str, kind: str, count: int) -> None:
        name = self._bounded(endpoint, feature) if kind == "unknown" else feature
        self.violations[(endpoint, name, kind)] += count

    def _bounded(self, endpoint: str, feature: str) -> str:
        known = self._unknown.setdefault(endpoint, set())
        if feature not in known:
            if feature == OTHER or len(known) >= MOST_FEATURES or len(feature) > 256:
                return OTHER
            known.add(feature)
        return feature

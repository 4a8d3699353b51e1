"""Counts of all traffic, kept as plain integers.

An OpenTelemetry counter costs microseconds at each `add`; an integer in a dict costs a fraction of one. The metrics
reader asks for the totals when it exports, every few seconds.
"""

from collections import Counter

Key = tuple[str, ...]

MOST_FEATURES = 1000
"""Distinct unknown features counted by name for one endpoint. Clients choose these names, and must not fill memory with them."""
OTHER = "(other)"
"""The name under which the rest of the unknown features is counted."""


class Counts:
    """Totals since the process started. Each is keyed by the values of its attributes, in the order given here."""

    def __init__(self) -> None:
        self.requests: Counter[Key] = Counter()
        """By endpoint and outcome, `routed` or `rejected`."""
        self.choices: Counter[Key] = Counter()
        """By endpoint and chosen arm."""
        self.violations: Counter[Key] = Counter()
        """By endpoint, feature and kind; one for each row."""
        self.flaws: Counter[Key] = Counter()
        """By endpoint and flaw."""
        self._unknown: dict[str, set[str]] = {}

    def violated(self, endpoint: str, feature: str, kind: str) -> None:
        """Count one violation."""
        name = self._bounded(endpoint, feature) if kind == "unknown" else feature
        self.violations[(endpoint, name, kind)] += 1

    def _bounded(self, endpoint: str, feature: str) -> str:
        known = self._unknown.setdefault(endpoint, set())
        if feature not in known:
            if len(known) >= MOST_FEATURES or len(feature) > 256:
                return OTHER
            known.add(feature)
        return feature

"""Counts of all traffic, kept as plain integers.

An OpenTelemetry counter costs microseconds at each `add`; an integer in a dict costs a fraction of one. The metrics
reader asks for the totals when it exports, every few seconds.
"""

from collections import Counter
from collections.abc import Iterator

from extproc.stages.observer import Attempt
from extproc.telemetry.told import Increments, Key
from hyperplan.ranges import LATENCIES, UNKNOWN

MOST_FEATURES = 1000
"""Distinct unknown features counted by name for one endpoint. Clients choose these names, and must not fill memory with them."""
MOST_ATTEMPTS = 5000
"""Kinds of attempts that are kept apart before those under old revisions are added up."""
REVISIONS = 3
"""Revisions of an endpoint, the newest, whose attempts stay apart. What was counted under older ones was exported long ago."""
PASSED_OVER = "passed_over"
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
        self._attempts: Counter[Attempt] = Counter()
        self._most_attempts = MOST_ATTEMPTS
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

    # Attempts that went through the adapt stage are kept as one count for all that is told of them, and what is exported is added up from that.

    def attempts(self) -> Counter[Key]:
        """Attempts by endpoint, model and outcome."""
        found: Counter[Key] = Counter()
        for attempt, count in dict(self._attempts).items():
            found[attempt[:3]] += count
        return found

    def arm_attempts(self) -> Counter[Key]:
        """First attempts by endpoint, chosen arm, revision and outcome; `passed_over` if it was at another model, since Envoy knew the arm's own to be dead."""
        found: Counter[Key] = Counter()
        for (endpoint, model, outcome, arm, revision, _, _, _), count in self._first_attempts():
            found[endpoint, arm, str(revision), outcome if model == arm else PASSED_OVER] += count
        return found

    def arm_latencies(self) -> Counter[Key]:
        """First attempts by endpoint, chosen arm, revision, and the seconds that they did not exceed."""
        found: Counter[Key] = Counter()
        for (endpoint, model, _, arm, revision, latency, _, _), count in self._first_attempts():
            if model == arm:
                bound = f"{LATENCIES[latency]:g}" if latency < len(LATENCIES) else "inf"
                found[endpoint, arm, str(revision), bound] += count
        return found

    def arm_predictions(self) -> Counter[Key]:
        """First attempts by endpoint, chosen arm, revision, and the range of their first prediction."""
        found: Counter[Key] = Counter()
        for (endpoint, model, _, arm, revision, _, prediction, _), count in self._first_attempts():
            if model == arm and prediction != UNKNOWN:
                found[endpoint, arm, str(revision), str(prediction)] += count
        return found

    def arm_violations(self) -> Counter[Key]:
        """First attempts of requests that passed with violations, by endpoint, chosen arm and revision."""
        found: Counter[Key] = Counter()
        for (endpoint, _, _, arm, revision, _, _, marked), count in self._first_attempts():
            if marked:
                found[endpoint, arm, str(revision)] += count
        return found

    def _first_attempts(self) -> Iterator[tuple[Attempt, int]]:
        return ((attempt, count) for attempt, count in dict(self._attempts).items() if attempt[3])

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

    def attempted(self, attempt: Attempt) -> None:
        """Count an attempt at a model."""
        self._attempts[attempt] += 1
        if len(self._attempts) > self._most_attempts:
            self._add_up_old()

    def take(self) -> Increments:
        """Everything counted, which is then counted from zero again. The names of unknown features stay known."""
        choices, forces, rejections, violations, flaws = (list(totals.items()) for totals in self._totals())
        taken = Increments(choices, forces, rejections, violations, flaws, list(self._attempts.items()))
        for totals in self._totals():
            totals.clear()
        self._attempts.clear()
        return taken

    def add(self, taken: Increments) -> None:
        """Add what another process counted."""
        self.choices.update(dict(taken.choices))
        self.forces.update(dict(taken.forces))
        self.rejections.update(dict(taken.rejections))
        self.flaws.update(dict(taken.flaws))
        self._attempts.update(dict(taken.attempts))
        if len(self._attempts) > self._most_attempts:
            self._add_up_old()
        for (endpoint, feature, kind), count in taken.violations:
            self._count_violations(endpoint, feature, kind, count)

    def _totals(self) -> tuple[Counter[Key], ...]:
        return (self.choices, self.forces, self.rejections, self.violations, self.flaws)

    def _add_up_old(self) -> None:
        """Forget of attempts under old revisions what was told of their arms."""
        revisions: dict[str, set[int]] = {}
        for attempt in self._attempts:
            revisions.setdefault(attempt[0], set()).add(attempt[4])
        oldest = {endpoint: sorted(numbers)[-REVISIONS:][0] for endpoint, numbers in revisions.items()}
        for attempt in [attempt for attempt in self._attempts if attempt[3] and attempt[4] < oldest[attempt[0]]]:
            count = self._attempts.pop(attempt)
            self._attempts[(attempt[0], attempt[1], attempt[2], "", 0, 0, UNKNOWN, False)] += count
        self._most_attempts = max(MOST_ATTEMPTS, 2 * len(self._attempts))

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

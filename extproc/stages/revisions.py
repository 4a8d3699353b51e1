"""Which endpoint a request was decided by: those of the plan in force, and of plans before it as long as requests last.

A request is adapted once for each attempt, perhaps seconds after it was decided, and must be adapted by the endpoint that decided
it: the model of the same name may speak another protocol now. So an endpoint that is replaced is kept until every request that it
decided has timed out.
"""

from collections.abc import Callable

from hyperplan.plan import EMPTY, CompiledEndpoint, CompiledPlan

SLACK = 5.0
"""Seconds that an endpoint is kept beyond the timeout of its requests: workers do not adopt a plan in one moment."""
MOST_RETIRED = 256
"""Endpoints that are kept beyond their plan; of more, the oldest go first. One takes 12 KB, and 1 KB for each feature beyond a few."""


class Revisions:
    """The endpoints that requests may have been decided by."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._adopted = EMPTY
        self._prepared = EMPTY
        self._retired: dict[
            tuple[str, int], tuple[CompiledEndpoint, float]
        ] = {}  # with the time until which each is kept
        self._first_to_go = 0.0

    def __len__(self) -> int:
        """How many there are."""
        return len(self._adopted.by_name) + len(self._retired)

    def prepare(self, plan: CompiledPlan) -> None:
        """Know the endpoints of a plan by which another process may decide before this one does."""
        self._prepared = plan

    def adopt(self, plan: CompiledPlan) -> None:
        """Go over to a plan. Endpoints that it replaces are kept for a while."""
        now = self._monotonic()
        for name, endpoint in self._adopted.by_name.items():
            if plan.by_name.get(name) is not endpoint:
                self._retired.pop((name, endpoint.revision), None)  # to the end, as the newest
                self._retired[name, endpoint.revision] = (endpoint, now + endpoint.document.timeout + SLACK)
        self._adopted = self._prepared = plan
        self._expire(now)

    def find(self, name: str, revision: int | None) -> CompiledEndpoint | None:
        """An endpoint at a revision. One that is not known, as after a restart, is taken for the newest; None if there is no such endpoint."""
        newest = self._adopted.by_name.get(name)
        if newest is not None and newest.revision == revision:
            return newest
        if self._prepared is not self._adopted:
            prepared = self._prepared.by_name.get(name)
            if prepared is not None and prepared.revision == revision:
                return prepared
            newest = newest or prepared
        if self._retired:
            now = self._monotonic()
            if now >= self._first_to_go:
                self._expire(now)
            if revision is not None and (name, revision) in self._retired:
                return self._retired[name, revision][0]
        return newest

    def _expire(self, now: float) -> None:
        kept = [(key, retired) for key, retired in self._retired.items() if retired[1] > now][-MOST_RETIRED:]
        self._retired = dict(kept)
        self._first_to_go = min((until for _, (_, until) in kept), default=0.0)

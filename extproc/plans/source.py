"""What a source of plans is, whatever it reads."""

from collections.abc import AsyncIterator
from typing import NamedTuple, Protocol

from hyperplan.plan import Plan


class BadPlan(NamedTuple):
    """A plan that cannot be served: its number, and why: `Invalid`, with all that is wrong with it, or Envoy's refusal."""

    number: int
    error: Exception


class PlanSource(Protocol):
    """Where plans come from."""

    def plans(self, after: Plan) -> AsyncIterator[Plan | BadPlan]:
        """Each next plan, for ever. The next is asked for only when the one before has been applied or refused."""

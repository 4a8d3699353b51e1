"""Both stages of a process, which go over to a plan together."""

from extproc.stages.adapt import Adapt
from extproc.stages.base import Role, Stage
from extproc.stages.decide import Decide
from extproc.stages.observer import Observer
from hyperplan.plan import CompiledPlan
from hyperplan.secret import Secret


class Stages:
    """The stages, under one plan and with one observer."""

    def __init__(self, observer: Observer, secret: Secret | None = None) -> None:
        self.decide = Decide(observer, secret=secret)
        self.adapt = Adapt(observer)

    def __getitem__(self, role: Role) -> Stage:
        return self.decide if role is Role.DECIDE else self.adapt

    def prepare(self, plan: CompiledPlan) -> None:
        """Be able to adapt requests that others decided by a plan."""
        self.adapt.prepare(plan)

    def adopt(self, plan: CompiledPlan) -> None:
        """Decide by a plan from the next request on; those that were decided before are adapted by the plan that decided them."""
        self.adapt.adopt(plan)
        self.decide.adopt(plan)

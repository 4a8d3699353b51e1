"""How the stages are served: in the sidecar's own process, or by workers. The keeper of plans does not know which."""

from collections.abc import Mapping
from typing import Protocol

from extproc.stages import Role, Stages
from extproc.transports import Transport
from hyperplan.plan import CompiledPlan, Plan


class Service(Protocol):
    """Serves the stages under the plan of the moment."""

    async def adopt(self, plan: Plan, compiled: CompiledPlan) -> None:
        """Serve a plan; returns when no request that is still to come is decided by the one before."""

    async def start(self) -> None:
        """Bind the sockets and serve. A plan must have been adopted.

        Raises:
            OSError: a socket cannot be bound.
        """

    async def stop(self, grace: float) -> None:
        """Take no new requests, and give those that are there `grace` seconds to be decided, and as many to be adapted."""


class OneProcess:
    """Serves in this process: nothing to supervise, and nobody to ask."""

    def __init__(self, stages: Stages, transports: Mapping[Role, Transport]) -> None:
        self._stages = stages
        self._transports = transports

    async def adopt(self, plan: Plan, compiled: CompiledPlan) -> None:  # noqa: ARG002 - workers need the document
        """Serve a plan from the next request on."""
        self._stages.adopt(compiled)

    async def start(self) -> None:
        """Bind the sockets and serve.

        Raises:
            OSError: a socket cannot be bound.
        """
        for role in reversed(Role):  # what is decided can be adapted
            await self._transports[role].start()

    async def stop(self, grace: float) -> None:
        """Take no new requests, and give those that are there `grace` seconds to be decided, and as many to be adapted."""
        for role in Role:
            await self._transports[role].stop(grace)

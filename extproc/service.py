"""How the decide stage is served: in the sidecar's own process, or by workers. The keeper of plans does not know which."""

from typing import Protocol

from extproc.stages import Decide
from extproc.transports import Transport
from hyperplan.plan import CompiledPlan, Plan


class Service(Protocol):
    """Serves the decide stage under the plan of the moment."""

    async def adopt(self, plan: Plan, compiled: CompiledPlan) -> None:
        """Serve a plan; returns when no request that is still to come is decided by the one before."""

    async def start(self) -> None:
        """Bind the socket and serve. A plan must have been adopted.

        Raises:
            OSError: the socket cannot be bound.
        """

    async def stop(self, grace: float) -> None:
        """Take no new streams, and give those that are open `grace` seconds to end."""


class OneProcess:
    """Serves in this process: nothing to supervise, and nobody to ask."""

    def __init__(self, decide: Decide, transport: Transport) -> None:
        self._decide = decide
        self._transport = transport

    async def adopt(self, plan: Plan, compiled: CompiledPlan) -> None:  # noqa: ARG002 - workers need the document
        """Serve a plan from the next request on."""
        self._decide.adopt(compiled)

    async def start(self) -> None:
        """Bind the socket and serve.

        Raises:
            OSError: the socket cannot be bound.
        """
        await self._transport.start()

    async def stop(self, grace: float) -> None:
        """Take no new streams, and give those that are open `grace` seconds to end."""
        await self._transport.stop(grace)

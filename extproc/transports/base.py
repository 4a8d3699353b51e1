"""What the sidecar needs to know of a transport."""

from typing import Protocol


class Transport(Protocol):
    """Serves a stage on a socket."""

    async def start(self) -> None:
        """Bind the socket and serve.

        Raises:
            OSError: the socket cannot be bound.
        """

    async def stop(self, grace: float) -> None:
        """Take no new streams, and give those that are open `grace` seconds to end."""

"""What answers requests, and what an answer is."""

from collections.abc import Generator
from typing import NamedTuple, Protocol

from hyperplan.protocols import Body


class Reply(NamedTuple):
    """What is answered to a request."""

    status: int
    body: Body


class Answers(Protocol):
    """Answers requests, in steps: between them others get their turn."""

    def answering(self, path: str, body: Body) -> Generator[None, None, Reply]:
        """Answer what was posted at a path."""

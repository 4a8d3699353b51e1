"""A pair: two answers to one request."""

from typing import Any, NamedTuple


class Half(NamedTuple):
    """One answer: the predictions that could be read of it, whether it failed, and its latency in seconds."""

    predictions: list[Any]
    failed: bool
    latency: float | None


class Pair(NamedTuple):
    """What the client got, and what the shadow answered to the copy. `inclusion` is the probability with which the
    request was sampled: the pair stands for 1 / `inclusion` requests."""

    inclusion: float
    primary: Half
    shadow: Half

    @property
    def weight(self) -> float:
        """Requests that the pair stands for (Horvitz and Thompson, 1952)."""
        return 1 / self.inclusion

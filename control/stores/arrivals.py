"""What arrives at the store: observations, each with the bytes that it came as.

A sample is kept as it was sent, so encoding it again would be waste.
"""

from collections.abc import Sequence
from typing import NamedTuple

from hyperplan.sample import Sample
from hyperplan.shadow import ShadowSample

Observation = Sample | ShadowSample


class Arrival(NamedTuple):
    """An observation, and itself encoded."""

    observation: Observation
    body: bytes


def arriving(observations: Sequence[Observation]) -> list[Arrival]:
    """Observations that came otherwise than encoded."""
    return [Arrival(observation, observation.encode()) for observation in observations]

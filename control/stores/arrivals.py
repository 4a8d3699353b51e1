"""What arrives at the store: observations, each with the bytes that it came as, and feedback.

A sample is kept as it was sent, so encoding it again would be waste. Of feedback the columns are kept.
"""

from collections.abc import Sequence
from typing import NamedTuple

from hyperplan.feedback import Feedback
from hyperplan.sample import Sample
from hyperplan.shadow import ShadowSample

Observation = Sample | ShadowSample
Arriving = Observation | Feedback


class Arrival(NamedTuple):
    """An observation, and itself encoded; or feedback, of which no bytes are needed."""

    observation: Arriving
    body: bytes = b""


def arriving(observations: Sequence[Observation]) -> list[Arrival]:
    """Observations that came otherwise than encoded."""
    return [Arrival(observation, observation.encode()) for observation in observations]

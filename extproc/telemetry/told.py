"""What the stage of one process told, on its way to the process that exports it."""

from collections.abc import Sequence
from typing import NamedTuple

from extproc.stages.observer import Decision
from extproc.telemetry.counts import Increments


class Told(NamedTuple):
    """What the stage of another process told its observer in a while.

    `samples` are encoded `SampleFrame`s. `dropped` samples, and spans, were lost on the way here.
    """

    counts: Increments
    samples: Sequence[bytes]
    decisions: Sequence[Decision]
    dropped: int
    dropped_spans: int

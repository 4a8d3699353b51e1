"""What the stage of one process told, on its way to the process that exports it.

Types that are read back by their annotations stay out of modules that are compiled, which keep none.
"""

from collections.abc import Sequence
from typing import NamedTuple

from extproc.stages.observer import Attempt, Decision

Key = tuple[str, ...]


class Increments(NamedTuple):
    """What was counted in a while, keyed as in `Counts`."""

    choices: list[tuple[Key, int]]
    forces: list[tuple[Key, int]]
    rejections: list[tuple[Key, int]]
    violations: list[tuple[Key, int]]
    flaws: list[tuple[Key, int]]
    attempts: list[tuple[Attempt, int]]


class Told(NamedTuple):
    """What the stage of another process told its observer in a while.

    `samples` are encoded `SampleFrame`s. `dropped` samples, and spans, were lost on the way here.
    """

    counts: Increments
    samples: Sequence[bytes]
    decisions: Sequence[Decision]
    dropped: int
    dropped_spans: int

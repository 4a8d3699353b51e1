"""What was learnt for a model version, how sure that is, and whether it is worth a change."""

from typing import NamedTuple

from hyperplan.thresholds.block import Setting

FEWEST = 100
"""Labels, equally weighted, below which nothing is learnt."""
FEWEST_OF_EACH = 10
"""Labels that each class needs."""
SAMPLES = 200
"""Samples that are drawn anew for intervals."""
SURE = 0.95
"""In this share of the samples that are drawn anew the new setting must be the better one.

The new one is the best of the very labels by which both are judged, which favours it. Of an objective that is smooth about its best, this share reaches 0.95 only
when the two are 3.3 standard errors of the best apart: where nothing is better than what is in force, that happens once in a thousand looks. Looks
are taken when there are a quarter more labels than at the last (`GROWTH`), so some forty in the life of a version.
"""
WORTH = 0.005
"""By so much, relatively, the new setting must be better in the mean: less is not worth a revision."""
GROWTH = 1.25


class CannotLearn(ValueError):
    """Nothing can be learnt; the message says why, and what would help."""


class Attained(NamedTuple):
    """What is attained of an objective, with a 95 % interval: F, a cost per decision, a precision, a recall, a rate."""

    value: float
    low: float
    high: float


class Lesson(NamedTuple):
    """A setting that was learnt.

    `interval` is the 95 % interval of a threshold; of several classes there is none. `attained` is what it attains, `before` what the setting attains that
    is in force. In the share `better` of the samples that were drawn anew it is the better of the two, in the mean by `gain`, relative to what is attained.
    `notes` are sentences about what is not as it should be.
    """

    value: Setting
    interval: tuple[float, float] | None
    labels: int
    effective: float
    attained: Attained
    before: Attained | None
    better: float
    gain: float
    notes: tuple[str, ...] = ()


class Verdict(NamedTuple):
    """Whether to go over to a lesson, and why or why not, in words."""

    change: bool
    why: str


def judge(lesson: Lesson, current: Setting) -> Verdict:
    """Whether what was learnt is to replace what is in force: only if it is better beyond doubt, and by enough to matter."""
    if lesson.value == current:
        return Verdict(False, "what is in force is the best that is known")
    if lesson.better < SURE:
        return Verdict(False, f"it is better in {lesson.better:.0%} of samples drawn anew, and should be in {SURE:.0%}")
    if lesson.gain < WORTH:
        return Verdict(False, f"it is better by {lesson.gain:.2%}, which is not worth a change")
    return Verdict(True, f"it is better in {lesson.better:.0%} of samples drawn anew, by {lesson.gain:.1%}")

"""What the demo claims, computed from what was observed.

The claims about arms are judged by *chosen* arm and distinct tail number, as an experiment would be: the samples say who
was chosen, whoever answered.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from scipy.stats import chisquare

from demo.client import Answer


class Choice(NamedTuple):
    """Which arm was chosen for a plane, at which revision of the routing, and when, in seconds since 1970."""

    tailnum: str
    chosen: str
    revision: int
    time: float


class Stickiness(NamedTuple):
    """Whether planes stayed where they were.

    `planes` counts distinct tail numbers by revision. `torn` are those with more than one arm while one split stood.
    `moved` changed arms at the edit, of the `seen_twice` seen both before and after it; `moved_back` are those of them that no edit had to move.
    """

    planes: dict[int, int]
    torn: int
    seen_twice: int
    moved: int
    moved_back: int


def fits_split(choices: Iterable[Choice], revision: int, split: Mapping[str, float]) -> float:
    """The p-value of Pearson's chi-square test that distinct planes fell on the arms of a revision as its split says."""
    arm_of = {choice.tailnum: choice.chosen for choice in choices if choice.revision == revision}
    counts = Counter(arm_of.values())
    total = sum(split.values())
    expected = [len(arm_of) * weight / total for weight in split.values()]
    return float(chisquare([counts[arm] for arm in split], expected).pvalue) if arm_of else 0.0


def stickiness(choices: Sequence[Choice], before: int, after: int, grown: str) -> Stickiness:
    """What an edit between two revisions, in which the share of one arm has grown, did to the planes."""
    arms: defaultdict[tuple[int, str], set[str]] = defaultdict(set)
    for choice in choices:
        arms[(choice.revision, choice.tailnum)].add(choice.chosen)
    twice = [tailnum for revision, tailnum in arms if revision == before and (after, tailnum) in arms]
    moved = [tailnum for tailnum in twice if arms[(before, tailnum)] != arms[(after, tailnum)]]
    return Stickiness(
        planes={revision: sum(1 for known, _ in arms if known == revision) for revision in (before, after)},
        torn=sum(1 for found in arms.values() if len(found) > 1),
        seen_twice=len(twice),
        moved=len(moved),
        moved_back=sum(1 for tailnum in moved if arms[(after, tailnum)] != {grown}),
    )


def edit_visible_after(choices: Iterable[Choice], edited: float, before: int) -> float:
    """Seconds from sending an edit until the last choice by the revision before it; 0 when none came later.

    `edited` is in seconds since 1970, on the clock of the machine that chose.
    """
    return max(
        (choice.time - edited for choice in choices if choice.revision == before and choice.time > edited), default=0.0
    )


def percentile(values: Sequence[float], share: float) -> float | None:
    """The value below which a share of the values lies; None of no values."""
    ordered = sorted(values)
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)] if ordered else None


def milliseconds(seconds: float | None) -> float | None:
    """Seconds as milliseconds, to a hundredth."""
    return None if seconds is None else round(seconds * 1000, 2)


def by_answering_model(answers: Iterable[Answer]) -> dict[str, dict[str, Any]]:
    """How many flights each model answered, and how fast, as the client saw it."""
    latencies: defaultdict[str, list[float]] = defaultdict(list)
    for answer in answers:
        if answer.model is not None:
            latencies[answer.model].append(answer.latency)
    return {
        model: {
            "answered": len(values),
            "p50_ms": milliseconds(percentile(values, 0.5)),
            "p99_ms": milliseconds(percentile(values, 0.99)),
        }
        for model, values in sorted(latencies.items())
    }

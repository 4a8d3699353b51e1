"""`unlabelled`: fewer predictions get a label than used to, or none does.

Reference: the stretches before (`Case.labels`), since training knows nothing of labels that were still to come. Only stretches that are older than labels
usually take are looked at (`labels.ripe`), so labels that begin to come later are found as missing first, and the sentence says how late
those are that come.

Each stretch is tried as the one since which another share gets a label (`onset`, over two bins: labelled or not); what stretches differ by among
themselves is allowed. The effect is the change of the share, and a fall of a quarter matters.
"""

from collections.abc import Iterable

import numpy as np

from hyperplan.skew.case import Case
from hyperplan.skew.evidence import shares_of, threshold
from hyperplan.skew.finding import Finding
from hyperplan.skew.labels import USUALLY, LabelCoverage, ripe
from hyperplan.skew.movement import Movement
from hyperplan.skew.onset import onset
from hyperplan.skew.words import moment, number, percent, since

FALL = 0.25
"""The part of the labels that must stay away."""
FEWEST_STRETCHES = 10
"""Ripe stretches that there must be, or nobody knows what is usual."""


def unlabelled(case: Case) -> Iterable[Finding]:
    """Whether labels stay away, and since when."""
    stretches = ripe(case.labels)
    if len(stretches) < FEWEST_STRETCHES:
        return
    counts = np.array([[part.labelled.rows, part.scored.rows - part.labelled.rows] for part in stretches], np.float64)
    before = np.cumsum(counts, axis=0) - counts
    movement = Movement(shortest=np.inf).seen_in(counts, shares_of(counts.sum(axis=0)))
    began = onset(counts, before, movement.from_before)
    if began.look == 0 or began.evidence < threshold(1):
        return
    was, now = (LabelCoverage.merged(some) for some in (stretches[: began.look], stretches[began.look :]))
    usual, share = was.share() or 0.0, now.share() or 0.0
    if share > usual * (1 - FALL):
        return
    delay = now.delay(USUALLY)
    late = (
        f"{percent(USUALLY)} of those that come take up to {_duration(delay)}" if delay is not None else "none has come"
    )
    yield Finding(
        feature="",
        kind="scoring",
        finding="unlabelled",
        against="before",
        effect=share - usual,
        evidence=began.evidence,
        since=moment(now.start),
        until=moment(now.end),
        sentence=(
            f"Only {percent(share)} of {now.scored.rows:,} predictions got a label{since(now.start, now.end)}, where it was "
            f"{percent(usual)} before; {late}."
        ),
        details={
            "share": share,
            "before": usual,
            "rows": now.scored.rows,
            "delay_seconds": {"median": now.delay(0.5), "usual": delay, "before": was.delay(USUALLY)},
        },
    )


def _duration(seconds: float) -> str:
    """A time in the largest unit of which there are two.

    >>> _duration(90.0), _duration(86400.0 * 3)
    ('90 s', '3 days')
    """
    units = (("days", 86400.0), ("hours", 3600.0), ("minutes", 60.0), ("s", 1.0))
    name, size = next((unit for unit in units if seconds >= 2 * unit[1]), units[-1])
    return f"{number(float(f'{seconds / size:.2g}'))} {name}"

"""Numbers that got coarser or finer: a feed that rounds to whole minutes, or one that no longer does.

**Reference**: the last digits of the distinct values of training (`exact`). **Assumption**: that training has last digits at all; and that
values of about the same size are given as finely as each other. Where a change of unit explains the digits, it is the one to be told
(`detect.EXPLAINS`).

**Reports** `precision`: all that is served are multiples of a step, and training was finer; or at least half of it is finer than
training ever was. `effect` is the number of digits that are lost; of those that are new, below zero. Each distinct value counts once: the
evidence is the log probability, in training, of so many that all happen to be round, or fine.
"""

import math
from collections.abc import Iterable

from hyperplan.profile import FeatureProfile
from hyperplan.skew.case import Case
from hyperplan.skew.evidence import threshold
from hyperplan.skew.exact import MOST_DIGITS, Step, Written
from hyperplan.skew.finding import Finding
from hyperplan.skew.lines import Expected, expected_of, served_lately
from hyperplan.skew.stretch import beginning
from hyperplan.skew.words import number, since

ROWS = 200
"""Rows in which it is looked for: the newest."""
LEAST = 20.0
"""Nats that there must be, whatever the number of features."""


def precision(case: Case) -> Iterable[Finding]:
    """Numbers that are given more coarsely, or more finely, than those of training."""
    bar = max(LEAST, threshold(len(case.schema.features)))
    for name in case.schema.features:
        expected, served = expected_of(case, name), served_lately(case, name, ROWS)
        if expected is None or served is None:
            continue
        for step in (expected.rounding(served), expected.refining(served)):
            if step is not None and step.evidence >= bar:
                yield _finding(case, name, expected, step)


def _finding(case: Case, name: str, expected: Expected, step: Step) -> Finding:
    usual = expected.exact.step
    coarser = step.size is not None and step.size > usual
    began = beginning(case.looks, name, lambda profile: _says(expected, step.size if coarser else None, profile))
    start, until = case.looks[began].start, case.looks[-1].end
    when = since(start if began else None, until)
    digits = "all digits that a number can have" if step.size is None else f"multiples of {number(step.size)}"
    return Finding(
        feature=name,
        kind="feature",
        finding="precision",
        effect=-float(MOST_DIGITS) if step.size is None else math.log10(step.size / usual),
        evidence=step.evidence,
        sentence=f"{name} {'is rounded to' if coarser else 'comes with' if step.size is None else 'comes in'} {digits}{when}; "
        f"training had multiples of {number(usual)}",
        since=start,
        until=until,
        details={"step": step.size, "training": usual},
    )


def _says(expected: Expected, step: float | None, profile: FeatureProfile) -> bool | None:
    if profile.numbers is None:
        return None
    if step is not None:
        return expected.exact.all_multiples(profile.numbers.sample.items()[0], step)
    return expected.exact.mostly_finer(Written.of(profile.numbers.sample.items()[0]))

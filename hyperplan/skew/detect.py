"""All detectors, and what is said when several of them see the same thing.

A feed that sends seconds for minutes also shifts the distribution and leaves the range. One sentence is enough: the
finding that explains the others stands, and the others stand in its details under `explains`.
"""

from collections.abc import Callable, Iterable

from hyperplan.skew.case import Case
from hyperplan.skew.finding import Finding

Detector = Callable[[Case], Iterable[Finding]]
"""Looks at a case and says what it finds. Pure, and asked again after every look."""

DETECTORS: tuple[Detector, ...] = ()
"""In the order in which they explain: what an earlier one finds, a later one need not say again."""


def detect(case: Case) -> list[Finding]:
    """What is wrong now, each thing once."""
    return [finding for detector in DETECTORS for finding in detector(case)]

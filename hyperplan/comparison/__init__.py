"""Comparison of two models that were shown the same requests: one that answered the client, and its shadow."""

from hyperplan.comparison.agreement import Agreement, Disagreement
from hyperplan.comparison.compare import Comparison, compare
from hyperplan.comparison.differences import Differences
from hyperplan.comparison.outcomes import Outcome
from hyperplan.comparison.pairs import Half, Pair
from hyperplan.comparison.rate import Rate
from hyperplan.comparison.readings import THRESHOLD

__all__ = [
    "THRESHOLD",
    "Agreement",
    "Comparison",
    "Differences",
    "Disagreement",
    "Half",
    "Outcome",
    "Pair",
    "Rate",
    "compare",
]

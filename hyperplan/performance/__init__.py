"""Performance: how good predictions were, once the truth is known. Pure numpy over `hyperplan.outcomes.Outcomes`."""

from hyperplan.performance.estimate import Estimate
from hyperplan.performance.maturity import Maturity, maturity_of
from hyperplan.performance.measure import Performance, measure
from hyperplan.performance.parts import parts_of
from hyperplan.performance.reliability import ReliabilityBin

__all__ = ["Estimate", "Maturity", "Performance", "ReliabilityBin", "maturity_of", "measure", "parts_of"]

"""Lineage: what a model version was made of, which runs repeat which, and versions side by side."""

from hyperplan.lineage.lineage import Data, Lineage, Run, problems_of_lineage, read_time
from hyperplan.lineage.repeats import Made, Repeat, recipe_of, repeats_of
from hyperplan.lineage.side_by_side import Line, side_by_side

__all__ = [
    "Data",
    "Line",
    "Lineage",
    "Made",
    "Repeat",
    "Run",
    "problems_of_lineage",
    "read_time",
    "recipe_of",
    "repeats_of",
    "side_by_side",
]

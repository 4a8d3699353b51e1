"""Feature schemas: what one row holds, and how a body is held against it."""

from hyperplan.schema.checker import violations_of
from hyperplan.schema.decoder import RowType
from hyperplan.schema.features import (
    AnyFeature,
    Bool,
    Category,
    Feature,
    Float,
    Int,
    Masking,
    NumberList,
    String,
    finite,
    masking_of,
)
from hyperplan.schema.schema import Schema
from hyperplan.schema.violations import KINDS, SEVERITY, Action, Kind, Violation

__all__ = [
    "KINDS",
    "SEVERITY",
    "Action",
    "AnyFeature",
    "Bool",
    "Category",
    "Feature",
    "Float",
    "Int",
    "Kind",
    "Masking",
    "NumberList",
    "RowType",
    "Schema",
    "String",
    "Violation",
    "finite",
    "masking_of",
    "violations_of",
]

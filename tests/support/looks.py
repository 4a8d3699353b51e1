"""Cases made of plain columns: what training had, and what is served, a hundred rows a look."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from hyperplan.profile import Profile
from hyperplan.schema import AnyFeature, Schema
from hyperplan.skew.case import Case, Look

NOON = 1_372_680_000_000_000_000
"""12:00 on the 1st of July 2013, in nanoseconds since 1970. Looks start there and are five minutes long."""
FIVE_MINUTES = 300_000_000_000


def case_of(
    features: Mapping[str, AnyFeature],
    training: Mapping[str, Any],
    serving: Mapping[str, Any],
    *,
    rows: int = 100,
    chunks: int = 10,
) -> Case:
    """A case of columns; those of each side have equal lengths."""
    schema = Schema(features=dict(features))
    return Case(
        schema,
        [Profile.of_columns(schema, part) for part in _parts(training, -(-_height(training) // chunks))],
        [
            Look(NOON + number * FIVE_MINUTES, NOON + (number + 1) * FIVE_MINUTES, Profile.of_columns(schema, part))
            for number, part in enumerate(_parts(serving, rows))
        ],
    )


def _height(columns: Mapping[str, Any]) -> int:
    return len(next(iter(columns.values())))


def _parts(columns: Mapping[str, Any], rows: int) -> list[dict[str, Any]]:
    return [
        {name: np.asarray(values)[start : start + rows] for name, values in columns.items()}
        for start in range(0, _height(columns), rows)
    ]

"""Outcomes of arms, made of what a test says of each row."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from hyperplan.outcomes import Coded, Outcomes


def outcomes(arms: Sequence[str], reward: Sequence[float], **columns: Any) -> Outcomes:
    """Rows with these arms and rewards, all alike in what is not given."""
    size = len(arms)
    nothing = np.full(size, np.nan)
    given: dict[str, Any] = {
        "task": "binary",
        "prediction_id": np.array([f"p{index}" for index in range(size)], object),
        "row": np.zeros(size, np.int32),
        "time": np.arange(size),
        "labelled_at": np.arange(size) + 10,
        "entity": Coded.of([None] * size),
        "arm": Coded.of(list(arms)),
        "answered": Coded.of(list(arms)),
        "revision": np.ones(size, np.int64),
        "propensity": np.full(size, 0.5),
        "inclusion": np.ones(size),
        "forced": np.zeros(size, np.bool_),
        "score": nothing,
        "label": nothing,
        "reward": np.array(reward, np.float64),
        "predicted": np.full(size, -1, np.int32),
        "truth_score": nothing,
    }
    return Outcomes(**(given | columns))

"""What is known of a model version, out of the store: labelled predictions, all of its scores, and what it answered as a shadow."""

from typing import Any, NamedTuple

import numpy as np

from control.stores import Store
from control.stores.shadows import Shadowed
from hyperplan.comparison.readings import THRESHOLD, reader
from hyperplan.endpoint import Endpoint
from hyperplan.outcomes import Outcomes
from hyperplan.thresholds.evidence import MOST_LABELS, Scores

DAY = 24 * 3600 * 10**9
SPANS = (1, 7, 30, 90)
"""Days of which labels are read: no more than are needed to have enough."""
MOST_SCORES = 20_000
"""Of more scores the newest are taken."""


class Shadowing(NamedTuple):
    """Scores of a shadow, and of the one model that answered the same requests, each with its weight."""

    shadow: Scores
    by: str
    primary: Scores


def labelled(store: Store, endpoint: str, now: int) -> Outcomes:
    """The labelled predictions of an endpoint, the newest.

    Raises:
        LookupError: there is no such endpoint.
    """
    found = store.labelled(endpoint, now - SPANS[0] * DAY, now)
    for days in SPANS[1:]:
        if len(found) >= MOST_LABELS:
            break
        found = store.labelled(endpoint, now - days * DAY, now)
    return found


def scores(store: Store, endpoint: Endpoint, model: str, now: int) -> Scores:
    """The scores that a version gave where it was chosen; every row of a request is one."""
    found = store.samples.predictions(endpoint.name, model, now - SPANS[-1] * DAY, now, MOST_SCORES)
    pairs = [(score, 1 / (one.inclusion * one.propensity)) for one in found for score in _scores_in(one.predictions)]
    return _scores(pairs)


def shadowing(store: Store, endpoint: Endpoint, model: str, now: int) -> Shadowing | None:
    """What a version scored as a shadow, beside the model that answered most of these requests; None where there is nothing."""
    asked = store.shadows.newest(Shadowed(endpoint.name, model, now - SPANS[-1] * DAY, now), MOST_SCORES)
    found = [one for one in store.shadows.pairs(asked) if one.by is not None and one.by != model]
    if not found:
        return None
    answering = [one.by for one in found if one.by]
    by = max(sorted(set(answering)), key=answering.count)
    ours: list[tuple[float, float]] = []
    theirs: list[tuple[float, float]] = []
    for one in found:
        shadow, primary = _scores_in(one.pair.shadow.predictions), _scores_in(one.pair.primary.predictions)
        if one.by == by and shadow and len(shadow) == len(primary):
            ours += [(score, 1 / one.pair.inclusion) for score in shadow]
            theirs += [(score, 1 / one.pair.inclusion) for score in primary]
    return Shadowing(_scores(ours), by, _scores(theirs)) if ours else None


_read = reader("binary", THRESHOLD)


def _scores_in(predictions: list[Any]) -> list[float]:
    readings = [_read(prediction) for prediction in predictions]
    return [one.numbers[0] for one in readings if one is not None and one.form == "score"]


def _scores(pairs: list[tuple[float, float]]) -> Scores:
    array = np.array(pairs, np.float64).reshape(-1, 2)
    return Scores(array[:, 0], array[:, 1])

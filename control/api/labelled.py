"""Labelled predictions of a period, and which of them are old enough to be judged: what evaluations and measures of performance are made of."""

import time
from typing import Literal, NamedTuple

from control.api.periods import Period
from control.stores import Store
from hyperplan.outcomes import Outcomes
from hyperplan.performance import maturity_of

LOOKED_BACK = "-7d"
"""Since when, if nothing else is asked for: labels need longer than samples."""
Counted = Literal["ripe", "all"]
"""Which labels count: those of predictions that are older than nearly all labels take, or whatever is there."""


class LabelledPeriod(NamedTuple):
    """Labelled predictions of a period; those made before `ripe_until` count. `delay` is within what nearly all labels come, None if unknown; in nanoseconds."""

    outcomes: Outcomes
    delay: int | None
    ripe_until: int


def labelled_in(store: Store, endpoint: str, period: Period, counted: Counted) -> LabelledPeriod:
    """The labelled predictions that an endpoint made in a period.

    Raises:
        LookupError: there is no such endpoint.
    """
    found = store.labelled(endpoint, period.since, period.until)
    now = time.time_ns()
    maturity = maturity_of(found.time, found.labelled_at, now)
    ripe_until = period.until if counted == "all" else min(maturity.ripe_until(now), period.until)
    return LabelledPeriod(found, maturity.delay, ripe_until)

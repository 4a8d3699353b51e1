"""How long an experiment will take: the plan (`power`) for the units that an endpoint really gets.

Mean and variance of a unit's outcome are those of the control arm's units that were seen, or of all units before there are fifty of those. How many new units come in a
day is counted in the later half of what was seen: entities that come back are new only once, so the first days have more of them. Units whose
window is still open count as they are: this is a forecast, and no evidence rests on it.
"""

import math

import msgspec
import numpy as np

from hyperplan.experiments.assignment import FEWEST
from hyperplan.experiments.design import Experiment
from hyperplan.experiments.judge import SECOND, effect_of
from hyperplan.experiments.power import Spread, plan
from hyperplan.experiments.units import Rows, Units, fold

DAY = 86_400 * SECOND
FOREVER = 1 << 62


class Outlook(msgspec.Struct, frozen=True, kw_only=True):
    """What one treatment and the control arm need for the minimum effect.

    `units` were seen, whose outcomes have this `mean` and `deviation`. `per_day` new units come to both arms together, of which the treatment gets a `share`.
    `fixed` units are what a test needs that looks once; after `half` and `most` half and 90 % of ours have ended, in so many `days`, and `found` of them within
    twice the fixed number.
    """

    units: int
    mean: float
    deviation: float
    per_day: float
    share: float
    fixed: int
    half: int
    most: int
    found: float
    half_days: float
    most_days: float


class NoOutlook(ValueError):
    """Nothing can be said of how long it will take; the message says why, and what would help."""


def every_unit(design: Experiment, rows: Rows) -> Units:
    """All units, those whose windows are still open too, with what is known of them by now."""
    return fold(rows, design.metric.fold, round(design.window * SECOND), round(design.wait * SECOND), FOREVER)


def outlook(
    design: Experiment, treatment: str, units: Units, weights: dict[str, float], share: float | None = None
) -> Outlook:
    """How long a treatment will take. `share` is its part of the two arms' units; left out, that of the split's weights, or half where it has none yet.

    Raises:
        NoOutlook: if too little was seen, or what was seen does not vary.
    """
    control = design.arms.index(design.control_arm())
    mine = units.value[units.arm == control]
    values = mine if len(mine) >= FEWEST else units.value
    if len(values) < FEWEST:
        raise NoOutlook(
            f"only {len(values)} units with a {design.metric.of} were seen, and {FEWEST} are needed; send feedback, or look further back"
        )
    both, treated = _parts(design, treatment, weights, share)
    per_day = both * _per_day(units, design)
    spread = Spread(float(values.mean()), float(values.var()))
    try:
        planned = plan(effect_of(design), spread, treated, design.alpha, design.power, len(design.treatments()))
    except ValueError as error:
        raise NoOutlook(str(error)) from None
    half_days, most_days = planned.days(per_day, (design.window + design.wait) * SECOND / DAY)
    return Outlook(
        units=len(values),
        mean=spread.mean,
        deviation=math.sqrt(spread.variance),
        per_day=per_day,
        share=treated,
        fixed=planned.fixed,
        half=planned.half,
        most=planned.most,
        found=planned.found,
        half_days=half_days,
        most_days=most_days,
    )


def _parts(design: Experiment, treatment: str, weights: dict[str, float], share: float | None) -> tuple[float, float]:
    """The part of all units that comes to the two arms, and the treatment's part of those."""
    ours, theirs = weights.get(treatment, 0.0), weights.get(design.control_arm(), 0.0)
    if share is None and ours > 0 and theirs > 0:
        return (ours + theirs) / sum(weights.values()), ours / (ours + theirs)
    return 2 / len(design.arms), 0.5 if share is None else share


def _per_day(units: Units, design: Experiment) -> float:
    """New units a day, of all arms, in the later half of the time in which there were any."""
    first = units.closed - round(design.window * SECOND) - round(design.wait * SECOND)
    middle = (int(first.min()) + int(first.max())) // 2
    length = int(first.max()) - middle
    if not length:
        raise NoOutlook("all units came at the same moment, so nobody knows how many come in a day")
    return float(np.count_nonzero(first > middle)) * DAY / length


class ToGo(msgspec.Struct, frozen=True, kw_only=True):
    """What is still missing: new units, and days, until half and until 90 % of experiments with the minimum effect have ended."""

    half: int
    most: int
    half_days: float
    most_days: float


def to_go(design: Experiment, outlook: Outlook, counted: int, open_: int) -> ToGo:
    """What is missing when so many units count, and so many more are still in their windows."""
    closing = (design.window + design.wait) * SECOND / DAY

    def days(missing: int) -> float:
        return 0.0 if not missing else max(missing - open_, 0) / outlook.per_day + closing

    half, most = max(outlook.half - counted, 0), max(outlook.most - counted, 0)
    return ToGo(half=half, most=most, half_days=days(half), most_days=days(most))

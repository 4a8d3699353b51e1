"""A shadow judged by labels: the same rows as clients were answered and as the shadow would have answered them, compared by their losses (`paired`).

Rows of one entity are folded into their mean, of those within a window after its first one, and each entity counts once, as in an experiment. When a unit counts depends on
`wait`: with one, units count when their window and the wait are over, and what was counted never changes, so one may look again and again. Without one, every
label that is there counts now, which is right for one look: a unit that is seen in the middle of its window would count otherwise at the next.

Losses of numbers have no bound of their own. Unless one is given, it is four standard deviations of the labels of the first hundred rows, which count for
nothing else: a bound must not depend on what is compared with it.
"""

import math
from typing import Literal, NamedTuple

import msgspec
import numpy as np

from hyperplan.experiments.losses import BOUNDS, Floats, Loss, difference, lost
from hyperplan.experiments.paired import Paired, paired
from hyperplan.experiments.units import fold, rows_of
from hyperplan.experiments.verdict import between
from hyperplan.outcomes import Outcomes

FOREVER = 1 << 62
FIRST_ROWS = 100
DEVIATIONS = 4.0
SMALLEST_SHARE = 0.01
"""The smallest difference that matters unless somebody says otherwise: this share of the bound."""

State = Literal["better", "worse", "alike", "undecided"]


class Terms(NamedTuple):
    """What is compared, and how: the loss and its bound, the smallest difference that matters, the error that is allowed, and what a unit is.

    `window` and `wait` are in nanoseconds, `now` since 1970; see above for a wait that is None. `comparisons` share alpha.
    """

    loss: Loss
    unit: Literal["entity", "request"]
    window: int
    now: int
    wait: int | None = None
    bound: float | None = None
    minimum: float | None = None
    alpha: float = 0.05
    comparisons: int = 1


class Incomparable(ValueError):
    """The two cannot be compared by this loss; the message says why."""


class SideBySide(msgspec.Struct, frozen=True, kw_only=True):
    """A shadow beside a model that answered, by their losses on the same labelled rows.

    Losses are cut at `bound`. `estimate` is the mean difference of a unit, the shadow's loss less the model's, so less than 0 is better; `low` and `high` bound it at all times,
    null for no bound. `minimum` is the smallest that matters. `evidence` against "no difference" is in nats, `needed` refutes it.
    """

    rows: int
    units: int
    model_loss: float | None
    shadow_loss: float | None
    estimate: float | None
    low: float | None
    high: float | None
    bound: float
    minimum: float
    evidence: float
    needed: float
    state: State
    why: str


def side_by_side(model: str, shadow: str, answered: Outcomes, instead: Outcomes, terms: Terms) -> SideBySide:
    """Compare what a model answered with what its shadow would have answered `instead`: the same rows, in the same order.

    Raises:
        Incomparable: there are too few rows to tell a bound from, or labels that do not vary.
    """
    bound, counted = _bound(answered, terms)
    answered, instead = answered.where(counted), instead.where(counted)
    losses = [np.minimum(lost(terms.loss, each), bound) for each in (answered, instead)]
    differences = difference(losses[0], losses[1], bound)
    known = ~np.isnan(differences)
    minimum = terms.minimum or SMALLEST_SHARE * bound
    units = _units(answered, differences, terms)
    found = paired(units, bound, minimum, terms.alpha, terms.comparisons)
    state = _state(found, minimum)
    return SideBySide(
        rows=int(known.sum()),
        units=found.units,
        model_loss=_mean(losses[0][known]),
        shadow_loss=_mean(losses[1][known]),
        estimate=_finite(found.mean),
        low=_finite(found.low),
        high=_finite(found.high),
        bound=bound,
        minimum=minimum,
        evidence=found.evidence,
        needed=found.needed,
        state=state,
        why=_why(model, shadow, terms.loss, found, minimum, state),
    )


def _bound(outcomes: Outcomes, terms: Terms) -> tuple[float, np.ndarray]:
    """The bound, and the places of the rows that count."""
    everything = np.arange(len(outcomes))
    bound = terms.bound or BOUNDS.get(terms.loss)
    if bound is not None:
        return bound, everything
    order = np.argsort(outcomes.time, kind="stable")
    first = outcomes.label[order[:FIRST_ROWS]]
    if len(first) < FIRST_ROWS or np.isnan(first).any():
        raise Incomparable(f"fewer than {FIRST_ROWS} labelled rows; give the bound of the loss, or wait")
    spread = DEVIATIONS * float(first.std())
    if not spread > 0:
        raise Incomparable(f"the labels of the first {FIRST_ROWS} rows are all alike; give the bound of the loss")
    return spread if terms.loss == "absolute" else spread**2, np.sort(order[FIRST_ROWS:])


def _units(outcomes: Outcomes, differences: Floats, terms: Terms) -> Floats:
    """One difference for each unit, in the order in which they count."""
    if not len(outcomes):
        return np.zeros(0)
    drawn = rows_of(outcomes, "label", terms.unit, ())
    rows = drawn._replace(value=differences, arm=np.zeros_like(drawn.arm), forced=np.zeros_like(drawn.forced))
    if terms.wait is not None:
        return fold(rows, "mean", terms.window, terms.wait, terms.now).value
    # Long enough for every label that is there, all of them now.
    longest = max(int(outcomes.labelled_at.max()) - int(outcomes.time.min()), 0)
    return fold(rows, "mean", terms.window, longest, FOREVER).value


def _state(found: Paired, minimum: float) -> State:
    if found.differs:
        return "better" if found.mean < 0 else "worse"
    return "alike" if -minimum <= found.low and found.high <= minimum else "undecided"


def _why(model: str, shadow: str, loss: Loss, found: Paired, minimum: float, state: State) -> str:
    bounds = f"its {loss} loss less that of {model} is {between(found.low, found.high)}, with {found.units:,} units"
    said = {
        "better": f"{shadow} predicts better than {model}",
        "worse": f"{shadow} predicts worse than {model}",
        "alike": f"{shadow} and {model} differ by less than {minimum:.3g}, the smallest difference that matters",
        "undecided": "nothing is certain yet",
    }
    return f"{said[state]}: {bounds}"


def _mean(values: Floats) -> float | None:
    return float(values.mean()) if len(values) else None


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None

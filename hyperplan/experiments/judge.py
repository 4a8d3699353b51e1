"""From the design of an experiment and what was seen to a verdict on each treatment: all the parts, put together. Pure; the clock is an argument.

What comes in: labelled predictions as rows of units, the weights of each routing revision, and counters of all traffic for the guardrails. Units that first came before the
start are not part of the experiment unless they come again, but what is known of them from before may lessen the variance.

Each call starts from the first row. Units are bet upon in pieces, and the last piece may be cut short by the look: what refutes something there counts, so
whoever looks keeps a verdict once it is reached.
"""

from collections.abc import Mapping
from typing import Literal, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from hyperplan.experiments.compare import compare
from hyperplan.experiments.covariate import known_before
from hyperplan.experiments.design import Experiment, Guarded
from hyperplan.experiments.effects import Difference, Effect, Ratio
from hyperplan.experiments.rates import excess, shifted
from hyperplan.experiments.sample_ratio import mismatch
from hyperplan.experiments.units import Rows, Units, fold, rows_of
from hyperplan.experiments.verdict import Evidence, Verdict, Watched, verdict
from hyperplan.outcomes import Outcomes

Floats = NDArray[np.float64]

SECOND = 1_000_000_000
"""In nanoseconds."""


class Counted(NamedTuple):
    """Counters of all traffic of one arm since the start, by tick, the same ticks for all arms.

    `hits` are the requests that a guardrail counts, and `requests` all. For predictions `hits` are by range of predictions and then by tick.
    """

    hits: Floats
    requests: Floats


Counters = Mapping[Guarded, Mapping[str, Counted]]
"""By guardrail, then arm."""


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """A verdict and all that it rests upon."""

    evidence: Evidence
    verdict: Verdict


def rows_in(outcomes: Outcomes, design: Experiment) -> Rows:
    """Outcomes as the rows that a design looks at."""
    return rows_of(outcomes, design.metric.of, design.unit, design.arms)


def judge(
    design: Experiment,
    rows: Rows,
    weights: Mapping[int, Mapping[str, float]],
    start: int,
    now: int,
    counters: Counters | None = None,
) -> dict[str, Judged]:
    """A verdict on each treatment.

    `rows` are those since the start, and those of the stretch before it if the design looks there. `weights` are those of the split by
    routing revision. `start` and `now` are in nanoseconds since 1970.

    Raises:
        KeyError: if a revision of the rows since the start has no weights.
    """
    units = units_of(design, rows, start, now)
    before = _before(design, rows, units, start)
    shares = {revision: _coded(weights[revision], design.arms) for revision in map(int, np.unique(units.revision))}
    effect, sign = effect_of(design), _sign(design)
    ratio = mismatch(*_by_weights(design, units, weights))
    control, treatments = design.control_arm(), design.treatments()
    judged = {}
    for treatment in treatments:
        evidence = Evidence(
            treatment=treatment,
            control=control,
            compared=compare(
                units,
                design.arms.index(control),
                design.arms.index(treatment),
                shares,
                effect,
                design.alpha,
                len(treatments),
                before,
            ),
            better=sign,
            relative=design.minimum_effect.relative is not None,
            minimum=float(effect.at(np.array([float(sign)]))[0]),
            sample_ratio=ratio,
            guardrails=watched(design, control, treatment, counters or {}),
            limit=design.limit,
        )
        judged[treatment] = Judged(evidence=evidence, verdict=verdict(evidence))
    return judged


def effect_of(design: Experiment) -> Effect:
    """The effect that a design looks for."""
    if design.minimum_effect.relative is not None:
        return Ratio(design.minimum_effect.relative)
    assert design.minimum_effect.absolute is not None, "the design was not checked"
    return Difference(design.minimum_effect.absolute)


def units_of(design: Experiment, rows: Rows, start: int, now: int) -> Units:
    """The units that count by now."""
    window, wait = round(design.window * SECOND), round(design.wait * SECOND)
    return fold(rows.where(rows.time >= start), design.metric.fold, window, wait, now)


def watched(design: Experiment, control: str, treatment: str, counters: Counters) -> dict[str, Watched]:
    """The guardrails that something was counted for, each with the most evidence there ever was that it is broken."""
    found: dict[str, Watched] = {}
    for name, guardrail in design.guardrails.items():
        arms = counters.get(name, {})
        if control not in arms or treatment not in arms or not arms[treatment].requests.size:
            continue
        ours, theirs = arms[treatment], arms[control]
        if name == "predictions":
            won = shifted(ours.hits, theirs.hits, guardrail.margin)
        else:
            won = excess(ours.hits, ours.requests, theirs.hits, theirs.requests, guardrail.margin)
        found[name] = Watched(evidence=float(won.max()), alpha=guardrail.alpha)
    return found


def _sign(design: Experiment) -> Literal[1, -1]:
    return 1 if design.metric.better == "higher" else -1


def _coded(weights: Mapping[str, float], arms: tuple[str, ...]) -> dict[int, float]:
    return {arms.index(arm): weight for arm, weight in weights.items() if arm in arms}


def _before(design: Experiment, rows: Rows, units: Units, start: int) -> Floats | None:
    """What is known of each unit from the stretch before the start, labels that came later left out."""
    if not design.before:
        return None
    there = (rows.time >= start - round(design.before * SECOND)) & (rows.time < start) & (rows.known < start)
    return known_before(units, rows.where(there))


def _by_weights(
    design: Experiment, units: Units, weights: Mapping[int, Mapping[str, float]]
) -> tuple[dict[int, dict[str, int]], dict[int, dict[str, float]]]:
    """Units and weights of the arms of the experiment, by the first of the revisions that have the same weights; other arms are none of its business.

    A mismatch that is too small to be seen in one revision of many is seen in all of them together.
    """
    counts: dict[int, dict[str, int]] = {}
    shares: dict[int, dict[str, float]] = {}
    first: dict[tuple[float, ...], int] = {}
    for revision in map(int, np.unique(units.revision)):
        mine = units.arm[units.revision == revision]
        share = {arm: weights[revision].get(arm, 0.0) for arm in design.arms}
        key = first.setdefault(tuple(share.values()), revision)
        shares[key] = share
        known = counts.setdefault(key, dict.fromkeys(design.arms, 0))
        for code, arm in enumerate(design.arms):
            known[arm] += int((mine == code).sum())
    return counts, shares

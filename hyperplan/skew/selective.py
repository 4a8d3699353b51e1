"""`selective`: the rows that got a label differ from those that were scored, so a training set made of them is not what is served.

Labels follow from what a model chose: a loan that was refused never defaults. Reference: the rows of the same stretches that got none
(`Case.labels`, those that are ripe), each stretch weighted by its labels, so what changes with time changes on both sides and is no finding. Labelled and unlabelled rows are independent
samples; what is allowed is the noise of counting both, and that of their difference from one stretch to the next.

The effect is the PSI of the labelled against *all* rows that were scored, which is what a model trained on labels alone would get wrong. It says
that labels are selective, not why; where choices are logged with their probability, that corrects for it.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import msgspec
import numpy as np

from hyperplan.skew.case import Case, Look
from hyperplan.skew.compare import compare
from hyperplan.skew.contrast import contrast
from hyperplan.skew.evidence import shares_of, significant
from hyperplan.skew.finding import Finding
from hyperplan.skew.labels import LabelCoverage, ripe
from hyperplan.skew.movement import FURTHEST, SMALLEST, Floats
from hyperplan.skew.tally import Tally, columns, tallies
from hyperplan.skew.view import View
from hyperplan.skew.words import moment, percent

FEWEST_STRETCHES = 4
"""Ripe stretches that there must be to see how stretches differ."""


class _Selected(NamedTuple):
    """Sums of the rows with a label and of all that were scored at their times, and the log e-value that they differ."""

    labelled: Floats
    scored: Floats
    evidence: float
    tally: Tally

    def effect(self) -> float:
        """The PSI of the labelled against all, less what counting the two makes of it."""
        view = self.tally.view
        counting = np.maximum(
            1 / view.rows(self.labelled) - 1 / view.rows(self.scored), 0.0
        )  # the labelled are among all
        return float(view.stability(self.labelled, self.scored) - view.freedom(self.labelled.size) * counting)


def selective(case: Case) -> Iterable[Finding]:
    """Features and outputs of which the labelled rows are not like all that were scored."""
    stretches = ripe(case.labels)
    if len(stretches) < FEWEST_STRETCHES:
        return
    whole = LabelCoverage.merged(stretches)
    selected = _selected(case, stretches)
    found = significant({name: one.evidence for name, one in selected.items()})
    for name, one in selected.items():
        if name in found and one.effect() >= SMALLEST * one.tally.view.sight():
            yield _finding(case, name, one, whole)


def _selected(case: Case, stretches: Sequence[LabelCoverage]) -> dict[str, _Selected]:
    scored = [part.scored for part in stretches]
    looks = [Look(part.start, part.end, part.labelled) for part in stretches]
    # Bins are those of all that was scored, so a label, which only the labelled have, has none.
    told = tallies(Case(case.schema, scored, looks))
    return {
        name: one
        for name, tally in told.items()
        if tally.training.any() and (one := _held_against_others(tally)) is not None
    }


def _held_against_others(tally: Tally) -> _Selected | None:
    view = tally.view
    labelled, others = tally.looks, tally.chunks - tally.looks
    told = (view.rows(labelled) > 0) & (view.rows(others) > 0)
    if np.count_nonzero(told) < FEWEST_STRETCHES:
        return None
    labelled, others = labelled[told], others[told]
    rows, reference = labelled.sum(axis=0), _standardised(others, labelled, view)
    allowed = min(_between_stretches(labelled, others, tally) + 1 / float(view.rows(reference)), FURTHEST)
    evidence = float(view.further(rows, reference, np.array(allowed)))
    return _Selected(rows, _standardised(labelled + others, labelled, view), evidence, tally)


def _standardised(sums: Floats, labelled: Floats, view: View) -> Floats:
    """Sums with stretches weighted as they are among the labelled, and as many rows as are known from such a mixture (Kish, 1965).

    More labels in some hours than in others select hours, not rows; what differs between hours is drift's business.
    """
    sizes, weights = view.rows(sums), view.rows(labelled) / view.rows(labelled).sum()
    rows = 1 / (weights**2 / sizes).sum()
    return np.asarray(rows * (weights[:, None] * sums / sizes[:, None]).sum(axis=0))


def _between_stretches(labelled: Floats, others: Floats, tally: Tally) -> float:
    """How far the difference of labelled and others, on average over all stretches, may be from what it is on average in truth.

    By what the differences of adjacent stretches differ, beyond counting: neither what selects nor what changes slowly is in it.
    """
    view, shares = tally.view, shares_of(tally.training)
    apart = view.vector(labelled, shares) - view.vector(others, shares)
    counting = 1 / view.rows(labelled) + 1 / view.rows(others)
    squares = (np.diff(apart, axis=0) ** 2).sum(axis=1)
    steps = squares / view.freedom(labelled.shape[1]) - counting[1:] - counting[:-1]
    return max(float(steps.mean()) / 2, 0.0) / len(labelled)


def _finding(case: Case, name: str, one: _Selected, whole: LabelCoverage) -> Finding:
    labelled, scored = columns(whole.labelled)[name], columns(whole.scored)[name]
    unit = case.schema.features[name].unit if name in case.schema.features else None
    told = contrast(scored, labelled, one.scored, one.labelled, one.tally)
    share = whole.share() or 0.0
    return Finding(
        feature=name,
        kind="scoring",
        finding="selective",
        against="before",
        effect=one.effect(),
        evidence=one.evidence,
        since=moment(whole.start),
        until=moment(whole.end),
        sentence=(
            f"Labels are selective in {name}: among the {percent(share)} of {whole.scored.rows:,} rows that got one, "
            f"{told.words(unit, 'among all')}. A training set of labelled rows is not what is served."
        ),
        details={
            "share": share,
            "rows": whole.labelled.rows,
            **told.details(),
            "measures": msgspec.structs.asdict(compare(scored, labelled)),
        },
    )

"""What is known of a model version: the scores that it gave, and the labels of some of them.

Which rows count: those for which the version was chosen and that it answered itself, unless the request had forced it. Each counts for
1 / (inclusion * propensity), as it stands for as many that were not sampled or for which another arm was chosen. Which scores have labels may depend on the
score, so on what was decided: that changes nothing of how probable the class is at a score. But where no score has a label nothing can be learnt,
and that is found here by comparing the scores that have labels with all of them.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hyperplan.comparison.rate import kish
from hyperplan.outcomes import Outcomes

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

MOST_LABELS = 50_000
"""Of more labels the newest are taken."""
_STRATA = 20
_SURE = 15.0
"""So many labels a stratum must lack, if it had them as often as its neighbour, before that is no accident (probability e^-15 at most)."""


class Scores(NamedTuple):
    """Scores of a version, labelled or not, each with its weight."""

    score: Floats
    weight: Floats


class Evidence(NamedTuple):
    """Rows with a label: score, whether it is 1, weight, unit (an entity, or a row). And all scores, None where only the labelled ones are known."""

    score: Floats
    positive: Floats
    weight: Floats
    unit: Ints
    all: Scores | None = None

    @property
    def effective(self) -> float:
        """How many equally weighted labels say as much."""
        return kish(self.weight)


class Blind(NamedTuple):
    """A range of scores, its ends included, in which there is no label: this share of all scores is in it."""

    low: float
    high: float
    share: float


def of_version(outcomes: Outcomes, model: str) -> Outcomes:
    """The outcomes from which the threshold of a version is learnt."""
    own = outcomes.arm.equal(model) & outcomes.answered.equal(model) & ~outcomes.forced
    usable = own & np.isfinite(outcomes.label) & (outcomes.inclusion > 0) & (outcomes.propensity > 0)
    found = outcomes.where(usable)
    return found.where(np.argsort(found.time, kind="stable")[-MOST_LABELS:])


def weights_of(outcomes: Outcomes) -> Floats:
    """For how many rows each stands, in the mean for one."""
    weight = 1 / (outcomes.inclusion * outcomes.propensity)
    return np.asarray(weight / weight.mean() if len(weight) else weight)


def evidence_of(outcomes: Outcomes, scores: Scores | None = None) -> Evidence:
    """What outcomes of a version say of a binary task, beside all scores of it."""
    known = outcomes.where(np.isfinite(outcomes.score))
    if scores is not None and not len(scores.score):
        scores = None
    return Evidence(known.score, (known.label >= 0.5).astype(np.float64), weights_of(known), known.entities(), scores)


def blind(evidence: Evidence) -> list[Blind]:
    """The ranges of scores that were given and have no label, though they would if labels came for all alike."""
    if evidence.all is None or not len(evidence.all.score) or not len(evidence.score):
        return []
    everything = evidence.all
    order = np.argsort(everything.score, kind="stable")
    scores, shares = everything.score[order], everything.weight[order] / everything.weight.sum()
    bounds = np.unique(
        np.concatenate([scores[np.searchsorted(np.cumsum(shares), np.arange(1, _STRATA) / _STRATA)], _edges(evidence)])
    )
    stratum = np.searchsorted(bounds, scores, side="right")
    rows = np.bincount(stratum, minlength=len(bounds) + 1)
    labels = np.bincount(np.searchsorted(bounds, evidence.score, side="right"), minlength=len(bounds) + 1)
    share = np.bincount(stratum, shares, len(bounds) + 1)
    # Were labels as frequent there as in the nearest stratum that has some, there would be this many.
    seen = np.flatnonzero(labels)
    nearest = seen[np.argmin(np.abs(np.arange(len(labels))[:, None] - seen), axis=1)]
    expected = rows * np.minimum(labels[nearest] / np.maximum(rows[nearest], 1), 1.0)
    is_blind = (labels == 0) & (expected >= _SURE)
    found: list[Blind] = []
    for index in np.flatnonzero(is_blind):
        low, high = scores[stratum == index][[0, -1]]
        if found and is_blind[index - 1]:
            found[-1] = Blind(found[-1].low, float(high), found[-1].share + float(share[index]))
        else:
            found.append(Blind(float(low), float(high), float(share[index])))
    return found


def _edges(evidence: Evidence) -> Floats:
    """Where labels begin and end: a stratum that is half without labels is two."""
    return np.array([evidence.score.min(), np.nextafter(evidence.score.max(), np.inf)])

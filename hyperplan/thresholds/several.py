"""Learns the weights of a multiclass model: that class is decided whose probability times its weight is the greatest.

First the probabilities are calibrated: a logistic regression on their logarithms, with one slope for all and a constant for each class (temperature scaling with a
bias, Guo et al., 2017), which a few hundred labels determine. With these probabilities for labels, whatever is decided of a row has an expected cost, or adds to expected
counts; the weights are then improved one class after the other. For each row there is one weight of a class from which on that class is decided, so
the best weight of a class is found among all by sorting those once. Where costs depend on the true class alone weights can express the best
decision there is (Elkan, 2001); of other costs they express the best that is of this form.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax

from hyperplan.comparison.rate import kish
from hyperplan.thresholds.block import Thresholds
from hyperplan.thresholds.cells import summed
from hyperplan.thresholds.lesson import FEWEST, FEWEST_OF_EACH, Attained, CannotLearn, Lesson

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

SAMPLES = 50
MOST_ROUNDS = 6
_TINY = 1e-9


class Answers(NamedTuple):
    """Rows with a label: the probability of each class (a column each), the true class, weight, and unit."""

    probability: Floats
    truth: Ints
    weight: Floats
    unit: Ints


def learn(
    thresholds: Thresholds, answers: Answers, current: dict[str, float], *, samples: int = SAMPLES, seed: int = 1
) -> Lesson:
    """The best weights by these labels, beside those that are in force. Classes are called by their places.

    Raises:
        CannotLearn: there are too few labels.
    """
    effective = kish(answers.weight)
    if effective < FEWEST:
        raise CannotLearn(
            f"{len(answers.truth)} labels say as much as {effective:.0f} of equal weight; at least {FEWEST} are needed"
        )
    width = answers.probability.shape[1]
    seen = np.bincount(answers.truth, minlength=width)
    few = [str(name) for name in np.flatnonzero(seen < FEWEST_OF_EACH)]
    if few:
        raise CannotLearn(
            f"at least {FEWEST_OF_EACH} labels of each class are needed; there are fewer of {', '.join(few)}"
        )
    aim = _Aim(thresholds, width)
    before = np.array([current.get(str(name), 1.0) for name in range(width)])
    shown = np.maximum(answers.probability, _TINY)
    # Rounded before they are judged, since these are the weights that decide.
    weights = np.array(
        [float(f"{one:.4g}") for one in aim.best(shown, _calibrated(shown, answers), answers.weight, before)]
    )
    rng = np.random.default_rng(seed)
    units = int(answers.unit.max()) + 1
    losses: list[tuple[float, float]] = []
    for _ in range(samples):
        drawn = answers._replace(weight=answers.weight * rng.exponential(size=units)[answers.unit])
        truth = _calibrated(shown, drawn)
        losses.append((aim.loss(shown, truth, drawn.weight, weights), aim.loss(shown, truth, drawn.weight, before)))
    truth = _calibrated(shown, answers)
    after, then = (aim.loss(shown, truth, answers.weight, one) for one in (weights, before))
    both = np.array(losses).reshape(-1, 2)
    return Lesson(
        value={str(name): float(weight) for name, weight in enumerate(weights)},
        interval=None,
        labels=len(answers.truth),
        effective=effective,
        attained=aim.attained(after, both[:, 0]),
        before=aim.attained(then, both[:, 1]),
        better=float((both[:, 0] < both[:, 1] - 1e-12).mean()) if len(both) else 0.0,
        gain=(then - after) / max(then if aim.costs is not None else 1 - then, _TINY),
    )


class _Aim:
    """The objective as a loss: the mean cost, or 1 - the mean F-measure of the classes."""

    def __init__(self, thresholds: Thresholds, width: int) -> None:
        wanted = thresholds.objective
        self.costs: Floats | None = None
        self.square = (wanted.f_beta or 1.0) ** 2
        if wanted.costs is not None:
            names = [str(name) for name in range(width)]
            self.costs = np.array([[wanted.costs.get(truth, {}).get(made, 0.0) for made in names] for truth in names])

    def attained(self, loss: float, drawn: Floats) -> Attained:
        """What a loss is in the words of the objective."""
        low, high = (float(np.quantile(drawn, q)) for q in (0.025, 0.975)) if len(drawn) else (loss, loss)
        return Attained(loss, low, high) if self.costs is not None else Attained(1 - loss, 1 - high, 1 - low)

    def loss(self, shown: Floats, truth: Floats, weight: Floats, weights: Floats) -> float:
        """The loss of weights, where `truth` holds the probability of each class of each row."""
        made = np.argmax(shown * weights, axis=1)
        weighted = truth * weight[:, None]
        if self.costs is not None:
            return float((weighted @ self.costs)[np.arange(len(made)), made].sum() / weight.sum())
        width = truth.shape[1]
        hits = summed(made, weighted[np.arange(len(made)), made], width)
        return float(self._loss_of_counts(hits[None], summed(made, weight, width)[None], weighted.sum(axis=0))[0])

    def best(self, shown: Floats, truth: Floats, weight: Floats, start: Floats) -> Floats:
        """Weights that no change of one of them improves; that of the first class is 1."""
        weighted = truth * weight[:, None]
        candidates = [start, np.ones_like(start)]
        if self.costs is not None:
            candidates.append(np.maximum(self.costs.sum(axis=1), _TINY))
        weights = min(candidates, key=lambda one: self.loss(shown, truth, weight, one)).astype(np.float64)
        known = self.loss(shown, truth, weight, weights)
        for _ in range(MOST_ROUNDS):
            for place in range(len(weights)):
                weights[place] = self._best_of_one(shown, weighted, weight, weights, place)
            now = self.loss(shown, truth, weight, weights)
            if now > known - 1e-9:
                break
            known = now
        return np.asarray(weights / weights[0])

    def _best_of_one(self, shown: Floats, weighted: Floats, weight: Floats, weights: Floats, place: int) -> float:
        """The best weight of one class, the others as they are."""
        scores = shown * weights
        scores[:, place] = -1.0
        rival = np.argmax(scores, axis=1)
        turns = scores[np.arange(len(rival)), rival] / shown[:, place]
        order = np.argsort(turns)
        ratios, rows, rivals = turns[order], weighted[order], rival[order]
        if self.costs is not None:
            cost = rows @ self.costs
            change = cost[:, place] - cost[np.arange(len(rivals)), rivals]
            loss = np.concatenate([[0.0], np.cumsum(change)])
        else:
            loss = self._losses_as_it_grows(rows, weight[order], rivals, place)
        allowed = np.concatenate([[True], ratios[1:] > ratios[:-1] * (1 + 1e-12), [True]])
        index = int(np.flatnonzero(allowed)[np.argmin(loss[allowed])])
        if index == 0:
            return float(ratios[0] * 0.5)
        return float(ratios[-1] * 2 if index == len(ratios) else np.sqrt(ratios[index - 1] * ratios[index]))

    def _losses_as_it_grows(self, rows: Floats, weight: Floats, rivals: Ints, place: int) -> Floats:
        """The loss when so many rows, the first in order, are decided to be of a class, and the others of its rivals."""
        width = rows.shape[1]
        theirs = np.eye(width)[rivals]
        hits = (theirs * rows).sum(axis=0) - np.vstack([np.zeros(width), np.cumsum(theirs * rows, axis=0)])
        made = (theirs * weight[:, None]).sum(axis=0) - np.vstack(
            [np.zeros(width), np.cumsum(theirs * weight[:, None], axis=0)]
        )
        hits[:, place] = np.concatenate([[0.0], np.cumsum(rows[:, place])])
        made[:, place] = np.concatenate([[0.0], np.cumsum(weight)])
        return np.asarray(self._loss_of_counts(hits, made, rows.sum(axis=0)))

    def _loss_of_counts(self, hits: Floats, made: Floats, there: Floats) -> Floats:
        measure = (1 + self.square) * hits / np.maximum(made + self.square * there, _TINY)
        return np.asarray(1 - measure.mean(axis=1))


def _calibrated(shown: Floats, answers: Answers) -> Floats:
    """The probability of each class, as labels say."""
    logs = np.log(shown)
    width = shown.shape[1]
    truth = np.eye(width)[answers.truth]
    weight = answers.weight / answers.weight.sum()

    def loss(at: Floats) -> tuple[float, Floats]:
        said = log_softmax(at[0] * logs + at[1:], axis=1)
        off = (np.exp(said) - truth) * weight[:, None]
        penalty = 1e-4
        value = -float((weight[:, None] * truth * said).sum()) + penalty * float(at[1:] @ at[1:])
        return value, np.concatenate([[(off * logs).sum()], off.sum(axis=0) + 2 * penalty * at[1:]])

    found = minimize(
        loss, np.concatenate([[1.0], np.zeros(width)]), jac=True, method="L-BFGS-B", options={"maxiter": 100}
    )
    return np.asarray(softmax(found.x[0] * logs + found.x[1:], axis=1))

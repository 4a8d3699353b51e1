"""How probable the class 1 is at each score, learnt from labels: smooth, so that a threshold leans on all that was seen and not on a few rows beside it.

The best threshold on a sample is known to be a rough estimate of the best one: it leans on the few rows that lie between them, and comes nearer only by the cube root of
the number of labels (Kim and Pollard, 1990). Two calibrations are mixed instead. One is a logistic regression on a natural cubic spline of the normal quantile of the score's rank, with a
penalty on what is not straight: six numbers, whatever scores look like and however they are scaled. The other is isotonic regression, which is the sample's own
best threshold for every cost at once, and finds steps that no spline follows. How much of each is decided by what rows that were left out say (stacking,
Wolpert, 1992; Breiman, 1996). In the end the mixture is made monotone, as scores are meant to be.

Samples are drawn anew by giving each unit (an entity, or a row) an exponential weight (the Bayesian bootstrap, Rubin, 1981); all are fitted at once, as the
leading axis.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import isotonic_regression
from scipy.special import expit, logit, ndtri

from hyperplan.thresholds.cells import Cells, summed

Floats = NDArray[np.float64]

KNOTS = 6
PENALTY = 0.5
FOLDS = 5
SHARES = np.linspace(0, 1, 5)
"""Shares of isotonic regression in the mixture, of which the best is taken."""
DOUBT = 2.0
"""By so many nats rows that were left out must be foretold better with steps than without: labels that are few make steps of their own."""
_STEPS = 30
_LEAST = 1e-3
"""The least probability of what happened that is counted, where calibrations are compared: isotonic regression says 0 and 1."""


class Labels(NamedTuple):
    """Rows with a label: the cell of each, whether it is 1, its weight, and the unit that it belongs to (numbers from 0)."""

    cell: NDArray[np.int64]
    positive: Floats
    weight: Floats
    unit: NDArray[np.int64]


class Sums(NamedTuple):
    """By cell the weight of labels, and of those that are 1; leading axes are samples drawn anew."""

    weight: Floats
    positive: Floats


class Calibration:
    """Calibrates sums over cells. Made once from the labels as they are: the spline and the mixture stay the same when they are drawn anew."""

    def __init__(self, cells: Cells, labels: Labels, traffic: Floats) -> None:
        """`traffic` is the weight of all scores in each cell, labelled or not: the spline is as fine where they are."""
        self._count = cells.size
        self._labels = labels
        self._basis = _spline(traffic)
        self._share = self._best_share()

    def sums(self, factor: Floats) -> Sums:
        """The sums of labels whose weights are multiplied by a factor."""
        weight = self._labels.weight * factor
        return Sums(
            summed(self._labels.cell, weight, self._count),
            summed(self._labels.cell, weight * self._labels.positive, self._count),
        )

    def drawn_anew(self, samples: int, rng: np.random.Generator) -> Sums:
        """The sums of so many samples."""
        units = int(self._labels.unit.max()) + 1
        drawn = [self.sums(rng.exponential(size=units)[self._labels.unit]) for _ in range(samples)]
        return Sums(np.stack([one.weight for one in drawn]), np.stack([one.positive for one in drawn]))

    def probabilities(self, sums: Sums) -> Floats:
        """The probability of the class 1 in each cell; it never falls with the score."""
        mixed = (1 - self._share) * _smooth(self._basis, sums) + self._share * _isotonic(sums)
        weight = np.maximum(sums.weight, 1e-9 * sums.weight.mean())
        flat = [isotonic_regression(p, weights=w).x for p, w in zip(_rows(mixed), _rows(weight), strict=True)]
        return np.stack(flat).reshape(mixed.shape)

    def _best_share(self) -> float:
        """The share of isotonic regression with which rows are best foretold that were left out; none where labels are few."""
        labels = self._labels
        fold = np.random.default_rng(len(labels.unit)).permutation(int(labels.unit.max()) + 1)[labels.unit] % FOLDS
        if len(np.unique(fold)) < FOLDS or min(labels.positive.sum(), (1 - labels.positive).sum()) < 10 * FOLDS:
            return 0.0
        won = np.zeros(len(SHARES))
        for out in range(FOLDS):
            within = self.sums((fold != out).astype(np.float64))
            smooth, steps = _smooth(self._basis, within), _isotonic(within)
            left = self.sums((fold == out).astype(np.float64))
            for index, share in enumerate(SHARES):
                p = np.clip((1 - share) * smooth + share * steps, _LEAST, 1 - _LEAST)
                won[index] += left.positive @ np.log(p) + (left.weight - left.positive) @ np.log1p(-p)
        return float(SHARES[np.argmax(won - DOUBT * (SHARES > 0))])


def _rows(array: Floats) -> Floats:
    return array.reshape(-1, array.shape[-1])


def _spline(weight: Floats) -> Floats:
    """A natural cubic spline of the normal quantiles of ranks, a row for each cell; its columns are orthogonal, the straight ones first.

    See Hastie, Tibshirani and Friedman, The Elements of Statistical Learning, section 5.2.1.
    """
    filled = np.maximum(weight, 1e-9 * weight.sum())
    rank = (np.cumsum(filled) - filled / 2) / filled.sum()
    z = ndtri(np.clip(rank, 1e-6, 1 - 1e-6))
    knots = ndtri(np.linspace(0.05, 0.95, KNOTS))

    def bent(index: int) -> Floats:
        above = np.maximum(z - knots[index], 0) ** 3 - np.maximum(z - knots[-1], 0) ** 3
        return np.asarray(above / (knots[-1] - knots[index]))

    columns = [np.ones_like(z), z, *(bent(index) - bent(KNOTS - 2) for index in range(KNOTS - 2))]
    found: list[Floats] = []
    share = filled / filled.sum()
    for column in columns:
        for _ in range(2):  # twice is enough
            for other in found:
                column = column - (share * column) @ other * other
        size = np.sqrt((share * column) @ column)
        if size > 1e-6:
            found.append(column / size)
    return np.stack(found, axis=1)


def _smooth(basis: Floats, sums: Sums) -> Floats:
    """Logistic regression by Newton's steps, halved where they go too far; for all samples at once."""
    weight, positive = sums
    width = basis.shape[1]
    penalty = np.diag([0.0, 0.01, *[PENALTY] * width][:width])
    products = (basis[:, :, None] * basis[:, None, :]).reshape(len(basis), -1)
    total = weight.sum(axis=-1)
    found = np.zeros((*weight.shape[:-1], width))
    found[..., 0] = logit(np.clip(positive.sum(axis=-1) / np.maximum(total, 1e-12), 1e-4, 1 - 1e-4))

    def loss(at: Floats) -> Floats:
        eta = at @ basis.T
        fit = (weight * np.logaddexp(0, eta) - positive * eta).sum(axis=-1)
        return np.asarray(fit + 0.5 * np.einsum("...i,ij,...j->...", at, penalty, at))

    now = loss(found)
    for _ in range(_STEPS):
        p = expit(found @ basis.T)
        slope = (positive - weight * p) @ basis - found @ penalty
        bend = (weight * np.maximum(p * (1 - p), 1e-6)) @ products
        step = np.linalg.solve(bend.reshape(*slope.shape, width) + penalty, slope[..., None])[..., 0]
        length = np.ones_like(now)
        for _ in range(12):
            after = loss(found + length[..., None] * step)
            worse = after > now + 1e-9
            if not worse.any():
                break
            length = np.where(worse, length / 2, length)
        good = after <= now + 1e-9
        found = found + np.where(good, length, 0.0)[..., None] * step
        gained = np.where(good, now - after, 0.0)
        now = np.where(good, after, now)
        if (gained <= 1e-7 * np.maximum(1, np.abs(now))).all():
            break
    return np.asarray(expit(found @ basis.T))


def _isotonic(sums: Sums) -> Floats:
    """Isotonic regression of the labels; cells without any lie between their neighbours."""
    weight, positive = _rows(sums.weight), _rows(sums.positive)
    found = np.empty_like(weight)
    places = np.arange(weight.shape[1])
    for row, (w, p) in enumerate(zip(weight, positive, strict=True)):
        seen = w > 0
        steps = isotonic_regression(p[seen] / w[seen], weights=w[seen]).x
        found[row] = np.interp(places, places[seen], steps)
    return found.reshape(sums.weight.shape)

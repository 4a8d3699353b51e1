"""Objectives as arithmetic: what the two kinds of errors come to at a threshold, and which threshold is the best.

All functions take the weight of true positives and of all positives at each cut (the last axis), the weight of what is truly positive, and of
everything; leading axes are samples that were drawn anew.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hyperplan.thresholds.block import Thresholds, errors_of

Floats = NDArray[np.float64]
_TINY = 1e-12


class Counts(NamedTuple):
    """What is at each cut: `hits` is truly positive and decided so, `decided` is decided positive. Of all there is `everything`, truly positive `positives`."""

    hits: Floats
    decided: Floats
    positives: Floats
    everything: Floats


class Aim(NamedTuple):
    """An objective: what it is called, its value at each cut, how far that is from what is wanted (the smaller, the better), and the best cut."""

    name: str
    value: Callable[[Counts], Floats]
    loss: Callable[[Counts], Floats]
    best: Callable[[Counts], NDArray[np.int64]]
    scale: Callable[[Counts], Floats]
    """By what a difference of losses is divided to say how large it is."""
    needs_all: bool
    """Whether it speaks of all that is truly positive, wherever their scores are."""


def counts_at_cuts(probability: Floats, weight: Floats) -> Counts:
    """The counts at each cut, from the probability and the weight of each cell."""
    hits, decided = _from_above(probability * weight), _from_above(weight)
    return Counts(hits, decided, hits[..., :1], decided[..., :1])


def _from_above(cells: Floats) -> Floats:
    sums = np.cumsum(cells[..., ::-1], axis=-1)[..., ::-1]
    return np.concatenate([sums, np.zeros((*sums.shape[:-1], 1))], axis=-1)


def aim_of(thresholds: Thresholds) -> Aim:
    """The objective of a binary task, unless it is a rate, which needs no labels (`rates`)."""
    wanted = thresholds.objective
    if wanted.costs is not None:
        return _costs(*errors_of(thresholds))
    if wanted.f_beta is not None:
        return _f_beta(wanted.f_beta)
    if wanted.precision is not None:
        return _target("precision", _precision, wanted.precision, lowest=True)
    if wanted.recall is not None:
        return _target("recall", _recall, wanted.recall, lowest=False)
    raise ValueError(f"labels do not say which threshold has {wanted}")


def _costs(wrong_positive: float, wrong_negative: float) -> Aim:
    """The cost above that of right decisions, in the mean of all."""

    def cost(counts: Counts) -> Floats:
        hits, decided, positives, everything = counts
        return (wrong_positive * (decided - hits) + wrong_negative * (positives - hits)) / np.maximum(everything, _TINY)

    return Aim("cost", cost, cost, lambda counts: _lowest(cost(counts)), lambda counts: cost(counts), needs_all=False)


def _f_beta(beta: float) -> Aim:
    square = beta * beta

    def value(counts: Counts) -> Floats:
        hits, decided, positives, _ = counts
        return (1 + square) * hits / np.maximum(decided + square * positives, _TINY)

    def loss(counts: Counts) -> Floats:
        return 1 - value(counts)

    return Aim(f"F{beta:g}", value, loss, lambda counts: _lowest(loss(counts)), value, needs_all=True)


def _precision(counts: Counts) -> Floats:
    return np.where(counts.decided > _TINY, counts.hits / np.maximum(counts.decided, _TINY), 1.0)


def _recall(counts: Counts) -> Floats:
    return counts.hits / np.maximum(counts.positives, _TINY)


def _target(name: str, value: Callable[[Counts], Floats], target: float, *, lowest: bool) -> Aim:
    """The lowest threshold with a precision, or the highest with a recall; where there is none, the nearest to it.

    A threshold at which nothing is positive is none: its precision says nothing.
    """

    def loss(counts: Counts) -> Floats:
        return np.abs(value(counts) - target)

    def best(counts: Counts) -> NDArray[np.int64]:
        attained = value(counts)[..., :-1]
        reached = attained >= target
        first = np.argmax(reached, axis=-1)
        last = reached.shape[-1] - 1 - np.argmax(reached[..., ::-1], axis=-1)
        return np.asarray(np.where(reached.any(axis=-1), first if lowest else last, np.argmax(attained, axis=-1)))

    return Aim(name, value, loss, best, lambda counts: np.full_like(counts.hits, target), needs_all=name == "recall")


def _lowest(loss: Floats) -> NDArray[np.int64]:
    """The cut with the lowest loss; in the middle of those that are equally good."""
    equal = loss <= loss.min(axis=-1, keepdims=True) + 1e-12
    first = np.argmax(equal, axis=-1)
    last = equal.shape[-1] - 1 - np.argmax(equal[..., ::-1], axis=-1)
    middle = (first + last) // 2
    is_equal = np.take_along_axis(equal, middle[..., None], axis=-1)[..., 0]
    return np.asarray(np.where(is_equal, middle, first))

"""Evidence that something changed, as e-values, which stay valid however often and at however many features one looks.

An e-value is a number, at least 0, whose mean is at most 1 when nothing changed: a bet against "nothing changed" at fair
odds. By Markov's inequality it reaches 1,000 at most once in a thousand. Unlike p-values, e-values may be averaged, and
multiplied as data come in (Ramdas, Grünwald, Vovk and Shafer, "Game-theoretic statistics and safe anytime-valid
inference", Statistical Science, 2023). All here are natural logarithms of them, in nats.

**Over time** the e-values of every moment at which a change may have begun are added up, as Shiryaev and Roberts did with likelihood
ratios. The sum stopped at any time has a mean of at most the number of looks until then, so it takes at least A looks on average
until it first reaches A (Shin, Ramdas and Rinaldo, "E-detectors: a nonparametric framework for sequential change detection",
2023). Leaving moments out makes the sum smaller, so that stays true of the looks that are still at hand.

**Over features** the e-Benjamini-Hochberg procedure (Wang and Ramdas, "False discovery rate control with e-values", 2022)
finds k of K features when each of them has K A / k: then the mean of all K is at least A, and the mean of sums of Shiryaev
and Roberts is one itself. So at least A looks on average pass until the first false alert at *any* feature.

How likely counts are is told by Dirichlet-multinomials: the shares of the bins are not known, but a draw from a Dirichlet
distribution around those of the reference, the nearer the larger its concentration. The ratio of two of them on the same counts is an
e-value. The reference's own sampling error is in the concentration: shares counted in N rows are known no better than N.
"""

import math
from collections.abc import Hashable, Mapping
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammaln

Floats = NDArray[np.float64]
K = TypeVar("K", bound=Hashable)

RUN_LENGTH = 10_000
"""Looks on average until a detector's first false alert, at least, at any feature. Ten detectors together have a tenth of it."""

SMOOTHING = 0.5
"""Rows added to each bin of a reference: an empty bin is no proof that the share is zero (Krichevsky and Trofimov, 1981)."""

BROAD = 1.0
"""Concentration, for each bin, of shares that may be anything."""


BETS = (4.0, 16.0, 64.0)
"""Concentrations that are bet upon: on ten bins a PSI of about 2, 0.5 and 0.15."""
FURTHER = 4.0
"""A bet is at least so many times less concentrated than what is allowed."""
LEAST = 1e-3
"""The least concentration that means anything: all rows in one bin, no matter which."""


def threshold(features: int, run_length: float = RUN_LENGTH) -> float:
    """The log e-value that a single one of so many features must have: `ln(features * run_length)`."""
    return math.log(max(features, 1) * run_length)


def significant(evidence: Mapping[K, float], run_length: float = RUN_LENGTH) -> set[K]:
    """The features whose evidence suffices, by e-BH. `evidence` holds a log e-value for each that was looked at, found or not.

    >>> sorted(significant({"a": 11.0, "b": 11.0, "c": 0.0}))
    ['a', 'b']
    >>> sorted(significant({"a": 10.0, "b": 0.0, "c": 0.0}))
    []
    """
    ranked = sorted(evidence, key=lambda key: -evidence[key])
    bar = threshold(len(ranked), run_length)
    found = [rank for rank, key in enumerate(ranked, 1) if evidence[key] >= bar - math.log(rank)]
    return set(ranked[: max(found, default=0)])


def average(evidence: ArrayLike, axis: int = 0) -> Any:
    """The log of the mean of e-values: an e-value again, whatever their dependence. For alternatives that may each be true."""
    values = np.asarray(evidence, np.float64)
    return np.logaddexp.reduce(values, axis=axis) - math.log(values.shape[axis])


def since_any(evidence: ArrayLike, axis: int = 0) -> Any:
    """The log of the sum of e-values over the looks at which the change may have begun (Shiryaev and Roberts)."""
    return np.logaddexp.reduce(np.asarray(evidence, np.float64), axis=axis)


def further(counts: Floats, reference: Floats, allowed: Floats) -> Floats:
    """The log e-value that counts lie further from those of the reference than allowed; bins are on the last axis.

    `allowed` is the squared distance of shares from the reference's when nothing is wrong, as in `movement`: that of a Dirichlet
    distribution of concentration 1 / allowed - 1. Bet is on wider ones, since how far a change will go is not known.
    """
    shares = shares_of(reference)
    concentration = np.maximum(1 / np.maximum(allowed, 1e-12) - 1, LEAST)
    null = log_likelihood(counts, concentration[..., None] * shares)
    bets = [np.minimum(bet, concentration / FURTHER) for bet in BETS]
    return np.asarray(average([log_likelihood(counts, bet[..., None] * shares) for bet in bets]) - null)


def log_likelihood(counts: Floats, concentrations: Floats) -> Any:
    """The log probability of rows in bins (last axis) in the order in which they came, their shares drawn from a Dirichlet.

    The Dirichlet-multinomial (Pólya) likelihood without the number of orders, which cancels in a ratio.
    """
    total, strength = counts.sum(axis=-1), concentrations.sum(axis=-1)
    bins = gammaln(concentrations + counts) - gammaln(concentrations)
    return gammaln(strength) - gammaln(strength + total) + bins.sum(axis=-1)


def smoothed(reference: ArrayLike) -> Floats:
    """The rows of a reference in bins as the concentrations of what is known of its shares."""
    return np.asarray(reference, np.float64) + SMOOTHING


def shares_of(counts: Floats) -> Floats:
    """Shares of bins, none of them zero."""
    rows = smoothed(counts)
    return np.asarray(rows / rows.sum(axis=-1, keepdims=True))


def rate_evidence(reference: tuple[float, float], served: tuple[float, float]) -> float:
    """The log e-value of another rate: (hits, rows) of the reference and of serving.

    Against a rate that is the reference's, as well as that is known, stands one that may be anything. For a reference that is
    known to move about, pass fewer rows than it has: its concentration.

    >>> rate_evidence((0, 10_000), (0, 200)) < 0
    True
    >>> rate_evidence((0, 10_000), (20, 200)) > threshold(100)
    True
    """
    null = smoothed([reference[0], reference[1] - reference[0]])
    counts = np.array([served[0], served[1] - served[0]], np.float64)
    return float(log_likelihood(counts, np.full(2, BROAD)) - log_likelihood(counts, null))

"""Which columns can be told from others in so many rows: said beforehand, of the training data alone, by classical tests.

Two columns are **alike** when a fresh sample of one is not told from a fresh sample of the other: rows drawn at random from training, compared by
the two-sample test of Kolmogorov and Smirnov, or by Pearson's chi-square where they hold texts, at 1 %, told apart in fewer than 95 % of the
draws. A column **tells** something when at least five distinct values come in nearly every stretch of so many rows, and most of its values come more
than once in training: of what is known by hashes only, nothing can be said of values that never came before.

Rows drawn at random are easier to tell apart than those of one afternoon: whoever is judged by this must do with less than the tests had.
"""

from collections import Counter
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2_contingency, ks_2samp

from bench.skew.data import Columns, DataSet
from bench.skew.serving import taken

LEVEL = 0.01
NEARLY = 0.95
"""The share of draws in which a difference must be seen, and of stretches in which there must be distinct values."""
DRAWS = 100
DISTINCT = 5

Pairs = frozenset[frozenset[str]]


def telling(data: DataSet, rows: int, seed: int = 0) -> set[str]:
    """The features whose values, over so many rows in the order of time, say something."""
    training = _training(data)
    begins = np.random.default_rng(seed).integers(data.split - rows, size=DRAWS)
    return {
        name
        for name, values in training.items()
        if np.mean([len(set(_known(values[begin : begin + rows]))) >= DISTINCT for begin in begins]) >= NEARLY
        and _again(values) > 0.5
    }


def alike(data: DataSet, rows: int, seed: int = 0) -> Pairs:
    """The pairs of features that so many rows of each do not tell apart."""
    training, drawn = _training(data), np.random.default_rng(seed)
    names = list(training)
    pairs = [(one, other) for at, one in enumerate(names) for other in names[at + 1 :]]
    return frozenset(
        frozenset(pair)
        for pair in pairs
        if np.mean([_differ(*(drawn.choice(training[name], rows) for name in pair)) for _ in range(DRAWS)]) < NEARLY
    )


def _training(data: DataSet) -> Columns:
    return taken({name: data.columns[name] for name in data.schema.features}, slice(0, data.split))


def _known(values: NDArray[np.generic]) -> Iterator[object]:
    return (value for value in values.tolist() if value is not None and value == value)


def _again(values: NDArray[np.generic]) -> float:
    """The share of values that come more than once."""
    counts = np.array(list(Counter(_known(values)).values()))
    return float(counts[counts > 1].sum() / max(counts.sum(), 1))


def _differ(one: NDArray[np.generic], other: NDArray[np.generic]) -> bool:
    """Whether two samples are told apart."""
    ours, theirs = list(_known(one)), list(_known(other))
    if one.dtype.kind != other.dtype.kind and "O" in (one.dtype.kind, other.dtype.kind):
        return True
    if not ours or not theirs:
        return bool(ours) != bool(theirs)
    if one.dtype.kind == "O":
        counts = [Counter(ours), Counter(theirs)]
        values = sorted(counts[0].keys() | counts[1].keys(), key=str)
        if len(values) == 1:
            return False
        return bool(chi2_contingency([[each[value] for value in values] for each in counts]).pvalue < LEVEL)
    return bool(ks_2samp(ours, theirs, method="asymp").pvalue < LEVEL)

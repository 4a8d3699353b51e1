"""What goes wrong on purpose: columns in, columns out.

A tilt is a shift of known size: rows are drawn with weights that depend on which bin of the reference's deciles one feature falls
into, such that the population stability index over those bins is what was asked for. Values stay real and rows whole.
"""

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

from bench.skew.data import Columns

Floats = NDArray[np.float64]
Form = Literal["up", "down", "out"]
"""Where a tilt moves rows: to large values, to small ones, or to both ends."""

FORMS: tuple[Form, ...] = ("up", "down", "out")


def decile_bins(values: Floats) -> NDArray[np.int64]:
    """Which bin of their own deciles numbers fall into; none of them may be null."""
    edges = np.unique(np.quantile(values, np.arange(1, 10) / 10, method="inverted_cdf"))
    return np.searchsorted(edges, values, side="left").astype(np.int64)


def tilted(values: Floats, index: float, form: Form) -> Floats:
    """The probability of each row such that the deciles of `values` are off by a population stability index. As many are null as before.

    Raises:
        ValueError: no tilt of this form gets so far.
    """
    known = ~np.isnan(values)
    bins = decile_bins(values[known])
    shares = np.bincount(bins) / bins.size
    filled = shares > 0
    ranks = np.cumsum(shares) - shares / 2 - 0.5
    scores = {"up": ranks, "down": -ranks, "out": np.abs(ranks)}[form]

    def off(strength: float) -> float:
        new = _weighted(shares, strength * scores)
        return float(np.sum((new[filled] - shares[filled]) * np.log(new[filled] / shares[filled]))) - index

    if off(50.0) < 0:
        raise ValueError(f"no tilt reaches an index of {index:g}")
    new = _weighted(shares, brentq(off, 0.0, 50.0) * scores)
    weights = np.ones(values.size)
    weights[known] = (new / np.where(filled, shares, 1.0))[bins]
    return np.asarray(weights / weights.sum(), np.float64)


def _weighted(shares: Floats, exponents: Floats) -> Floats:
    new = shares * np.exp(exponents - exponents.max())
    return np.asarray(new / new.sum(), np.float64)


def changed(columns: Columns, name: str, change: Callable[[NDArray[Any]], NDArray[Any]]) -> Columns:
    """Columns of which one is another."""
    return {**columns, name: change(columns[name])}


def without(columns: Columns, name: str) -> Columns:
    """Columns less one."""
    return {other: values for other, values in columns.items() if other != name}


def under_another_name(columns: Columns, name: str, new: str) -> Columns:
    """Columns of which one is called otherwise."""
    return {new if other == name else other: values for other, values in columns.items()}

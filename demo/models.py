"""A trained model as it is served: how a flight becomes numbers, and the estimator that reads them.

Frames and pipelines over columns are for training; on one row they cost milliseconds. So encoding is done here by hand,
the same way for training and serving: a column for each number, then a column for each known category, 1 for the one
it is. What is missing becomes NaN, a category that training never saw becomes no category at all.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import joblib  # type: ignore[import-untyped]
import numpy as np
import numpy.typing as npt
import pandas as pd

Matrix = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Encoder:
    """Turns flights into a matrix. `categories` holds, for each feature that is a word, the words training has seen."""

    numbers: tuple[str, ...]
    categories: dict[str, tuple[str, ...]]

    @property
    def features(self) -> tuple[str, ...]:
        """What a row must hold to be encoded, in this order."""
        return (*self.numbers, *self.categories)

    def of_frame(self, flights: "pd.DataFrame") -> Matrix:
        """The matrix of a frame that has a column for each feature."""
        columns = [flights[name].to_numpy(dtype=np.float64) for name in self.numbers]
        for name, words in self.categories.items():
            values = flights[name].to_numpy(dtype=object)
            columns += [(values == word).astype(np.float64) for word in words]
        return np.column_stack(columns)

    def of_rows(self, rows: Sequence[Sequence[Any]]) -> Matrix:
        """The matrix of rows, each the values of `features`; None is missing."""
        return np.array([self._encoded(row) for row in rows], dtype=np.float64)

    def _encoded(self, row: Sequence[Any]) -> list[float]:
        count = len(self.numbers)
        cells = [math.nan if value is None else value for value in row[:count]]
        for value, words in zip(row[count:], self.categories.values(), strict=True):
            cells += [1.0 if value == word else 0.0 for word in words]
        return cells


@dataclass(frozen=True)
class Model:
    """One version of a model that says how probable it is that a flight arrives late."""

    name: str
    version: str
    encoder: Encoder
    estimator: Any

    def probabilities(self, matrix: Matrix) -> list[float]:
        """The probability of being late of each row of an encoded matrix."""
        found: list[float] = self.estimator.predict_proba(matrix)[:, 1].tolist()
        return found

    def save(self, path: Path) -> None:
        """Write the model to a file."""
        joblib.dump(self, path)


def load(path: Path) -> Model:
    """Read a model that `Model.save` wrote.

    A pickle can do anything when it is read: this is for files that the demo wrote itself a moment ago, and no others.

    Raises:
        TypeError: the file holds something else.
    """
    model = joblib.load(path)
    if not isinstance(model, Model):
        raise TypeError(f"{path} holds no model of the demo; train one with 'python -m demo.training'")
    return model


def encoder_of(flights: "pd.DataFrame", numbers: Iterable[str], categories: Iterable[str]) -> Encoder:
    """The encoder that knows the categories of these flights."""
    return Encoder(tuple(numbers), {name: tuple(sorted(flights[name].dropna().unique())) for name in categories})

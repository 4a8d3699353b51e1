"""How well a change of scale explains what was served: each of many lines (y = factor * x + offset) against "nothing changed".

Each distinct value that came is asked once: does it look more like a value of the reference, or like one that went along the line? What a value is
answers in its digits (`hyperplan.skew.exact`) and in the cell that it falls into (`hyperplan.skew.cells`). Its rows are not
counted, since those of one hour repeat each other; and cells count for less, since they move by themselves.

Perhaps only one of several feeds changed. So a line explains a *share* of the values, the one that fits best: the likelihood is
that of a mixture, and the evidence its logarithm over that of the reference alone. No value can tip the balance by
itself: what each says is bounded.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hyperplan.profile import Numbers
from hyperplan.schema import Float, Int
from hyperplan.skew.case import Case
from hyperplan.skew.cells import SAME, Cells
from hyperplan.skew.exact import CELL, NOISE, ExactValues, Step
from hyperplan.skew.units import Line, alternatives, unit

Floats = NDArray[np.float64]

LOUDEST = 12.0
"""What one value may say for or against a line, in nats."""
CLEAR = 3.0
"""A value that says as much is a supporter."""
ROUNDED, CONVERTED = 8.0, 12.0
"""Nats that it costs to say that numbers were rounded to just the step that they have; and that they were converted and rounded at once."""
TELLS = 0.1
"""A value that says less says nothing of which line it went along."""
CELLS_COUNT = 0.5
"""What the cell of a value counts for, where its digits count for 1."""
LARGEST = 60.0
"""The same, where lines are compared with each other."""
SHARES = (0.05, 0.15, 0.3, 0.5, 0.7, 0.9, 0.999)
"""Shares of the values that a line may explain."""
SINGLE = 1e-7
"""Relative error of a number of single precision."""
_EPSILON = 8e-15


class Explained(NamedTuple):
    """What each of some lines explains; arrays with an item for each line.

    `evidence` is the log of the likelihood ratio against "nothing changed", `digits` the part of it that digits alone give,
    `whole` that part if all values went along the line, `supporters` how many distinct values say so clearly, and `met` the share of the reference that holds the values they came from. `fit` is the
    evidence with hardly a bound on what one value may say, by which lines are compared with each other.
    """

    evidence: Floats
    digits: Floats
    whole: Floats
    fit: Floats
    supporters: NDArray[np.int64]
    met: Floats


class _Said(NamedTuple):
    """What each value says for each line, in nats; and the share that the reference has of the value that it came from."""

    digits: Floats
    cells: Floats
    met: Floats


class Expected:
    """What the reference of a feature makes one expect; `natives` are the lines to other units that it may have been in."""

    def __init__(self, reference: Numbers, natives: Sequence[Line] = ()) -> None:
        self.exact = ExactValues(reference, natives)
        self.cells = Cells(reference.sketch)

    def strangeness(self, serving: Numbers) -> float:
        """By how many nats the digits of what was served are unlike those of training."""
        values, _ = serving.sample.items()
        return self.exact.unlike(values[values != 0])

    def rounding(self, serving: Numbers) -> Step | None:
        """The step that what was served is rounded to, if training was finer."""
        return self.exact.rounding(serving.sample.items()[0])

    def stepped(self, lines: Sequence[Line], serving: Numbers) -> Floats:
        """The evidence, in nats, that numbers went along each line and were rounded then, to the step that they have, against "nothing changed".

        Below zero if training's own digits do as well.
        """
        values = serving.sample.items()[0]
        values = values[values != 0]
        step = self.exact.step_of(values)
        if step is None:
            return np.full(len(lines), -np.inf)
        factors = np.array([[abs(line.factor)] for line in lines])
        back = np.abs((values - np.array([[line.offset] for line in lines])) / factors)
        chances = np.minimum(np.log(step / factors / (CELL * np.maximum(back, step / factors))), 0.0)
        told = np.clip(chances - self.exact.log_chances(values), -LOUDEST, LOUDEST)
        found: Floats = told.sum(axis=1) - np.array([ROUNDED if line == SAME else CONVERTED for line in lines])
        return found

    def refining(self, serving: Numbers) -> Step | None:
        """The step of what was served, if it is finer than training ever was."""
        return self.exact.refining(serving.sample.items()[0])

    def explained(self, lines: Sequence[Line], serving: Numbers) -> Explained:
        """What each line explains of what was served."""
        values, _ = serving.sample.items()
        if all(line.offset == 0 for line in lines):
            values = values[values != 0]  # which no factor changes
        said = self._said(lines, values)
        both = said.digits + said.cells
        fit, _ = _best(both)
        evidence, _ = _best(np.clip(both, -LOUDEST, LOUDEST))
        digits, _ = _best(np.clip(said.digits, -LOUDEST, LOUDEST))
        clear = both > CLEAR
        whole = np.clip(said.digits, -LOUDEST, LOUDEST).sum(axis=1)
        return Explained(evidence, digits, whole, fit, clear.sum(axis=1), (said.met * clear).sum(axis=1))

    def rows(self, line: Line, serving: Numbers) -> tuple[int, int]:
        """How many rows went along a line and how many did not, of those that the sample keeps and whose value tells."""
        values, counts = serving.sample.items()
        digits = self._said([line], values).digits[0]
        return int(counts[digits > TELLS].sum()), int(counts[digits < -TELLS].sum())

    def says(self, line: Line, serving: Numbers) -> bool | None:
        """Whether numbers went along a line, at least some of them; None if they tell nothing."""
        values, _ = serving.sample.items()
        digits = self._said([line], values).digits[0]
        if (digits > CLEAR).any():
            return True
        return False if (digits < -CLEAR).any() else None

    def _said(self, lines: Sequence[Line], values: Floats) -> _Said:
        relative = _precision(values)
        factors = np.array([[line.factor] for line in lines])
        offsets = np.array([[line.offset] for line in lines])
        back = (values - offsets) / factors
        size = (np.abs(values) + np.abs(offsets)) / np.abs(factors)
        noise = np.where(offsets == 0, 0.0, size * (relative if relative > NOISE else _EPSILON))
        digits = self.exact.log_chances(back, relative, noise) - self.exact.log_chances(values)
        cells = CELLS_COUNT * (self.cells.log_chances(back) - self.cells.log_chances(values))
        return _Said(digits, cells, self.exact.met(back, relative, noise))


def expected_of(case: Case, name: str) -> Expected | None:
    """What the training of a feature makes one expect; None for one that is no number, or never was one in training."""
    return case.once(("expected", name), lambda: _expected(case, name))


def _expected(case: Case, name: str) -> Expected | None:
    feature, trained = case.schema.features[name], case.training.features.get(name)
    if not isinstance(feature, Float | Int) or trained is None or trained.numbers is None:
        return None
    declared = unit(feature.unit) if feature.unit else None
    natives = [declared.to(other) for other in alternatives(declared)] if declared else []
    return Expected(trained.numbers, natives)


def _best(gains: Floats) -> tuple[Floats, NDArray[np.int64]]:
    """The log likelihood ratio of the best mixture for each row of gains, and the position of its share."""
    ratios = np.exp(np.clip(gains, -LARGEST, LARGEST)) - 1
    mixed = np.stack([np.log1p(share * ratios).sum(axis=1) for share in SHARES])
    at = mixed.argmax(axis=0)
    found: Floats = np.maximum(mixed.max(axis=0), 0.0)
    return found, at


def _precision(values: Floats) -> float:
    """The relative error of numbers: that of single precision if single precision holds them all."""
    rough = values[values % 1 != 0]
    if rough.size and (rough.astype(np.float32) == rough).all():
        return SINGLE
    return NOISE

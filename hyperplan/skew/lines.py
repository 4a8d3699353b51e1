"""How well a change of scale explains what was served: each of many lines (y = factor * x + offset) against "nothing changed".

Each distinct value that came is asked once: does it look more like a value of the reference, or like one that went along the line? What a value is
answers in its digits (`hyperplan.skew.exact`) and in the cell that it falls into (`hyperplan.skew.cells`). Its rows are not
counted, since those of one hour repeat each other; and cells count for less, since they move by themselves.

Perhaps only one of several feeds changed. So a line explains a *share* of the values, the one that fits best: the likelihood is
that of a mixture, and the evidence its logarithm over that of the reference alone. No value can tip the balance by
itself: what each says is bounded.
"""

import functools
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hyperplan.profile import Numbers, Profile, QuantileSketch
from hyperplan.profile.sampled import SampledNumbers
from hyperplan.schema import Float, Int
from hyperplan.skew.case import Case
from hyperplan.skew.cells import SAME, Cells
from hyperplan.skew.exact import CELL, NOISE, ExactValues, Step, Written
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
    `supporters` how many distinct values say so clearly, and `met` the share of the reference that holds the values they came from. `fit` is the
    evidence with hardly a bound on what one value may say, by which lines are compared with each other.
    """

    evidence: Floats
    digits: Floats
    fit: Floats
    supporters: NDArray[np.int64]
    met: Floats


class _Said(NamedTuple):
    """What each value says by its digits for each line, in nats; the share that the reference has of the value that it came from; and that value."""

    digits: Floats
    met: Floats
    back: Floats

    def of(self, chosen: NDArray[Any]) -> "_Said":
        """The same of some of the lines."""
        return _Said(self.digits[chosen], self.met[chosen], self.back[chosen])


class Served:
    """Numbers that were served, as far as they are asked about, and what is known of them whatever the line."""

    def __init__(
        self, samples: Sequence[SampledNumbers], sketches: Sequence[QuantileSketch], exact: ExactValues, cells: Cells
    ) -> None:
        self._sketches, self._exact, self._cells = sketches, exact, cells
        self.values, self.counts = SampledNumbers.merged(samples).items()
        self.filled = self.values != 0
        self._said: dict[tuple[Line, ...], _Said] = {}

    @functools.cached_property
    def sketch(self) -> QuantileSketch:
        """Where all of them lie."""
        return QuantileSketch.merged(self._sketches)

    @functools.cached_property
    def written(self) -> Written:
        """Their last digits."""
        return Written.of(self.values)

    @functools.cached_property
    def chances(self) -> Floats:
        """The log probability of each value's digits if nothing changed."""
        return self._exact.log_chances(self.values)

    @functools.cached_property
    def places(self) -> Floats:
        """The log probability of each value's cell if nothing changed."""
        return self._cells.log_chances(self.values)

    def said(self, lines: Sequence[Line]) -> _Said:
        """What values say for lines, by their digits."""
        key = tuple(lines)
        if key not in self._said:
            self._said[key] = self._saying(lines)
        return self._said[key]

    def told(self, lines: Sequence[Line]) -> NDArray[np.bool_]:
        """The values that lines change: no factor changes zero."""
        return self.filled if all(line.offset == 0 for line in lines) else np.ones(self.values.size, np.bool_)

    def _saying(self, lines: Sequence[Line]) -> _Said:
        chosen = self.told(lines)
        values = self.values[chosen]
        relative = _precision(values)
        factors = np.array([[line.factor] for line in lines])
        offsets = np.array([[line.offset] for line in lines])
        back = (values - offsets) / factors
        noise: Floats | float = 0.0
        if offsets.any():
            size = (np.abs(values) + np.abs(offsets)) / np.abs(factors)
            noise = np.where(offsets == 0, 0.0, size * (relative if relative > NOISE else _EPSILON))
        chances, met = self._exact.told(back, relative, noise)
        return _Said(chances - self.chances[chosen], met, back)


class Expected:
    """What the reference of a feature makes one expect; `natives` are the lines to other units that it may have been in."""

    def __init__(self, reference: Numbers, natives: Sequence[Line] = ()) -> None:
        self.exact = ExactValues(reference, natives)
        self.cells = Cells(reference.sketch)

    def served(self, parts: Sequence[Numbers], samples: Sequence[SampledNumbers] = ()) -> Served:
        """Numbers that were served, to ask about; with their samples, if these are at hand."""
        samples = samples or [part.sample for part in parts]
        return Served(samples, [part.sketch for part in parts], self.exact, self.cells)

    def strangeness(self, served: Served) -> float:
        """By how many nats the digits of what was served are unlike those of training."""
        return self.exact.unlike(served.written)

    def rounding(self, served: Served) -> Step | None:
        """The step that what was served is rounded to, if training was finer."""
        return self.exact.rounding(served.written)

    def stepped(self, lines: Sequence[Line], served: Served) -> Floats:
        """The evidence, in nats, that numbers went along each line and were rounded then, to the step that they have, against "nothing changed".

        Below zero if training's own digits do as well.
        """
        values = served.values[served.filled]
        step = self.exact.step_of(served.written)
        if step is None:
            return np.full(len(lines), -np.inf)
        factors = np.array([[abs(line.factor)] for line in lines])
        back = np.abs((values - np.array([[line.offset] for line in lines])) / factors)
        chances = np.minimum(np.log(step / factors / (CELL * np.maximum(back, step / factors))), 0.0)
        told = _bounded(chances - served.chances[served.filled])
        found: Floats = told.sum(axis=1) - np.array([ROUNDED if line == SAME else CONVERTED for line in lines])
        return found

    def refining(self, served: Served) -> Step | None:
        """The step of what was served, if it is finer than training ever was."""
        return self.exact.refining(served.written)

    def possible(self, lines: Sequence[Line], served: Served, least: float, met: float) -> NDArray[np.int64]:
        """The positions of the lines that digits may speak for with so many nats, or that lead back to values of so large a share of the reference.

        Nearly always there is none; to say what a line explains takes ten times as long as to say that it cannot explain enough.
        """
        said = served.said(lines)
        most = np.minimum(np.maximum(said.digits, 0.0), LOUDEST).sum(axis=1)
        return np.flatnonzero((most >= least) | (said.met.sum(axis=1) >= met))

    def explained(self, lines: Sequence[Line], served: Served, chosen: NDArray[np.int64]) -> Explained:
        """What each of the chosen lines explains of what was served."""
        said = served.said(lines).of(chosen)
        own = served.places[served.told(lines)]
        both = said.digits + CELLS_COUNT * (self.cells.log_chances(said.back) - own)
        fit, _ = _best(both)
        evidence, _ = _best(_bounded(both))
        digits, _ = _best(_bounded(said.digits))
        clear = both > CLEAR
        return Explained(evidence, digits, fit, clear.sum(axis=1), (said.met * clear).sum(axis=1))

    def whole(self, lines: Sequence[Line], served: Served) -> Floats:
        """What the digits of all values together say for each line, in nats: that all of them went along it."""
        found: Floats = _bounded(served.said(lines).digits).sum(axis=1)
        return found

    def rows(self, line: Line, served: Served) -> tuple[int, int]:
        """How many rows went along a line and how many did not, of those that the sample keeps and whose value tells."""
        counts, digits = served.counts[served.told([line])], served.said([line]).digits[0]
        return int(counts[digits > TELLS].sum()), int(counts[digits < -TELLS].sum())

    def says(self, line: Line, served: Served) -> bool | None:
        """Whether numbers went along a line, at least some of them; None if they tell nothing."""
        digits = served.said([line]).digits[0]
        if (digits > CLEAR).any():
            return True
        return False if (digits < -CLEAR).any() else None


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


def served_lately(case: Case, name: str, rows: int) -> Served | None:
    """The numbers of a feature in the newest rows, for all detectors that ask about so many; None where there are none or it is no number."""
    return case.once_shown(("served", name, rows), lambda: _served_lately(case, name, rows))


def _served_lately(case: Case, name: str, rows: int) -> Served | None:
    expected = expected_of(case, name)
    if expected is None:
        return None
    looks = [look for look in case.recent(rows) if _numbers(look.profile, name)]
    samples = [
        case.once_of(look, ("sample", name), lambda profile: _numbers(profile, name)[0].sample) for look in looks
    ]
    parts = [part for look in looks for part in _numbers(look.profile, name)]
    return expected.served(parts, samples) if parts else None


def _numbers(profile: Profile, name: str) -> list[Numbers]:
    """The numbers of a feature, if it has any."""
    found = profile.features.get(name)
    return [found.numbers] if found and found.numbers else []


def _bounded(gains: Floats) -> Floats:
    return np.minimum(np.maximum(gains, -LOUDEST), LOUDEST)


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

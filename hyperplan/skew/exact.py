"""What exact values tell about a change of scale: the first of three witnesses.

Nearly all that people measure is written in few digits: minutes are integers, temperatures have tenths. A feature whose numbers were
multiplied by 1.609344 has sixteen digits in place of three, and dividing by it gives the three back, which chance does not do.
Where few digits stay few digits (minutes to seconds), all that comes is multiples of 60, and the values that training
had seen are met again after the division. No season and no busy day makes data look like this, so this witness needs no
model of how the feature moves.

`ExactValues` is what is known of the values of the reference. It gives the probability of a value *given the cell of the sketch that it lies in*,
so what it says is free of where the values lie; that is the second witness's business (`hyperplan.skew.cells`). A value
that training saw has its share of the cell. Any other is a number of some last digit, as often as training has
had that one, and as likely as every other such number in the cell. In the terms of Rissanen ("Modeling by shortest data
description", 1978): the scale is right by which the data is described in the fewest digits.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hyperplan.profile import Numbers
from hyperplan.profile.quantiles import keys_of
from hyperplan.skew.units import Line

Floats = NDArray[np.float64]

MOST_DIGITS = 10
"""Significant digits of a number that somebody wrote down. What needs more was computed, and has no last digit."""
LAST = 98
"""The highest exponent of a last digit; larger numbers count as having theirs there."""
ROUGH = 99
"""Stands for the place of the last digit of a number that has none; other places are exponents of ten."""
PLACES = 20
"""Places of the last digit that are thought possible."""
SMOOTHING = 0.1
"""Values added to every place of the last digit: few, since most places never have it."""
NOISE = 2e-14
"""Relative error of a double that was multiplied and divided."""
FEWEST = 8
"""Distinct numbers from which on their common step means something."""
TELLING = 1e-2
"""A digit tells something as long as the errors are below this share of it."""
SAME = 1e-9
"""Relative difference of two numbers that are taken for the same value."""
PLAINER = 20.0
"""Nats by which digits in another unit must be plainer to be taken for the original ones."""
CELL = 0.02
"""Width of a cell of the sketch, relative to the numbers in it."""
_FIRST = 100
"""What is added to a place to count it in an array."""
_TENS = np.power(10.0, np.arange(-_FIRST, LAST + 2))
_DIGITS = np.arange(MOST_DIGITS)


def last_places(numbers: Floats, relative: float = NOISE, absolute: Floats | float = 0.0) -> NDArray[np.int64]:
    """The exponent of ten of the last digit of each number, of those that are not zero; `ROUGH` where it has no last digit.

    `relative` and `absolute` are the errors that each number may have.

    >>> last_places(np.array([59.0, 120.0, 0.25, 1 / 3])).tolist()
    [0, 1, -2, 99]
    """
    size = np.abs(numbers)
    highest = np.floor(np.log10(size, out=np.zeros(size.shape), where=size > 0) + 1e-12).astype(np.int64)
    highest = np.minimum(np.maximum(highest, MOST_DIGITS - _FIRST), LAST)
    # Along a first axis, as if its last digit were the first one, the second, ...
    exponents = highest - _DIGITS.reshape(-1, *[1] * numbers.ndim)
    units = size / _TENS[exponents + _FIRST]
    wrong = (size * relative + absolute) / _TENS[exponents + _FIRST]
    off = np.abs(units - np.rint(units))
    whole = (off <= wrong) & (wrong < TELLING)
    return np.where(whole.any(axis=0), highest - whole.argmax(axis=0), ROUGH)


class Written(NamedTuple):
    """Numbers that are not zero, and the place of the last digit of each."""

    numbers: Floats
    places: NDArray[np.int64]

    @staticmethod
    def of(numbers: Floats) -> "Written":
        """Those of the numbers that are not zero."""
        numbers = numbers[numbers != 0]
        return Written(numbers, last_places(numbers))


class Step(NamedTuple):
    """The step of which numbers are multiples, None if of none; and how many nats say that those of training were otherwise."""

    size: float | None
    evidence: float


class ExactValues:
    """What the reference says about exact values.

    Some features were converted before anybody trained on them: 39.02 degrees Fahrenheit were 3.9 degrees Celsius. Of the `natives`, the lines
    to other units, that one is taken by which the reference has the plainest digits, if any is much plainer than none.
    """

    def __init__(self, reference: Numbers, natives: Sequence[Line] = ()) -> None:
        self._known, self._counts = reference.sample.items()
        self._keys, self._cells = reference.sketch.cells()
        self._rows = max(reference.moments.count, 1)
        # If all values are known, a new one comes as often as one came that came only once (Good, 1953); else any may be new to us.
        once = int((self._counts == 1).sum())
        self._new = max(once / self._rows, 1e-3) if reference.sample.complete else 1.0
        at = np.minimum(np.searchsorted(self._keys, keys_of(self._known)), max(self._keys.size - 1, 0))
        # A known number has its share of the rows, and of those of its cell.
        self._shares = np.append(self._counts / self._rows, 0.0)
        self._shares_of_cells = np.append(self._counts / np.maximum(self._cells[at], self._counts), 0.0)
        self._written = Written.of(self._known)
        self._finest = fineness(self._written.places).min(initial=ROUGH)
        self._digits = _plainest(self._written.numbers, natives)

    def log_chances(self, numbers: Floats, relative: float = NOISE, absolute: Floats | float = 0.0) -> Floats:
        """The logarithm of the probability of each number, given the cell that it lies in; both errors as in `last_places`."""
        return self.told(numbers, relative, absolute)[0]

    def told(self, numbers: Floats, relative: float = NOISE, absolute: Floats | float = 0.0) -> tuple[Floats, Floats]:
        """The same, and the share of the rows of the reference that hold each number; 0 for those that are not known."""
        near = np.where(np.abs(numbers) <= absolute, 0.0, numbers)
        digits = self._new * self._digits.chances(near, relative, absolute)
        same, nearest = self._seen(near, relative, absolute)
        chance = np.maximum(digits, np.where(same, self._shares_of_cells[nearest], 0.0))
        met = np.where(same, self._shares[nearest], 0.0)
        found: Floats = np.log(np.where(near == 0, 1.0, chance))
        return found, met

    def unlike(self, written: Written) -> float:
        """By how many nats the last digits of numbers are better described without the reference than by it."""
        return self._digits.unlike(written) if written.numbers.size else 0.0

    @property
    def step(self) -> float:
        """What most values of training are multiples of, while they are of nothing much coarser."""
        places = self._written.places[self._written.places != ROUGH]
        return float(10.0 ** np.quantile(places, 0.1, method="lower")) if places.size else 10.0**-MOST_DIGITS

    def step_of(self, written: Written) -> float | None:
        """The power of ten that numbers are multiples of, all but a few; None if they have no last digits."""
        places = written.places
        if not places.size or (places == ROUGH).mean() > 0.1:
            return None
        return float(10.0 ** np.quantile(places[places != ROUGH], 0.05, method="lower"))

    def rounding(self, written: Written) -> Step | None:
        """The coarsest step that all numbers are multiples of, if training was finer."""
        (numbers, places), known = written, self._written.numbers
        if numbers.size < FEWEST or places.max() == ROUGH:
            return None
        size = np.abs(numbers)
        alike = known[(np.abs(known) >= size.min()) & (np.abs(known) <= size.max())]
        known = alike if alike.size >= FEWEST else known
        if known.size < FEWEST:
            return None
        steps = [factor * 10.0 ** int(places.min()) for factor in (1, 5)]
        for step in reversed(steps):
            if (_remainders(numbers, step) < TELLING).all():
                share = ((_remainders(known, step) < TELLING).sum() + SMOOTHING) / (known.size + 2 * SMOOTHING)
                return Step(step, float(-numbers.size * np.log(share)))
        return None

    def refining(self, written: Written) -> Step | None:
        """The step of numbers of which at least half are finer than any of training; None if they are not, or training has no step."""
        places, known = written.places, self._written.places.size
        if min(places.size, known) < FEWEST or not self.mostly_finer(written):
            return None
        finer = int((fineness(places) < self._finest).sum())
        share = SMOOTHING / (known + 2 * SMOOTHING)
        size = None if (places == ROUGH).mean() > 0.1 else float(10.0 ** places.min())
        return Step(size, float(-finer * np.log(share)))

    def all_multiples(self, numbers: Floats, step: float) -> bool | None:
        """Whether numbers are all multiples of a step; None if there is none that is not zero."""
        numbers = numbers[numbers != 0]
        return bool((_remainders(numbers, step) < TELLING).all()) if numbers.size else None

    def mostly_finer(self, written: Written) -> bool | None:
        """Whether at least half of the numbers are finer than any of training; None if there are none that are not zero."""
        if not written.places.size or not self._written.places.size:
            return None
        return bool((fineness(written.places) < self._finest).mean() >= 0.5)

    def _seen(
        self, numbers: Floats, relative: float, absolute: Floats | float
    ) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
        """Whether each number is known, and which of the known ones is the nearest."""
        if not self._known.size:
            return np.zeros(numbers.shape, np.bool_), np.zeros(numbers.shape, np.int64)
        after = np.minimum(np.searchsorted(self._known, numbers), self._known.size - 1)
        before = np.maximum(after - 1, 0)
        nearer = np.abs(self._known[before] - numbers) < np.abs(self._known[after] - numbers)
        nearest = np.where(nearer, before, after)
        same = np.abs(self._known[nearest] - numbers) <= np.abs(numbers) * max(relative, SAME) + absolute
        return same, nearest


def fineness(places: NDArray[np.int64]) -> NDArray[np.int64]:
    """Places in the order of how fine they are; numbers without a last digit are the finest."""
    return np.where(places == ROUGH, -ROUGH, places)


def _remainders(numbers: Floats, step: float) -> Floats:
    """How far numbers are from multiples of a step, in steps."""
    found: Floats = np.abs(numbers / step - np.rint(numbers / step))
    return found


class _Digits:
    """How often the last digit stands where, in numbers that went along a line."""

    def __init__(self, numbers: Floats, line: Line) -> None:
        self.line = line
        self.counts = np.bincount(self._places(numbers, NOISE, 0.0) + _FIRST, minlength=ROUGH + _FIRST + 1)
        self._shares = (self.counts + SMOOTHING) / (self.counts.sum() + SMOOTHING * PLACES)

    def chances(self, numbers: Floats, relative: float, absolute: Floats | float) -> Floats:
        """The probability of each number that is not zero, given its cell."""
        places = self._places(numbers, relative, absolute)
        size = np.abs(numbers) * abs(self.line.factor)
        size[size == 0] = 1.0
        rough = places == ROUGH
        finest = _TENS[np.where(rough, 0, places) + _FIRST]
        if rough.any():
            finest[rough] = np.power(10.0, np.floor(np.log10(size[rough])) - MOST_DIGITS)
        found: Floats = self._shares[places + _FIRST] / np.maximum(0.9 * CELL * size / finest, 1.0)
        return found

    def unlike(self, written: Written) -> float:
        """By how many nats the last digits of numbers, all together, are better described without the reference than by it."""
        places = written.places if self.line == Line(1.0) else self._places(written.numbers, NOISE, 0.0)
        counts = np.bincount(places + _FIRST, minlength=self.counts.size)
        filled = counts > 0
        own = counts[filled] / counts.sum()
        return float(np.sum(counts[filled] * np.log(own / self._shares[filled])))

    def _places(self, numbers: Floats, relative: float, absolute: Floats | float) -> NDArray[np.int64]:
        if self.line == Line(1.0):
            return last_places(numbers, relative, absolute)
        factor, offset = abs(self.line.factor), abs(self.line.offset)
        native = numbers * self.line.factor + self.line.offset
        error = factor * (np.abs(numbers) * relative + absolute) + offset * NOISE
        native = np.where(np.abs(native) <= error, 0.0, native)
        return np.where(native == 0, 0, last_places(native, relative, error))


def _plainest(numbers: Floats, natives: Sequence[Line]) -> _Digits:
    plain = _Digits(numbers, Line(1.0))
    best, most = plain, float(np.log(plain.chances(numbers, NOISE, 0.0)).sum()) + PLAINER
    for line in natives:
        digits = _Digits(numbers, line)
        told = float(np.log(digits.chances(numbers, NOISE, 0.0)).sum())
        if told > most:
            best, most = digits, told
    return best

"""What is different about a feature, in the few numbers that a sentence has room for.

Of numbers the median and the middle 80 %, since quantiles are what a sketch knows best, or mean and deviation where it knows too little; of categories the value whose share changed
most. The unseen are no value, so what all values without a bin of their own have in common is said as "other values".
"""

import math
from typing import Any, NamedTuple

import numpy as np

from hyperplan.profile import FeatureProfile
from hyperplan.skew.bins import numbers_of
from hyperplan.skew.evidence import shares_of
from hyperplan.skew.movement import Floats
from hyperplan.skew.tally import Tally
from hyperplan.skew.view import Curve
from hyperplan.skew.words import number, percent

QUANTILES = (0.1, 0.5, 0.9)


class Quantiles(NamedTuple):
    """Tenth, median and ninth decile, of what is compared with and now."""

    reference: tuple[float, ...]
    now: tuple[float, ...]

    def words(self, unit: str | None, whose: str) -> str:
        (low, middle, high), (was_low, was_middle, was_high) = self.now, self.reference
        return (
            f"its median is {_measured(middle, unit)} where it was {_measured(was_middle, unit)} {whose}, and the middle 80 % lie between "
            f"{_measured(low)} and {_measured(high, unit)} where they lay between {_measured(was_low)} and {_measured(was_high, unit)}"
        )

    def details(self) -> dict[str, Any]:
        """For a machine."""
        return {"quantiles": list(QUANTILES), "reference": list(self.reference), "serving": list(self.now)}


class Curves(NamedTuple):
    """Mean and deviation, of what is compared with and now, for numbers that quantiles of a sketch would say to be all the same."""

    reference: tuple[float, float]
    now: tuple[float, float]

    def words(self, unit: str | None, whose: str) -> str:
        (mean, deviation), (was_mean, was_deviation) = self.now, self.reference
        digits = max(4, math.ceil(math.log10(abs(was_mean) / was_deviation)) + 3) if was_mean and was_deviation else 4
        unit = f" {unit}" if unit else ""
        return (
            f"its mean is {mean:.{digits}g}{unit} where it was {was_mean:.{digits}g}{unit} {whose}, and its standard deviation is "
            f"{deviation:.3g}{unit} where it was {was_deviation:.3g}{unit}"
        )

    def details(self) -> dict[str, Any]:
        """For a machine."""
        return {
            "mean": {"reference": self.reference[0], "serving": self.now[0]},
            "deviation": {"reference": self.reference[1], "serving": self.now[1]},
        }


class Value(NamedTuple):
    """The value whose share changed most; None stands for all that are rare."""

    value: str | None
    reference: float
    now: float

    def words(self, unit: str | None, whose: str) -> str:  # noqa: ARG002 - as for numbers
        called = "values that are rare or new make" if self.value is None else f"{self.value!r} makes"
        return f"{called} up {percent(self.now)} where it was {percent(self.reference)} {whose}"

    def details(self) -> dict[str, Any]:
        """For a machine."""
        return {"value": self.value, "reference": self.reference, "serving": self.now}


def contrast(
    reference: FeatureProfile, now: FeatureProfile, counted: Floats, counted_now: Floats, tally: Tally
) -> Quantiles | Curves | Value:
    """What is different now. Numbers are told by their profiles, values with bins by their counts in them."""
    if isinstance(tally.view, Curve):
        return Curves(_curve(reference), _curve(now))
    if not tally.texts:
        return Quantiles(_quantiles(reference), _quantiles(now))
    was, shares = counted / counted.sum(), counted_now / counted_now.sum()
    # What a change of a share means depends on how large it was: by its part in the PSI.
    most = int(np.argmax((shares - was) * np.log(shares_of(counted_now) / shares_of(counted))))
    return Value(tally.texts[most] if most < len(tally.texts) else None, float(was[most]), float(shares[most]))


def _curve(profile: FeatureProfile) -> tuple[float, float]:
    moments = numbers_of(profile).moments
    return moments.mean, moments.deviation() or 0.0


def _quantiles(profile: FeatureProfile) -> tuple[float, ...]:
    return tuple(numbers_of(profile).sketch.quantiles(QUANTILES))


def _measured(value: float, unit: str | None = None) -> str:
    """A quantile, as well as a sketch knows it: to three digits."""
    text = number(float(f"{value:.3g}"))
    return f"{text} {unit}" if unit else text

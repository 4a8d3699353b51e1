"""What an effect is: a difference of means, or a ratio of them. Each says how to undo an effect, so that the arms are alike again.

An effect is undone by an affine change of the outcomes of the treated, `factor * value + shift`. Whether it is the true one is then
the question whether the arms have the same mean. The first is for anything that is a number, the second for outcomes that are not below zero
(rates, amounts, counts), where "5 % more" means something and "0.001 more" does not.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class Difference(NamedTuple):
    """The mean of the treated minus that of the control arm. `minimum` is the smallest that matters, above 0."""

    minimum: float

    def at(self, multiples: Floats) -> Floats:
        """Effects that are such multiples of the minimum."""
        return np.asarray(self.minimum * multiples)

    def undoing(self, effects: Floats) -> tuple[Floats, Floats]:
        """Factor and shift that undo effects at the treated."""
        return np.ones_like(effects), -effects

    def gap(self, multiples: Floats, level: Floats, _share: float) -> Floats:
        """How far apart the means of the arms are, given the mean of all units, of which a share is treated."""
        return np.broadcast_to(self.at(multiples), np.broadcast_shapes(level.shape, multiples.shape))

    def between(self, treated: float, control: float) -> float:
        """The effect between two means."""
        return treated - control


class Ratio(NamedTuple):
    """The mean of the treated divided by that of the control arm, minus 1. `minimum` is the smallest increase that matters, above 0.

    Multiples are powers: twice the minimum of 10 % are 21 %, and minus once it is 1 / 1.1.
    """

    minimum: float

    def at(self, multiples: Floats) -> Floats:
        """Effects that are such multiples of the minimum."""
        return np.asarray((1 + self.minimum) ** multiples - 1)

    def undoing(self, effects: Floats) -> tuple[Floats, Floats]:
        """Factor and shift that undo effects at the treated."""
        return 1 / (1 + effects), np.zeros_like(effects)

    def gap(self, multiples: Floats, level: Floats, share: float) -> Floats:
        """How far apart the means of the arms are, given the mean of all units, of which a share is treated."""
        more = self.at(multiples)
        return np.asarray(np.abs(level) * more / (1 + share * more))

    def between(self, treated: float, control: float) -> float:
        """The effect between two means; NaN if that of the control arm is 0."""
        return treated / control - 1 if control else float("nan")


Effect = Difference | Ratio

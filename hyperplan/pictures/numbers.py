"""Two distributions of numbers over shared bins: training as a grey surface, serving as a coloured one with an outline before it.

The counts of the sketch's cells are spread evenly over each cell (2 % of its value wide), so bins may lie anywhere. The axis leaves out the outermost five in a
thousand of each side. Heights are shares of the side's own numbers, so that a busy hour and a year of training compare.
"""

from typing import NamedTuple

import numpy as np

from hyperplan.pictures.scale import LARGEST, Floats, Scale, round_steps, scale_for
from hyperplan.pictures.svg import element, number, percent, text
from hyperplan.profile import Numbers
from hyperplan.profile.quantiles import ACCURACY, values_of

OUTER = 0.005
"""The share of each side that may lie beyond either end of the axis."""


class Frame(NamedTuple):
    """Where to draw, in user units."""

    left: float
    top: float
    right: float
    bottom: float

    def x(self, place: float) -> float:
        """Of a place from 0 to 1 on the axis."""
        return self.left + place * (self.right - self.left)

    def y(self, height: float) -> float:
        """Of a height from 0 to 1."""
        return self.bottom - height * (self.bottom - self.top)


def draw(training: Numbers, serving: Numbers, unit: str | None, frame: Frame) -> str:
    """The distributions of both, with axes; one of them may be empty, not both."""
    scale = _scale([side for side in (training, serving) if side.moments.count])
    edges = scale.edges()
    shares = [_shares(training, edges), _shares(serving, edges)]
    highest = max(float(side.max()) for side in shares) or 1.0
    drawn = [_axes(scale, highest, unit, frame)]
    for name, side in zip(("training", "serving"), shares, strict=True):
        if side.any():
            drawn.append(_steps(name, edges, side / highest, scale, frame))
    return "".join(drawn)


def described(numbers: Numbers) -> str:
    """Where most numbers lie, in words."""
    if not numbers.moments.count:
        return "no numbers"
    low, middle, high = numbers.sketch.quantiles([0.05, 0.5, 0.95])
    return f"median {number(middle)}, 90 % from {number(low)} to {number(high)}"


def _scale(sides: list[Numbers]) -> Scale:
    ranges = [_range(side) for side in sides]
    # The sketch is exact to 1 %: the extremes are known better.
    smallest, largest = min(side.moments.smallest for side in sides), max(side.moments.largest for side in sides)
    low = min(max(min(low for low, _ in ranges), smallest), largest)
    high = max(min(max(high for _, high in ranges), largest), low)
    return scale_for(low, high, _magnitudes(sides), whole=all(map(_is_whole, sides)))


def _range(numbers: Numbers) -> tuple[float, float]:
    """From where to where an axis shows them; of so few that an outermost one is no outlier, all."""
    if numbers.moments.count * OUTER < 1:
        return numbers.moments.smallest, numbers.moments.largest
    low, high = numbers.sketch.quantiles([OUTER, 1 - OUTER])
    return low, high


def _is_whole(numbers: Numbers) -> bool:
    """Whether (nearly) all numbers are whole."""
    return 0 < numbers.resolution.count <= numbers.resolution.ones * 1.001


def _magnitudes(sides: list[Numbers]) -> tuple[float, float]:
    """The tenth and the almost largest of a hundred magnitudes, both sides weighing alike; zeros have none."""
    values, weights = [], []
    for side in sides:
        keys, counts = side.sketch.cells()
        filled = keys != 0
        values.append(np.abs(values_of(keys[filled])))
        weights.append(counts[filled] / max(counts[filled].sum(), 1))
    sizes, shares = np.concatenate(values), np.concatenate(weights)
    if not sizes.size:
        return 0.0, 0.0
    order = np.argsort(sizes, kind="stable")
    below = np.cumsum(shares[order]) / shares.sum()
    small, large = (
        float(sizes[order][min(int(np.searchsorted(below, share)), sizes.size - 1)]) for share in (0.1, 0.98)
    )
    return small, large


def _shares(numbers: Numbers, edges: Floats) -> Floats:
    """The share of the numbers in each bin."""
    keys, counts = numbers.sketch.cells()
    if not keys.size:
        return np.zeros(edges.size - 1)
    middles = np.clip(values_of(keys), -LARGEST, LARGEST)
    near, far = np.abs(middles) / (1 + ACCURACY), np.abs(middles) / (1 - ACCURACY)
    low, high = np.where(middles < 0, -far, near), np.where(middles < 0, -near, far)
    low, high = np.clip((low, high), numbers.moments.smallest, numbers.moments.largest)
    if _is_whole(numbers):  # small ones stand for themselves, as wide as the gap to the next
        own = np.abs(middles) < 0.5 / ACCURACY
        low, high = np.where(own, np.rint(middles) - 0.5, low), np.where(own, np.rint(middles) + 0.5, high)
    high = np.maximum(high, np.nextafter(low, np.inf))
    below = np.concatenate(([0], np.cumsum(counts)))
    points = np.stack((low, high), axis=1).ravel()
    levels = np.stack((below[:-1], below[1:]), axis=1).ravel()
    shares: Floats = np.diff(np.interp(edges, points, levels)) / below[-1]
    return shares


def _steps(name: str, edges: Floats, heights: Floats, scale: Scale, frame: Frame) -> str:
    """The outline of a histogram, from the axis back to the axis."""
    places = [frame.x(scale.place(float(edge))) for edge in edges]
    path = [f"M{places[0]:.1f} {frame.bottom:.1f}"]
    path += [f"V{frame.y(float(height)):.1f}H{x:.1f}" for x, height in zip(places[1:], heights, strict=True)]
    path.append(f"V{frame.bottom:.1f}Z")
    return element("path", d="".join(path), class_=name)


def _axes(scale: Scale, highest: float, unit: str | None, frame: Frame) -> str:
    parts = []
    for share in round_steps(0.0, highest, 3)[1:]:
        y = frame.y(share / highest)
        parts.append(element("line", x1=frame.left, x2=frame.right, y1=y, y2=y, class_="line"))
        parts.append(element("text", text(percent(share)), x=frame.left - 6, y=y + 3.5, class_="quiet end"))
    parts.append(element("line", x1=frame.left, x2=frame.right, y1=frame.bottom, y2=frame.bottom, class_="floor"))
    ticks = scale.ticks()
    for value in ticks:
        x = frame.x(scale.place(value))
        parts.append(element("line", x1=x, x2=x, y1=frame.bottom, y2=frame.bottom + 4, class_="floor"))
        parts.append(element("text", text(number(value)), x=x, y=frame.bottom + 15, class_="quiet middle"))
    if unit:
        parts.append(element("text", text(unit), x=frame.left - 6, y=frame.bottom + 15, class_="quiet end"))
    return "".join(parts)

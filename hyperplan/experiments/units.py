"""From rows to randomisation units: each unit has one arm and one outcome, and is looked at once.

Rows of one entity are not independent, and all of them got the same arm: a test on rows takes ten visits of one user for ten users. So the rows
of a unit are folded into one value, and the unit counts when its *observation window* closes: `window` after its first row, and
`wait` more for labels to come in. Rows after the window, and labels after the wait, do not count, then or later. What has been counted never changes,
so looking again sees the same units in the same order and a few more. (A label that is revised after the wait counts as late: feedback keeps
the newest only.)

A unit belongs to the arm that was *chosen* for it first, whoever answered, and to the routing revision of that choice. Should a change of weights move it
to another arm within its window, its rows count for the first one (intention to treat): the effect looks smaller then, but nothing
is made up. Leaving those rows out would, since a ramp moves units in one direction only.

Requests that named their arm themselves, or that no arm was chosen for, were not randomised and are left out. Requests that have no entity were drawn one by
one, and are units of their own, with all of their rows.
A unit of which no row has an outcome is not counted: if that happens to one arm more than to the other, the sample ratio of the counted units shows it.
"""

from collections.abc import Sequence
from hashlib import blake2b
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hyperplan.outcomes import Outcomes

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

Fold = Literal["mean", "sum", "any", "first"]
"""What of the rows of a unit is its outcome: their mean, their sum, whether any is not 0 (as 0 or 1), or the first with an outcome."""


class Rows(NamedTuple):
    """Predictions and their outcomes, in any order, as arrays of one length. Times are in nanoseconds since 1970.

    `time` is that of the prediction, `known` that of its outcome. `entity` (the unit) and `arm` (the chosen one, -1 for none) are codes. `value` is the outcome, NaN where
    there is none. `forced`: the request named its arm. `inclusion`: the probability with which the row was sampled, which must not
    depend on the arm.
    """

    time: Ints
    known: Ints
    entity: Ints
    arm: Ints
    revision: Ints
    value: Floats
    forced: NDArray[np.bool_]
    inclusion: Floats

    def where(self, mask: NDArray[np.bool_]) -> "Rows":
        """The rows that a mask selects."""
        return Rows(
            self.time[mask],
            self.known[mask],
            self.entity[mask],
            self.arm[mask],
            self.revision[mask],
            self.value[mask],
            self.forced[mask],
            self.inclusion[mask],
        )


class Units(NamedTuple):
    """Randomisation units in the order in which their windows closed, as arrays of one length. `closed` is in nanoseconds since 1970."""

    entity: Ints
    arm: Ints
    revision: Ints
    closed: Ints
    value: Floats


def rows_of(
    outcomes: Outcomes, of: Literal["reward", "label"], unit: Literal["entity", "request"], arms: Sequence[str]
) -> Rows:
    """Labelled predictions as rows of units: of entities, and of requests where there is no entity or they are the units.

    The code of an arm is its place among `arms`; what others were chosen for has the code after the last. The code of a unit is a hash of its name, so
    that outcomes may be read in parts, in any order, and their rows put together (`joined`).
    """
    place = {arm: index for index, arm in enumerate(arms)}
    arm = np.array([place.get(name, len(place)) for name in outcomes.arm.names] + [-1], np.int64)[outcomes.arm.codes]
    entity = np.array([_hash("e", name) for name in outcomes.entity.names] + [0], np.int64)[outcomes.entity.codes]
    alone = np.flatnonzero(outcomes.entity.codes < 0) if unit == "entity" else np.arange(len(outcomes))
    entity[alone] = [_hash("r", name) for name in outcomes.prediction_id[alone].tolist()]
    return Rows(
        time=outcomes.time,
        known=outcomes.labelled_at,
        entity=entity,
        arm=arm,
        revision=outcomes.revision,
        value=outcomes.reward if of == "reward" else outcomes.label,
        forced=outcomes.forced,
        inclusion=outcomes.inclusion,
    )


def joined(parts: Sequence[Rows]) -> Rows:
    """The rows of several parts, one at least, as one."""
    return Rows(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))


def _hash(kind: str, name: str) -> int:
    """64 bits of a name: among a million units, two are taken for one once in forty million experiments."""
    return int.from_bytes(blake2b(f"{kind}{name}".encode(errors="surrogatepass"), digest_size=8).digest(), signed=True)


def fold(rows: Rows, how: Fold, window: int, wait: int, now: int) -> Units:
    """The units whose windows have closed by now. `window` and `wait` are in nanoseconds."""
    randomised = np.flatnonzero(~rows.forced & (rows.arm >= 0))
    order = randomised[np.lexsort((rows.time[randomised], rows.entity[randomised]))]
    time, entity, value = rows.time[order], rows.entity[order], rows.value[order]
    starts = np.ones(len(order), bool)
    starts[1:] = entity[1:] != entity[:-1]
    first, unit = np.flatnonzero(starts), np.cumsum(starts) - 1
    closing = time[first] + window + wait
    counts = (time < (time[first] + window)[unit]) & (rows.known[order] <= closing[unit]) & ~np.isnan(value)
    closed = np.bincount(unit[counts], minlength=len(first)).astype(bool) & (closing <= now)
    outcome = _folded(how, unit[counts], value[counts], 1 / rows.inclusion[order][counts], len(first))
    kept = np.flatnonzero(closed)
    kept = kept[np.lexsort((entity[first][kept], closing[kept]))]
    at = order[first[kept]]
    return Units(rows.entity[at], rows.arm[at], rows.revision[at], closing[kept], outcome[kept])


def _folded(how: Fold, unit: Ints, value: Floats, weight: Floats, units: int) -> Floats:
    """One value for each unit, of rows that are in order of units and time. Sums and means weigh each row by what it stands for."""
    outcome: Floats = np.zeros(units)
    if how == "any":
        np.maximum.at(outcome, unit, (value != 0).astype(np.float64))
    elif how == "first":
        outcome[unit[::-1]] = value[::-1]
    else:
        outcome += np.bincount(unit, weight * value, units)
        if how == "mean":
            outcome /= np.maximum(np.bincount(unit, weight, units), 1e-300)
    return outcome

"""Outcomes: predictions with the truth that came for them, as arrays of one length.

It is all that metrics, experiments, thresholds and evaluations of other policies read, wherever it comes from. Pure numpy: selecting is by
masks, and texts are codes into their names.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from hyperplan.endpoint import Task

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Codes = NDArray[np.int32]
Mask = NDArray[np.bool_]


class Coded(NamedTuple):
    """Texts: for each the index of its name, or -1 for none."""

    codes: Codes
    names: tuple[str, ...]

    @staticmethod
    def of(texts: Sequence[str | None]) -> "Coded":
        """Texts as codes, their names in alphabetical order."""
        names = sorted({text for text in texts if text is not None})
        known: dict[str | None, int] = {name: index for index, name in enumerate(names)}
        known[None] = -1
        return Coded(np.fromiter((known[text] for text in texts), np.int32, len(texts)), tuple(names))

    def texts(self) -> list[str | None]:
        """The texts themselves."""
        return [None if code < 0 else self.names[code] for code in self.codes.tolist()]

    def equal(self, name: str | None) -> Mask:
        """Where the text is this one; None for where there is none."""
        wanted = -1 if name is None else self.names.index(name) if name in self.names else -2
        mask: Mask = self.codes == wanted
        return mask


class Outcomes(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """Rows of predictions that have a label, a reward, or both. All arrays have the same length; NaN stands for what is unknown.

    - `prediction_id`, `row`: which prediction, and which row of its request.
    - `time`, `labelled_at`: when it was made, and when its truth was known, in nanoseconds since 1970.
    - `entity`: whom it is about. `arm`: who was *chosen*. `answered`: who answered, another one after a failover.
    - `revision`: of the routing. `propensity`: the probability with which the arm was chosen; `inclusion`: with which the request was sampled.
      `forced`: the request itself named its arm.
    - `score`: of a binary task that of the class 1; of a regression the value; of a multiclass one the probability of the class that was predicted.
    - `label`: 0 or 1; the value; of a multiclass task the index in `classes`. `predicted`: the index in `classes` of the class that was predicted, -1 unless
      the task is multiclass. `truth_score`: the probability that a multiclass model gave the true class, where it says so. `probabilities` are
      those of all its classes, which are called by their places, a column for each, NaN where it does not say; None where it never does.
    - `reward`: what came of it.
    - `slices`: by part of the request, like `origin`, its value.
    """

    task: Task
    prediction_id: NDArray[np.object_]
    row: Codes
    time: Ints
    labelled_at: Ints
    entity: Coded
    arm: Coded
    answered: Coded
    revision: Ints
    propensity: Floats
    inclusion: Floats
    forced: Mask
    score: Floats
    label: Floats
    reward: Floats
    predicted: Codes
    truth_score: Floats
    classes: tuple[str, ...] = ()
    slices: dict[str, Coded] = {}
    probabilities: Floats | None = None

    def __post_init__(self) -> None:
        lengths = {len(array) for array in self._arrays()}
        if len(lengths) > 1:
            raise ValueError(f"arrays of several lengths: {sorted(lengths)}")

    def __len__(self) -> int:
        return len(self.time)

    def where(self, mask: NDArray[Any]) -> "Outcomes":
        """The rows that a mask selects, or those at these indexes, in this order."""
        changed: dict[str, Any] = {}
        for name in self.__struct_fields__:
            value = getattr(self, name)
            if isinstance(value, Coded):
                changed[name] = Coded(value.codes[mask], value.names)
            elif isinstance(value, np.ndarray):
                changed[name] = value[mask]
        changed["slices"] = {part: Coded(coded.codes[mask], coded.names) for part, coded in self.slices.items()}
        return msgspec.structs.replace(self, **changed)

    def of_arm(self, arm: str) -> "Outcomes":
        """The rows for which this arm was chosen."""
        return self.where(self.arm.equal(arm))

    def between(self, since: int, until: int) -> "Outcomes":
        """The rows of predictions made in a range of time, `until` exclusive."""
        return self.where((self.time >= since) & (self.time < until))

    def entities(self) -> Ints:
        """Whom each row is about, as numbers from 0; rows without an entity are one of their own, all rows of a request together."""
        _, alone = np.unique(self.prediction_id.astype(str), return_inverse=True)
        known = self.entity.codes.astype(np.int64)
        _, found = np.unique(np.where(known >= 0, known, len(self.entity.names) + alone), return_inverse=True)
        return found.astype(np.int64)

    @property
    def weight(self) -> Floats:
        """How many requests each row stands for: 1 / inclusion."""
        weights: Floats = 1.0 / self.inclusion
        return weights

    def _arrays(self) -> list[NDArray[Any]]:
        values = [getattr(self, name) for name in self.__struct_fields__]
        coded = [value.codes for value in (*values, *self.slices.values()) if isinstance(value, Coded)]
        return [value for value in values if isinstance(value, np.ndarray)] + coded

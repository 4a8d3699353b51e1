"""What stands behind hashes, as far as it is something that a feature has had: the values of a field that nobody declared.

Of unknown fields only hashes are kept (`hyperplan.sample.hashed`). What a feature can hold is known: the texts and numbers of its
reference, and, where its numbers are multiples of some step (minutes, tenths of a degree), all such multiples in its range. They are hashed
likewise, and so each hash of a field becomes one of

- a bin of the feature: a value that the feature has, or has the like of;
- *never*: a value that it could have had and never had in all of training;
- *foreign*: anything else. Numbers with all their digits hardly come twice, so of such a feature nearly all is foreign, its own values too.

No value is told to anybody: only how many fell into which bin.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hyperplan.profile import CategoryCounts, FeatureProfile, Numbers
from hyperplan.profile.quantiles import keys_of
from hyperplan.sample import hashed
from hyperplan.schema import AnyFeature, Bool
from hyperplan.secret import Secret
from hyperplan.skew.bins import MOST_CATEGORIES, edges_of, holds_texts, numbers_of

Floats = NDArray[np.float64]

MOST_MULTIPLES = 100_000
"""Multiples of a step that are hashed, a microsecond each, when a feature has gone and a field has come."""
MOST_HASHED = 256
"""Values of another feature that are hashed: as many as are kept of an unknown field."""
MARGIN = 0.25
"""How much further than training the multiples go on either side, in widths of its range: seasons do."""
USUAL = (0.99, 0.005, 0.005)
"""Shares of the kinds of values in rows that nothing is known of."""
STEPPED = 0.9
"""The share of numbers that must be multiples of a step for it to be the feature's."""


HashValue = Callable[[Any], str]


class Shares(NamedTuple):
    """What share is of the feature, never had, and foreign; and of the first, what share lies in each bin. None is zero."""

    kinds: Floats
    bins: Floats


class Sorted(NamedTuple):
    """Counts by bin, and those of values that are never had, and foreign."""

    bins: Floats
    never: float
    foreign: float

    def kinds(self) -> Floats:
        """How many are of the feature, never had, and foreign."""
        return np.array([self.bins.sum(), self.never, self.foreign])

    def shares(self) -> Shares:
        """The shares of these counts, with a hundredth of what is usual and a fiftieth of even ones mixed in."""
        return Shares(
            0.99 * _shares(self.kinds()) + 0.01 * np.array(USUAL),
            0.98 * _shares(self.bins) + 0.02 / max(self.bins.size, 1),
        )


def _shares(counts: Floats) -> Floats:
    total = counts.sum()
    return counts / total if total else np.full(counts.size, 1 / max(counts.size, 1))


class Unhashed:
    """The hashes of all that a feature can hold, by bin."""

    def __init__(
        self,
        feature: AnyFeature,
        training: FeatureProfile,
        recent: Sequence[FeatureProfile] = (),
        secret: Secret | None = None,
    ) -> None:
        several = [training, *recent]
        self._secret = secret
        hash_value = _hash_of(feature, secret)
        if holds_texts(training):
            self._cut: _Texts | _Numbers = _Texts(several, hash_value)
        else:
            self._cut = _Numbers(training, hash_value)
        self._bins = self._cut.hashes(several)

    def of_hashes(self, field: FeatureProfile) -> Sorted:
        """What an unknown field held. Of more hashes than are kept, those that are stand for the others."""
        found = np.zeros(self._cut.size + 2)
        for value, count in (field.values or CategoryCounts()).counts.items():
            found[self._bins.get(value, self._cut.size + 1)] += count
        return Sorted(found[:-2], float(found[-2]), float(found[-1]))

    def of_another(self, feature: AnyFeature, profile: FeatureProfile) -> Sorted:
        """What another feature held, as far as its values are kept: hashed, and then sorted as an unknown field is."""
        return self.of_hashes(
            FeatureProfile(values=CategoryCounts(MOST_HASHED, _hashes(_hash_of(feature, self._secret), profile)))
        )

    def of_values(self, profile: FeatureProfile) -> Sorted:
        """What the feature itself held, sorted as its hashes would be."""
        return self._cut.counts(profile)


def _hashes(hash_value: HashValue, profile: FeatureProfile) -> dict[str, int]:
    """Hashes of values, with their counts; of many those that are kept, which any value is as likely to be as another."""
    if holds_texts(profile):
        return dict(islice(((hash_value(value), count) for value, count in _counted([profile])), MOST_HASHED))
    numbers = numbers_of(profile)
    if numbers.frequent.complete:
        return {hash_value(value): count for value, count in numbers.frequent.counts.items()}
    values, counts = numbers.sample.items()
    return {hash_value(value): count for value, count in zip(values.tolist(), counts.tolist(), strict=True)}


def _hash_of(feature: AnyFeature, secret: Secret | None) -> HashValue:
    """How samples hash an unknown field that holds what a feature does, by what its profile has for a value.

    Of a personal feature the profile has nothing but such hashes.
    """
    if feature.masking is not None:
        return str
    keyed = hashed if secret is None else secret.value
    return (lambda value: keyed(value == "true")) if isinstance(feature, Bool) else keyed


class _Texts:
    """The common texts of a feature have bins to themselves, the others share the last."""

    def __init__(self, several: Sequence[FeatureProfile], hash_value: HashValue) -> None:
        self._hash = hash_value
        known: dict[str, int] = {}
        for value, count in _counted(several):
            known[value] = known.get(value, 0) + count
        common = sorted(known, key=lambda value: (-known[value], value))
        self._bin = {value: min(place, MOST_CATEGORIES) for place, value in enumerate(common)}
        self.size = max(self._bin.values(), default=0) + 1

    def hashes(self, several: Sequence[FeatureProfile]) -> dict[str, int]:  # noqa: ARG002 - as for numbers
        return {self._hash(value): place for value, place in self._bin.items()}

    def counts(self, profile: FeatureProfile) -> Sorted:
        bins, foreign = np.zeros(self.size), 0
        for counts in _kept([profile]):
            foreign += counts.other
            for value, count in counts.counts.items():
                if value in self._bin:
                    bins[self._bin[value]] += count
                else:
                    foreign += count
        return Sorted(bins, 0.0, float(foreign))


def _kept(several: Iterable[FeatureProfile]) -> list[CategoryCounts]:
    return [counts for profile in several for counts in (profile.values, profile.unseen_values) if counts is not None]


def _counted(several: Iterable[FeatureProfile]) -> Iterator[tuple[str, int]]:
    for counts in _kept(several):
        yield from counts.counts.items()


class _Numbers:
    """Few numbers have a bin each; many are cut at their deciles, by the cells of the sketch."""

    def __init__(self, training: FeatureProfile, hash_value: HashValue) -> None:
        self._hash = hash_value
        self._training = numbers_of(training)
        frequent = self._training.frequent
        self._few = np.array(sorted(frequent.counts), np.float64) if frequent.complete else None
        self._edges = edges_of(*self._training.sketch.cells())
        self.size = self._few.size if self._few is not None else self._edges.size + 1
        self._step = _step(self._training)

    def hashes(self, several: Sequence[FeatureProfile]) -> dict[str, int]:
        kept = [
            np.concatenate([np.fromiter(numbers.frequent.counts, np.float64), numbers.sample.items()[0]])
            for numbers in map(numbers_of, several)
        ]
        values = np.unique(np.concatenate([*kept, self._multiples()]))
        places = self._places(values, kept)
        return {self._hash(value): place for value, place in zip(values.tolist(), places, strict=True)}

    def _multiples(self) -> Floats:
        if self._step is None:
            return np.zeros(0)
        moments = self._training.moments
        margin = MARGIN * (moments.largest - moments.smallest)
        low, high = (moments.smallest - margin) * self._step, (moments.largest + margin) * self._step
        if high - low >= MOST_MULTIPLES:
            return np.zeros(0)
        return np.arange(np.floor(low), np.ceil(high) + 1) / self._step

    def _places(self, values: Floats, kept: Sequence[Floats]) -> list[int]:
        if self._few is not None:
            at = np.minimum(np.searchsorted(self._few, values), self.size - 1)
            places = np.where(self._few[at] == values, at, self.size) if self.size else np.zeros(values.size, np.int64)
        else:
            places = np.searchsorted(self._edges, keys_of(values))
            places = np.where(self._never(values) & ~np.isin(values, np.concatenate(list(kept))), self.size, places)
        found: list[int] = places.tolist()
        return found

    def _never(self, values: Floats) -> NDArray[np.bool_]:
        """Numbers within the range of training that it never had, as far as that is known. Beyond its range all are new."""
        moments = self._training.moments
        return self._training.frequent.lacks(values) & (values >= moments.smallest) & (values <= moments.largest)

    def counts(self, profile: FeatureProfile) -> Sorted:
        numbers = numbers_of(profile)
        total = float(numbers.moments.count)
        if self._few is not None and numbers.frequent.complete:
            values = np.fromiter(numbers.frequent.counts, np.float64)
            bins = np.bincount(
                self._places(values, ()), np.fromiter(numbers.frequent.counts.values(), np.float64), self.size + 1
            )
            return Sorted(bins[: self.size].astype(np.float64), float(bins[self.size]), 0.0)
        if self._few is not None:
            return Sorted(np.zeros(self.size), 0.0, total)
        keys, counts = numbers.sketch.cells()
        bins = np.bincount(np.searchsorted(self._edges, keys), counts, self.size).astype(np.float64)
        shown = self._shown(numbers)
        values = np.fromiter(numbers.frequent.counts, np.float64)
        never = float(np.fromiter(numbers.frequent.counts.values(), np.float64)[self._never(values)].sum())
        known = max(shown - never / max(total, 1.0), 0.0)
        return Sorted((bins * known).astype(np.float64), never, total * (1 - shown))

    def _shown(self, numbers: Numbers) -> float:
        """The share of numbers whose hashes are known."""
        if self._step is not None and self._multiples().size:
            resolution = numbers.resolution
            return _multiples_in(numbers)[self._step] / max(resolution.count, 1)
        frequent = numbers.frequent
        return sum(frequent.counts.values()) / max(frequent.total(), 1)


def _step(numbers: Numbers) -> int | None:
    """How many steps there are in 1: the fewest of 1, 10, 100, 1000 of which nearly all numbers are multiples."""
    least = STEPPED * numbers.resolution.count
    return next((step for step, count in _multiples_in(numbers).items() if count and count >= least), None)


def _multiples_in(numbers: Numbers) -> dict[int, int]:
    resolution = numbers.resolution
    return {1: resolution.ones, 10: resolution.tenths, 100: resolution.hundredths, 1000: resolution.thousandths}

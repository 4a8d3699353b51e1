"""Many profiles of a feature as counts over the bins of its reference: the chunks of training, and the looks.

`bins` compares two profiles; detectors compare hundreds, again and again, so here the bins are cut once and all cells are sorted
into them at once. Bins are those of `bins`, but only of usable values: that a value is missing, null or of the wrong type is told by
detectors of its own. Values that the reference never saw share the bin of its rare ones: identifiers grow new values every
day, and a flood of them fills that bin.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from hyperplan.profile import CategoryCounts, FeatureProfile, Profile
from hyperplan.profile.categories import order
from hyperplan.skew.bins import MOST_CATEGORIES, edges_of, holds_texts, numbers_of
from hyperplan.skew.case import Case, Look
from hyperplan.skew.view import BINNED, Curve, View, curve

Floats = NDArray[np.float64]


class Tally(NamedTuple):
    """What is added up of usable values (last axis), by chunk of training and by look, both in order of time.

    Mostly these are counts by bin; `view` compares them. `season` holds the same hours of the weeks before. `texts` names the bins of values that
    have one to themselves; empty for numbers.
    """

    chunks: Floats
    looks: Floats
    season: Floats
    texts: tuple[str, ...] = ()
    view: View = BINNED

    @property
    def training(self) -> Floats:
        """The sums of the whole reference; all zero when it does not have the feature."""
        return np.asarray(self.chunks.sum(axis=0))

    @property
    def usual(self) -> Floats:
        """The sums that say how the feature usually is: those of the reference, or of the looks if it has none."""
        return self.training if self.training.any() else self.since(0)

    def since(self, look: int) -> Floats:
        """The sums of that look and all after it."""
        return np.asarray(self.looks[look:].sum(axis=0))

    def until(self, look: int) -> Floats:
        """The sums of the looks before that one."""
        return np.asarray(self.looks[:look].sum(axis=0))


def columns(profile: Profile) -> dict[str, FeatureProfile]:
    """Features and what models answered, by name. A feature goes before an output of its name."""
    return {**profile.outputs, **profile.features}


def column(profile: Profile, name: str) -> FeatureProfile:
    """A feature, or what models answered, by its name; one without rows if the profile has neither."""
    return profile.features.get(name) or profile.outputs.get(name) or _NOTHING


def column_of(looks: Sequence[Look], name: str) -> FeatureProfile:
    """A feature, or what models answered, over the rows of several looks."""
    return FeatureProfile.merged(column(look.profile, name) for look in looks)


def tallies(case: Case) -> dict[str, Tally]:
    """The tally of each feature and output that has usable values in the looks.

    Bins are those of the reference. What models answered is seldom in a reference: then the bins are those of the looks, and chunks
    hold no rows.
    """
    return case.once_shown("tallies", lambda: _tallies(case))


def _tallies(case: Case) -> dict[str, Tally]:
    found = {}
    cuts = case.once("cuts", lambda: _cuts(case))
    counted = [_counted(case, cuts, some) for some in (case.looks, case.season)]
    for name, (cut, chunks) in cuts.items():
        found[name] = cut.tally(chunks, *(_together(cut, some, name) for some in counted))
    outputs = (name for look in case.looks for name in look.profile.outputs)
    for name in dict.fromkeys((*columns(case.training), *outputs)):
        if name not in cuts:
            found[name] = _tally_by_looks(case, name)
    return {name: tally for name, tally in found.items() if tally.looks.any()}


def _cuts(case: Case) -> "dict[str, tuple[_Cut, _Counted]]":
    """The bins of all that the reference has usable values of, and what its chunks hold."""
    found = {}
    for name in columns(case.training):
        cut = _cut_of(column(case.training, name))
        chunks = cut.counts(_profiles(case.reference, name))
        if chunks.counts.any():
            found[name] = cut, chunks
    return found


def _counted(
    case: Case, cuts: "Mapping[str, tuple[_Cut, _Counted]]", looks: Sequence[Look]
) -> "list[dict[str, _Counted]]":
    """What each look holds in the bins of the reference."""

    def counted(profile: Profile) -> dict[str, _Counted]:
        return {name: cut.counts([column(profile, name)]) for name, (cut, _) in cuts.items()}

    return [case.once_of(look, "tally", counted) for look in looks]


def _together(cut: "_Cut", looks: "Sequence[dict[str, _Counted]]", name: str) -> "_Counted":
    if not looks:
        return cut.counts([])
    return _Counted(
        np.concatenate([look[name].counts for look in looks]), _nearest(look[name].horizon for look in looks)
    )


def _tally_by_looks(case: Case, name: str) -> Tally:
    looks, season = (_profiles(_looked(some), name) for some in (case.looks, case.season))
    cut = _cut_of(FeatureProfile.merged(looks))
    return cut.tally(cut.counts([_NOTHING] * max(len(case.reference), 1)), cut.counts(looks), cut.counts(season))


def _cut_of(whole: FeatureProfile) -> "_Cut":
    if holds_texts(whole):
        return _Texts(whole)
    moments = numbers_of(whole).moments
    narrow = curve(moments.mean, moments.deviation() or 0.0, moments.smallest, moments.largest)
    return _Narrow(narrow) if narrow else _Numbers(whole)


def _looked(looks: Sequence[Look]) -> list[Profile]:
    return [look.profile for look in looks]


def _profiles(profiles: Iterable[Profile], name: str) -> list[FeatureProfile]:
    return [column(profile, name) for profile in profiles]


_NOTHING = FeatureProfile()


class _Counted(NamedTuple):
    """Counts by profile and bin. Of texts whose hash is above the horizon, they are too low: see `CategoryCounts`."""

    counts: Floats
    horizon: bytes | None = None


class _Numbers:
    """The bins of numbers."""

    def __init__(self, whole: FeatureProfile) -> None:
        self._edges = edges_of(*numbers_of(whole).sketch.cells())

    def counts(self, profiles: Sequence[FeatureProfile]) -> _Counted:
        bins = self._edges.size + 1
        cells = [numbers_of(profile).sketch.cells() for profile in profiles]
        if not cells:
            return _Counted(np.zeros((0, bins)))
        keys = np.concatenate([keys for keys, _ in cells])
        rows = np.repeat(np.arange(len(cells)) * bins, [keys.size for keys, _ in cells])
        counts = np.concatenate([counts for _, counts in cells])
        at = rows + np.searchsorted(self._edges, keys)
        return _Counted(np.bincount(at, counts, len(cells) * bins).reshape(len(cells), bins).astype(np.float64))

    def tally(self, chunks: _Counted, looks: _Counted, season: _Counted) -> Tally:
        return Tally(chunks.counts, looks.counts, season.counts)


class _Narrow:
    """Numbers that are too near to each other for bins."""

    def __init__(self, curve: Curve) -> None:
        self._curve = curve

    def counts(self, profiles: Sequence[FeatureProfile]) -> _Counted:
        moments = [numbers_of(profile).moments for profile in profiles]
        sums = [self._curve.sums(one.count, one.mean, one.squares) for one in moments]
        return _Counted(np.array(sums, np.float64).reshape(len(sums), 3))

    def tally(self, chunks: _Counted, looks: _Counted, season: _Counted) -> Tally:
        return Tally(chunks.counts, looks.counts, season.counts, view=self._curve)


class _Texts:
    """The bins of categories, strings and truth values: the common values of the reference, and all others in the last."""

    def __init__(self, whole: FeatureProfile) -> None:
        known: dict[str, int] = {}
        for counts in _kept(whole):
            known |= counts.counts
        self._common = tuple(sorted(known, key=lambda value: (-known[value], value))[:MOST_CATEGORIES])
        self._horizon = _nearest(counts.horizon() for counts in _kept(whole))

    def counts(self, profiles: Sequence[FeatureProfile]) -> _Counted:
        found = np.zeros((len(profiles), len(self._common) + 1))
        for row, profile in enumerate(profiles):
            total = 0
            for counts in _kept(profile):
                total += counts.total()
                found[row, :-1] += [counts.counts.get(value, 0) for value in self._common]
            found[row, -1] = total - found[row].sum()
        horizons = (counts.horizon() for profile in profiles for counts in _kept(profile) if counts.other)
        return _Counted(found, _nearest(horizons))

    def tally(self, chunks: _Counted, looks: _Counted, season: _Counted) -> Tally:
        end = _nearest((self._horizon, chunks.horizon, looks.horizon, season.horizon))
        exact = np.array([end is None or order(value) <= end for value in self._common], bool)
        texts = tuple(value for value, is_exact in zip(self._common, exact, strict=True) if is_exact)
        return Tally(_only(exact, chunks.counts), _only(exact, looks.counts), _only(exact, season.counts), texts)


def _only(exact: NDArray[np.bool_], counts: Floats) -> Floats:
    """Counts by value, with those that are not exact among the others in the last bin."""
    others = counts[:, -1] + counts[:, :-1][:, ~exact].sum(axis=1)
    return np.column_stack([counts[:, :-1][:, exact], others])


_Cut: TypeAlias = _Numbers | _Narrow | _Texts


def _kept(profile: FeatureProfile) -> list[CategoryCounts]:
    return [counts for counts in (profile.values, profile.unseen_values) if counts is not None]


def _nearest(horizons: Iterable[bytes | None]) -> bytes | None:
    return min((horizon for horizon in horizons if horizon is not None), default=None)

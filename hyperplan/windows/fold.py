"""From samples to buckets.

Each sample goes to the bucket of its own time, however late it comes. It is in a bucket of all rows, and in one for its value of each
part of the request that the endpoint slices by; where a part has more values than are kept, the rarest share a bucket.

To profile the rows for each of these buckets anew would cost as often as there are parts. There are two ways to do with less. Either each
combination of slices is profiled once, and the buckets are merged from those; or each slice is, and the bucket of all rows is merged from the
slices of one part. The first costs little with few combinations and many rows, the second with many and few; which it is is reckoned from what profiles cost.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from hyperplan.endpoint import Endpoint
from hyperplan.privacy import shown_schema
from hyperplan.profile import Profile
from hyperplan.sample import Sample
from hyperplan.windows.keys import ALL, OTHER, WindowKey, part_of, rounded_inclusion, slice_of

EndpointSource = Callable[[str], Endpoint | None]
"""An endpoint, by name; None for one that is not known."""

MOST_VALUES = 20
"""Values of one part that get buckets of their own, of those in a batch: the most frequent ones."""

_PROFILING = 130
"""What a profile costs beside its rows, seen, in rows. Merging several costs as much."""
_MERGING = 25
"""What each of the profiles that are merged costs beside that, in rows."""

_Profiler = Callable[[Sequence[Sample]], Profile]


class _Group(NamedTuple):
    """Samples of one endpoint, model, arm, bucket of time and inclusion probability."""

    endpoint: str
    model: str
    arm: str
    start: int
    inclusion: float

    def key(self, part: str, width: int) -> WindowKey:
        return WindowKey(self.endpoint, self.model, self.arm, part, self.start, self.inclusion, width)


_Cells = Mapping[tuple[str, ...], Sequence[Sample]]
"""The samples of a group by all the slices that they are in."""


def fold(endpoint_of: EndpointSource, samples: Iterable[Sample], bucket: int) -> dict[WindowKey, Profile]:
    """The profiles of samples by bucket; `bucket` is how many nanoseconds one spans."""
    several = list(samples)
    kept = _kept(several)
    groups: defaultdict[_Group, defaultdict[tuple[str, ...], list[Sample]]] = defaultdict(lambda: defaultdict(list))
    for sample in several:
        groups[_group(sample, bucket)][_slices(sample, kept)].append(sample)
    profilers = {name: _profiler(endpoint_of(name)) for name in {group.endpoint for group in groups}}
    return {
        group.key(part, bucket): profile
        for group, cells in groups.items()
        for part, profile in _profiles(profilers[group.endpoint], cells).items()
    }


def _group(sample: Sample, bucket: int) -> _Group:
    return _Group(
        sample.endpoint,
        sample.answered or sample.chosen or "",
        sample.chosen or "",
        sample.time - sample.time % bucket,
        rounded_inclusion(sample.inclusion),
    )


def _slices(sample: Sample, kept: Mapping[tuple[str, str], frozenset[str]]) -> tuple[str, ...]:
    names = (
        slice_of(part, value if value in kept[sample.endpoint, part] else OTHER)
        for part, value in sample.slices.items()
    )
    return tuple(dict.fromkeys(names))


def _kept(samples: Iterable[Sample]) -> dict[tuple[str, str], frozenset[str]]:
    """The values that get buckets of their own, by endpoint and part."""
    counted: defaultdict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for sample in samples:
        for part, value in sample.slices.items():
            counted[sample.endpoint, part][value] += 1
    return {place: frozenset(_most_frequent(values)) for place, values in counted.items()}


def _most_frequent(values: Counter[str]) -> list[str]:
    if len(values) <= MOST_VALUES:
        return list(values)
    return sorted(values, key=lambda value: (-values[value], value))[:MOST_VALUES]


def _profiler(endpoint: Endpoint | None) -> _Profiler:
    if endpoint is None:
        return lambda samples: Profile.of_samples(None, samples)
    schema, task = shown_schema(endpoint.schema), endpoint.task
    return lambda samples: Profile.of_samples(schema, samples, task)


def _profiles(profiler: _Profiler, cells: _Cells) -> dict[str, Profile]:
    """The profile of all rows of a group, and of each of its slices."""
    names = {name for cell in cells for name in cell}
    rows = sum(map(len, cells.values()))
    places = sum(1 + len(cell) for cell in cells)
    merging = (len(cells) + len(names)) * _PROFILING + places * _MERGING + rows
    slicing = len(names) * _PROFILING + rows * max(map(len, cells))
    return _of_combinations(profiler, cells) if merging <= slicing else _of_slices(profiler, cells)


def _of_combinations(profiler: _Profiler, cells: _Cells) -> dict[str, Profile]:
    parts: defaultdict[str, list[Profile]] = defaultdict(list)
    for cell, samples in cells.items():
        profile = profiler(samples)
        for name in (ALL, *cell):
            parts[name].append(profile)
    return {name: Profile.merged(profiles) for name, profiles in parts.items()}


def _of_slices(profiler: _Profiler, cells: _Cells) -> dict[str, Profile]:
    members: defaultdict[str, list[Sample]] = defaultdict(list)
    for cell, samples in cells.items():
        for name in cell:
            members[name] += samples
    found = {name: profiler(samples) for name, samples in members.items()}
    firsts = {next(iter(cell), ALL) for cell in cells}
    if ALL not in firsts and len({part_of(name) for name in firsts}) == 1:  # each row is in just one of these slices
        return {ALL: Profile.merged(found[name] for name in sorted(firsts))} | found
    return {ALL: profiler([sample for samples in cells.values() for sample in samples])} | found

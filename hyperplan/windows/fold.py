"""From samples to buckets.

Each sample goes to the bucket of its own time, however late it comes. Every row is profiled once, in the finest group it belongs to
(its model, arm, time, inclusion and combination of slices); coarser buckets are these merged. A sample has a value for
each part of the request that the endpoint slices by; where one part has more values than are kept, the rarest share a bucket.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from hyperplan.endpoint import Endpoint
from hyperplan.profile import Profile
from hyperplan.sample import Sample
from hyperplan.windows.keys import ALL, OTHER, WindowKey, rounded_inclusion, slice_of

EndpointSource = Callable[[str], Endpoint | None]
"""An endpoint, by name; None for one that is not known."""

MOST_VALUES = 20
"""Values of one part that get buckets of their own, of those in a batch: the most frequent ones."""


class _Group(NamedTuple):
    """Samples that every bucket holds all or none of. `start` is that of their bucket."""

    endpoint: str
    model: str
    arm: str
    start: int
    inclusion: float
    slices: tuple[str, ...]


def fold(endpoint_of: EndpointSource, samples: Iterable[Sample], bucket: int) -> dict[WindowKey, Profile]:
    """The profiles of samples by bucket; `bucket` is how many nanoseconds one spans."""
    several = list(samples)
    kept = _kept(several)
    groups: defaultdict[_Group, list[Sample]] = defaultdict(list)
    for sample in several:
        groups[_group(sample, bucket, kept)].append(sample)
    endpoints = {name: endpoint_of(name) for name in {group.endpoint for group in groups}}
    parts: defaultdict[WindowKey, list[Profile]] = defaultdict(list)
    for group, members in groups.items():
        endpoint = endpoints[group.endpoint]
        profile = (
            Profile.of_samples(endpoint.schema, members, endpoint.task)
            if endpoint
            else Profile.of_samples(None, members)
        )
        for part in (ALL, *group.slices):
            key = WindowKey(group.endpoint, group.model, group.arm, part, group.start, group.inclusion, bucket)
            parts[key].append(profile)
    return {key: Profile.merged(profiles) for key, profiles in parts.items()}


def _group(sample: Sample, bucket: int, kept: Mapping[tuple[str, str], frozenset[str]]) -> _Group:
    return _Group(
        sample.endpoint,
        sample.answered or sample.chosen or "",
        sample.chosen or "",
        sample.time - sample.time % bucket,
        rounded_inclusion(sample.inclusion),
        tuple(
            slice_of(part, value if value in kept[sample.endpoint, part] else OTHER)
            for part, value in sample.slices.items()
        ),
    )


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

"""Coarser buckets for older time, so that a month is not 43,200 minutes to merge.

What is old is asked about in coarse strokes. So buckets are merged into ones of ten minutes, an hour and a day as they age, and take the place
of the finer ones: no row stands in two buckets, and a late row, which comes as a fine bucket of its own time, is found beside the coarse
one until it is merged too. In a coarse bucket the rows of all inclusion probabilities are combined, and the rarest slices share one.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from hyperplan.windows.fold import MOST_VALUES
from hyperplan.windows.keys import ALL, OTHER, Bucket, WindowKey, part_of, slice_of
from hyperplan.windows.weighting import Weighted, combined

MINUTE = 60 * 10**9
HOUR = 60 * MINUTE
DAY = 24 * HOUR


class Step(NamedTuple):
    """Buckets narrower than `width` that are older than `age` are merged into ones of `width`; in nanoseconds."""

    age: int
    width: int


STEPS = (Step(6 * HOUR, 10 * MINUTE), Step(2 * DAY, HOUR), Step(35 * DAY, DAY))
"""Five weeks of hours, since the same hour of four weeks before is asked for."""


class Due(NamedTuple):
    """Blocks of time that may be merged: those that are wholly `before` a time, of buckets narrower than `width`."""

    width: int
    before: int


def due(now: int, bucket: int) -> list[Due]:
    """What is to be merged at a time, coarsest first, so that what is very old is merged once. `bucket` is the width of the finest ones.

    Widths that the finest buckets do not fill evenly are left out.
    """
    return [
        Due(step.width, now - step.age) for step in reversed(STEPS) if step.width > bucket and not step.width % bucket
    ]


def rolled_up(buckets: Iterable[Bucket], width: int) -> list[Bucket]:
    """The buckets, of any endpoints, merged into ones of a width.

    Every bucket of a block of time and an endpoint must be given at once, of all its slices, or the rarest cannot be told.
    """
    blocks: defaultdict[tuple[str, int], list[Bucket]] = defaultdict(list)
    for bucket in buckets:
        blocks[bucket.key.endpoint, bucket.key.start - bucket.key.start % width].append(bucket)
    return [
        merged
        for (_, start), members in blocks.items()
        for merged in _block(members, WindowKey(*members[0].key)._replace(start=start, width=width))
    ]


def _block(buckets: list[Bucket], place: WindowKey) -> list[Bucket]:
    names = _names(buckets)
    groups: defaultdict[WindowKey, list[Weighted]] = defaultdict(list)
    for key, profile in buckets:
        group = place._replace(model=key.model, arm=key.arm, slice=names.get(key.slice, key.slice), inclusion=0.0)
        groups[group].append(Weighted(key.inclusion, profile))
    merged = {key: combined(parts) for key, parts in groups.items()}
    return [Bucket(key._replace(inclusion=part.inclusion), part.profile) for key, part in merged.items()]


def _names(buckets: Iterable[Bucket]) -> Mapping[str, str]:
    """The slices that share one from now on, and its name."""
    rows: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for key, profile in buckets:
        if key.slice != ALL:
            rows[part_of(key.slice)][key.slice] += profile.rows
    found: dict[str, str] = {}
    for part, counted in rows.items():
        other = slice_of(part, OTHER)
        kept = sorted(counted.keys() - {other}, key=lambda name: (-counted[name], name))
        found |= dict.fromkeys(kept[MOST_VALUES:], other)
    return found

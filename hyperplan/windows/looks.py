"""From buckets to the looks that detectors take at what was served.

Of one stretch of time there are many buckets: of each model, arm and inclusion probability. A look joins them. Features are those of
all rows, whoever answered and those that were rejected too, since a broken feed does not ask who answers. Outputs are those of one model
only, since a new split of the traffic is no change of any model.

Detectors cost as much as there are looks, so older ones are coarser, as in an exponential histogram (Datar, Gionis, Indyk and Motwani, "Maintaining
stream statistics over sliding windows", 2002): a look is at most a sixteenth of its age wide. There are some 20 looks for each doubling of the
time looked back; a month of minutes is some 250. Coarse looks begin and end at multiples of their width, and so do not move from one
evaluation to the next; they only merge as they age. Stretches in which nothing came are no looks.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from hyperplan.profile import Profile
from hyperplan.skew.case import Look
from hyperplan.windows.keys import Bucket
from hyperplan.windows.weighting import Weighted, combined

FINENESS = 16
"""A look is at least so many times as old as it is wide, or as narrow as its bucket."""

_SECONDS = (1, 5, 10, 30, 60, 300, 600, 1800, 3600, 7200, 14400, 43200, 86400, 172800, 345600)
WIDTHS = tuple(seconds * 10**9 for seconds in _SECONDS)
"""Widths of coarse looks, in nanoseconds: a second to four days, those of rolled up buckets among them. Each is a multiple of the one before."""


def looks_of(buckets: Iterable[Bucket], model: str) -> list[Look]:
    """The looks at buckets of one endpoint and slice, oldest first, with the outputs of a model.

    The buckets may come in any order and from any number of batches and replicas, and be of different widths.
    """
    return [look_at(look, model) for look in by_look(buckets)]


def by_look(buckets: Iterable[Bucket]) -> list[list[Bucket]]:
    """The buckets of one endpoint and slice by the look that they are in, oldest first.

    What of one look is `condensed` is in that look again, so who needs both looks and something else of many buckets has to merge them once.
    """
    stretches = list(_stretches(buckets))
    if not stretches:
        return []
    newest = _end(stretches[-1])
    looks: defaultdict[tuple[int, int], list[Bucket]] = defaultdict(list)
    for stretch in stretches:
        looks[_block(stretch[0].key.start, _end(stretch), newest)] += stretch
    return list(looks.values())


def look_at(buckets: Sequence[Bucket], model: str) -> Look:
    """One look at all the rows of buckets, with the outputs of a model. There must be at least one bucket."""
    return Look(min(bucket.key.start for bucket in buckets), _end(buckets), profile_of(buckets, model))


def profile_of(buckets: Iterable[Bucket], model: str) -> Profile:
    """The profile of all the rows of buckets, with the outputs of a model. Of nothing, no rows."""
    several = list(buckets)
    whole = _combined(several)
    if all(bucket.key.model == model for bucket in several):
        return whole
    own = _combined(bucket for bucket in several if bucket.key.model == model)
    return msgspec.structs.replace(whole, outputs=own.outputs)


def condensed(buckets: Iterable[Bucket]) -> list[Bucket]:
    """Buckets of one endpoint and slice with those of the same model and inclusion probability merged, whatever their times and arms.

    The same rows in fewer buckets, which span what those did: `profile_of` says the same of them, and so does `look_at`.
    """
    groups: defaultdict[tuple[str, float], list[Bucket]] = defaultdict(list)
    for bucket in buckets:
        groups[bucket.key.model, bucket.key.inclusion].append(bucket)
    return [_merged(group) for group in groups.values()]


def _merged(buckets: Sequence[Bucket]) -> Bucket:
    start = min(bucket.key.start for bucket in buckets)
    key = buckets[0].key._replace(start=start, width=_end(buckets) - start)
    return Bucket(key, Profile.merged(bucket.profile for bucket in buckets))


def _combined(buckets: Iterable[Bucket]) -> Profile:
    return combined(Weighted(bucket.key.inclusion, bucket.profile) for bucket in buckets).profile


def _stretches(buckets: Iterable[Bucket]) -> Iterator[list[Bucket]]:
    """Buckets that overlap in time, together, in the order of time: a late minute may lie in an hour that was merged before it came."""
    stretch: list[Bucket] = []
    end = 0
    for bucket in sorted(buckets, key=lambda bucket: (bucket.key.start, -bucket.key.width)):
        if stretch and bucket.key.start >= end:
            yield stretch
            stretch = []
        end = max(end, bucket.key.end) if stretch else bucket.key.end
        stretch.append(bucket)
    if stretch:
        yield stretch


def _end(buckets: Iterable[Bucket]) -> int:
    return max(bucket.key.end for bucket in buckets)


def _block(start: int, end: int, newest: int) -> tuple[int, int]:
    """The widest block of time that holds a stretch and is old enough for its width: its start and width."""
    for width in reversed(WIDTHS):
        block = start - start % width
        if end <= block + width <= newest - FINENESS * width:
            return block, width
    return start, end - start

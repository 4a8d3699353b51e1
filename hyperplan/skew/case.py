"""The case that detectors look at: what training looked like, and what was served, look by look.

Everything here is profiles; raw data never gets this far. A look is a short stretch of serving, a bucket of time or a
hundred rows, and detectors are asked anew after each. They keep no state: the looks of the last hours are all they need, so
control can stop, start and be replicated, and a file is judged by the code that judges traffic.
"""

import functools
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple, TypeVar

from hyperplan.comparison.readings import THRESHOLD
from hyperplan.profile import Profile
from hyperplan.schema import Schema
from hyperplan.secret import Secret
from hyperplan.skew.labels import LabelCoverage

T = TypeVar("T")


class Look(NamedTuple):
    """What was served in a stretch of time, in nanoseconds since 1970; rows without times count from 0."""

    start: int
    end: int
    profile: Profile


class Case:
    """An endpoint's schema, the reference of a model, and the looks at what was served, oldest first.

    `season` holds looks at the hour before the end of the newest look, widened to whole hours, in each of the weeks before, as far as there are
    any; a file has none. `labels` says which of the predictions of longer stretches got a label so far, oldest first. `threshold` is the score from
    which on somebody acts on a prediction of the model.
    """

    def __init__(
        self,
        schema: Schema,
        reference: Sequence[Profile],
        looks: Sequence[Look],
        season: Sequence[Look] = (),
        labels: Sequence[LabelCoverage] = (),
        threshold: float = THRESHOLD,
        secret: Secret | None = None,
    ) -> None:
        self.schema = schema
        self.reference = tuple(reference)
        self.looks = tuple(looks)
        self.season = tuple(season)
        self.labels = tuple(labels)
        self.threshold = threshold
        self.secret = secret
        self._known: dict[Hashable, Any] = {}
        self._seen: dict[Hashable, Any] = {}
        self._of_each = _of_each((*self.looks, *self.season), {})

    def showing(
        self, looks: Sequence[Look], season: Sequence[Look] = (), labels: Sequence[LabelCoverage] = ()
    ) -> "Case":
        """The same schema, reference and threshold with other looks.

        What was reckoned of the reference is kept for all of them, what was reckoned of a look for as long as it is shown: who asks after each
        look asks of the case before.
        """
        other = Case(self.schema, self.reference, looks, season, labels, self.threshold, self.secret)
        other._known = self._known
        other._of_each = _of_each((*other.looks, *other.season), self._of_each)
        return other

    def once(self, key: Hashable, reckon: Callable[[], T]) -> T:
        """What depends on schema and reference alone, reckoned when it is first asked for: the reference does not change, looks do."""
        return _kept(self._known, key, reckon)

    def once_shown(self, key: Hashable, reckon: Callable[[], T]) -> T:
        """What depends on the looks as well, reckoned when the first detector asks for it."""
        return _kept(self._seen, key, reckon)

    def once_of(self, look: Look, key: Hashable, reckon: Callable[[Profile], T]) -> T:
        """What depends on a look's profile, schema and reference, reckoned once while the look is shown: most looks were shown before."""
        profile = look.profile
        return _kept(self._of_each[id(profile)].known, key, lambda: reckon(profile))

    @property
    def training(self) -> Profile:
        """All of the reference."""
        return self.once("training", lambda: Profile.merged(self.reference))

    @functools.cached_property
    def serving(self) -> Profile:
        """All that was served."""
        return Profile.merged(look.profile for look in self.looks)

    def recent(self, rows: int) -> tuple[Look, ...]:
        """The newest looks, as few as hold so many rows; all of them when there are not as many."""
        held, first = 0, len(self.looks)
        for position, look in self._backwards():
            if held >= rows:
                break
            held, first = held + look.profile.rows, position
        return self.looks[first:]

    def _backwards(self) -> Iterator[tuple[int, Look]]:
        return zip(range(len(self.looks) - 1, -1, -1), reversed(self.looks), strict=True)


class _Shown(NamedTuple):
    """What was reckoned of a profile, which is kept so that no other one can have its identity."""

    profile: Profile
    known: dict[Hashable, Any]


def _of_each(looks: Iterable[Look], before: dict[int, _Shown]) -> dict[int, _Shown]:
    return {id(look.profile): before.get(id(look.profile)) or _Shown(look.profile, {}) for look in looks}


def _kept(known: dict[Hashable, Any], key: Hashable, reckon: Callable[[], T]) -> T:
    if key not in known:
        known[key] = reckon()
    found: T = known[key]
    return found

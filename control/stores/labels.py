"""Which predictions got a label, by the hour: what the detectors of scoring skew look at.

Labels come late, so an hour changes long after it is over. Each is kept here as it was last reckoned, and reckoned again only when feedback for it came
since; what it costs follows the feedback, not the time that is looked back on. Of an hour with very many labels a part is read, drawn by the hash of their ids, and
what was scored is scaled down alike: shares stay what they are, and evidence is that of as many rows as were read.
"""

import math
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import msgspec

from control.stores.feedback import Feedbacks
from control.stores.outcomes import Labelled
from control.stores.windows import Windows
from hyperplan.endpoint import Endpoint
from hyperplan.privacy import shown_schema
from hyperplan.profile import Profile, QuantileSketch, Scale
from hyperplan.profile.columns import Column
from hyperplan.profile.outputs import LABEL
from hyperplan.sample import Sample
from hyperplan.skew.labels import LabelCoverage
from hyperplan.windows import Bucket, EndpointSource

SECOND = 10**9
HOUR = 3600 * SECOND
LOOKED_BACK = 7 * 24 * HOUR
"""How far back labels are looked for."""
BETWEEN = HOUR // 4
"""The time after which it is looked again whether feedback came."""
OVERLAP = 60 * SECOND
"""Feedback received so shortly before the last look is looked for again: it may not have been written yet."""
MOST_READ = 2000
"""Labelled predictions of one hour that are read."""


class _Known:
    """What is known of one endpoint: its hours by their start, and until when feedback was looked for."""

    def __init__(self) -> None:
        self.stretches: dict[int, LabelCoverage] = {}
        self.seen = 0


class _Drawn(NamedTuple):
    """Labelled predictions of an hour that were read, and what share of all there are; of an endpoint, if there are any."""

    endpoint: Endpoint | None = None
    pairs: Sequence[Labelled] = ()
    share: float = 1.0

    def profile(self) -> Profile:
        """The rows that feedback is about, and what it says of them."""
        if self.endpoint is None:
            return Profile()
        whole = Profile.of_samples(shown_schema(self.endpoint.schema), _labelled_rows(self.pairs), self.endpoint.task)
        labels = [pair.feedback.label for pair in self.pairs if pair.feedback.label is not None]
        outputs = {LABEL: Column(None, labels).profile()} if labels else {}
        return msgspec.structs.replace(whole, outputs=whole.outputs | outputs)

    def delays(self) -> QuantileSketch:
        """How many seconds after its prediction each label came."""
        return QuantileSketch.of([max(pair.feedback.time - pair.time, 0) / SECOND for pair in self.pairs])


class Labels:
    """The hours of each endpoint."""

    def __init__(
        self, windows: Windows, feedback: Feedbacks, endpoints: EndpointSource, clock: Callable[[], int] = time.time_ns
    ) -> None:
        self.clock = clock
        """What time it is, in nanoseconds since 1970: when it is looked again follows it, and not the times that are asked about."""
        self._windows = windows
        self._feedback = feedback
        self._endpoints = endpoints
        self._width = windows.bucket * math.ceil(HOUR / windows.bucket)
        self._known: defaultdict[str, _Known] = defaultdict(_Known)
        self._lock = threading.Lock()

    def of(self, name: str, until: int) -> list[LabelCoverage]:
        """The hours of an endpoint that are over by a time (nanoseconds since 1970), oldest first; none until the first label comes."""
        with self._lock:
            known = self._known[name]
            now = self.clock()
            if now - known.seen >= BETWEEN:
                self._look(name, known, now)
                known.seen = now
            return [known.stretches[start] for start in sorted(known.stretches) if start + self._width <= until]

    def _look(self, name: str, known: _Known, now: int) -> None:
        endpoint = self._endpoints(name)
        if endpoint is None:
            return
        end = now - now % self._width
        since = end - (LOOKED_BACK - LOOKED_BACK % self._width)
        changed = self._feedback.changed(name, max(known.seen - OVERLAP, 0), since, end, self._width)
        if not (changed or known.stretches):
            return
        scored = self._scored(name, changed | (set(range(since, end, self._width)) - known.stretches.keys()))
        for start, profile in scored.items():
            labelled = self._labelled(endpoint, start) if start in changed else _Drawn()
            if (found := _coverage(start, start + self._width, profile, labelled)) is not None:
                known.stretches[start] = found
        known.stretches = {start: part for start, part in known.stretches.items() if start >= since}

    def _scored(self, name: str, starts: set[int]) -> dict[int, Profile]:
        """The profile of all that models were shown, by hour."""
        if not starts:
            return {}
        parts: defaultdict[int, list[Bucket]] = defaultdict(list)
        for bucket in self._windows.find(name, min(starts), max(starts) + self._width):
            start = bucket.key.start - bucket.key.start % self._width
            if bucket.key.model and start in starts and bucket.key.end <= start + self._width:
                parts[start].append(bucket)
        return {start: Profile.merged(bucket.profile for bucket in part) for start, part in parts.items()}

    def _labelled(self, endpoint: Endpoint, start: int) -> _Drawn:
        return _Drawn(endpoint, *self._feedback.drawn(endpoint.name, start, start + self._width, MOST_READ))


def _coverage(start: int, end: int, scored: Profile, drawn: _Drawn) -> LabelCoverage | None:
    """One hour; None of one whose profiles are not there any more."""
    scored = scored if drawn.share == 1 else scored.scaled(Scale(drawn.share))
    labelled = drawn.profile()
    if labelled.rows > scored.rows:
        return None
    return LabelCoverage(start=start, end=end, scored=scored, labelled=labelled, delays=drawn.delays())


def _labelled_rows(pairs: Iterable[Labelled]) -> Iterable[Sample]:
    """For each pair the sample with only the row that the feedback is about."""
    for pair in pairs:
        sample, row = Sample.decode(pair.body), pair.feedback.row
        yield msgspec.structs.replace(sample, rows=_only(sample.rows, row), predictions=_only(sample.predictions, row))


def _only(items: Sequence[Any], index: int) -> list[Any]:
    return list(items[index : index + 1])

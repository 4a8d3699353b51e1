"""Which predictions got a label: as mergeable as profiles, for a stretch of the time at which they were made.

A label comes late or never. What of a stretch has none yet is unlabelled only when its time is over, so a stretch counts once it is
older than labels usually take (`ripe`): the newest would always look as if labels had stopped.
"""

import math
from collections.abc import Iterable, Sequence

import msgspec

from hyperplan.profile import Profile, QuantileSketch

USUALLY = 0.95
"""The share of labels that have come when a stretch is ripe."""


class LabelCoverage(msgspec.Struct, frozen=True, array_like=True, kw_only=True):
    """Predictions made from `start` to `end`, in nanoseconds since 1970, and the labels that have come for them so far.

    `scored` profiles the rows of all of them, `labelled` of those with a label, the label among the `outputs` of the latter. `delays` holds, in seconds,
    how long after its prediction each label came.
    """

    start: int
    end: int
    scored: Profile = Profile()
    labelled: Profile = Profile()
    delays: QuantileSketch = QuantileSketch()

    def __post_init__(self) -> None:
        if self.labelled.rows > self.scored.rows:
            raise ValueError("more rows have a label than were scored")

    @staticmethod
    def merged(parts: Iterable["LabelCoverage"]) -> "LabelCoverage":
        """The predictions of several stretches, of one at least."""
        several = list(parts)
        return LabelCoverage(
            start=min(part.start for part in several),
            end=max(part.end for part in several),
            scored=Profile.merged(part.scored for part in several),
            labelled=Profile.merged(part.labelled for part in several),
            delays=QuantileSketch.merged(part.delays for part in several),
        )

    def share(self) -> float | None:
        """The share of predictions with a label; None when there are none."""
        return self.labelled.rows / self.scored.rows if self.scored.rows else None

    def delay(self, share: float) -> float | None:
        """The seconds within which so many of the labels came; None when there are none."""
        return self.delays.quantiles([share])[0] if self.delays.counts else None


def ripe(labels: Sequence[LabelCoverage]) -> list[LabelCoverage]:
    """The stretches that have got what labels they will get, oldest first: those older at the end of the newest than labels usually take."""
    if not labels:
        return []
    delay = LabelCoverage.merged(labels).delay(USUALLY)
    waited = 0 if delay is None else math.ceil(delay * 1e9)
    now = max(part.end for part in labels)
    return [part for part in labels if part.scored.rows and part.end + waited <= now]

"""From what the store holds of an endpoint to the case that detectors look at."""

from collections.abc import Sequence
from typing import NamedTuple

from control.stores import Store
from hyperplan.endpoint import Endpoint
from hyperplan.privacy import shown_schema
from hyperplan.profile import Reference
from hyperplan.profile.masked import masked_series
from hyperplan.skew.case import Case, Look
from hyperplan.skew.finding import Finding
from hyperplan.windows import ALL, Bucket, looks_of, season_of, spans_before


class Traffic(NamedTuple):
    """Which rows of an endpoint are looked at: of one chosen arm (None for all) and one slice, in a range of time.

    Times in nanoseconds since 1970, `until` exclusive.
    """

    endpoint: str
    since: int
    until: int
    arm: str | None = None
    slice: str = ALL

    def everything(self) -> bool:
        """Whether all rows are looked at."""
        return self.arm is None and self.slice == ALL

    def buckets(self, store: Store) -> list[Bucket]:
        """The buckets of these rows."""
        return store.windows.find(self.endpoint, self.since, self.until, arm=self.arm, slice=self.slice)


def case_of(
    store: Store,
    endpoint: Endpoint,
    model: str,
    reference: Reference | None,
    traffic: Traffic,
    buckets: Sequence[Bucket],
) -> Case:
    """The case of a model: its reference, and looks at all rows of the traffic, whoever answered; the outputs are the model's own.

    `buckets` are those of the traffic. The same hours of the weeks before are read from the store, and, where all rows are looked at, which of them got a label.
    """
    looks = looks_of(buckets, model)
    schema = shown_schema(endpoint.schema)
    series = masked_series(endpoint.schema, reference.series if reference else ())
    if not looks:
        return Case(schema, series, looks)
    labels = store.labels.of(endpoint.name, traffic.until) if traffic.everything() else ()
    season = _season(store, model, traffic, looks[-1].end)
    return Case(schema, series, looks, season, labels, secret=store.secret)


def _season(store: Store, model: str, traffic: Traffic, until: int) -> Sequence[Look]:
    before = [
        bucket
        for span in spans_before(until)
        for bucket in traffic._replace(since=span.start, until=span.end).buckets(store)
    ]
    return season_of(before, until, model)


def comparable(finding: Finding, traffic: Traffic) -> bool:
    """Whether a finding means something for this traffic.

    A slice is not distributed like all of the training data, of which alone there is a reference; it is only compared with itself.
    """
    return traffic.slice == ALL or (finding.kind, finding.against) != ("distribution", "training")

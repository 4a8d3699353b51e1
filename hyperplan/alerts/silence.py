"""Silences: what nobody wants to be told for a while."""

from collections.abc import Iterable

import msgspec

from hyperplan.alerts.alert import Alert, Sighting


class Silence(msgspec.Struct, frozen=True, kw_only=True):
    """Findings that are not told until a time. What is not named matches everything; an alert's id matches that alert.

    A silence hides nothing: alerts open and end all the same, and are listed. When it is over while the alert is still open, that is
    told then.
    """

    id: str
    until: int
    created: int
    author: str
    note: str = ""
    alert: str | None = None
    endpoint: str | None = None
    source: str | None = None
    feature: str | None = None
    kind: str | None = None
    finding: str | None = None

    def matches(self, alert: Alert, sighting: Sighting) -> bool:
        """Whether one finding of an alert is meant, whatever the time."""
        found = sighting.finding
        pairs = (
            (self.alert, alert.id),
            (self.endpoint, alert.endpoint),
            (self.source, alert.source),
            (self.feature, found.feature),
            (self.kind, found.kind),
            (self.finding, found.finding),
        )
        return all(wanted is None or wanted == had for wanted, had in pairs)


def silenced(alert: Alert, silences: Iterable[Silence], now: int) -> bool:
    """Whether all that an alert has to say is silenced now. One finding that is not makes it heard, whole."""
    active = [silence for silence in silences if silence.until > now]
    return bool(active) and all(
        any(silence.matches(alert, sighting) for silence in active) for sighting in alert.sightings
    )

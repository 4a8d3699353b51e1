"""What an alert is: the findings of one cause, and how far it has come.

Times are nanoseconds since 1970, as in findings and buckets.
"""

from enum import StrEnum
from typing import Literal, NamedTuple

import msgspec

from hyperplan.skew.finding import Finding

EventKind = Literal["opened", "updated", "resolved", "reopened"]
"""What is told of an alert. `updated` says that more, or something more exact, is known; `reopened` that what had ended is back."""

LARGEST = 1e12
"""Bounds effect and evidence: a detector may be infinitely sure, but neither JSON nor Prometheus' users know infinity."""


class State(StrEnum):
    """How far an alert has come. `PENDING` was seen, but not often enough to say so; `FORGOTTEN` was pending and is not to be kept."""

    PENDING = "pending"
    OPEN = "open"
    RESOLVED = "resolved"
    FORGOTTEN = "forgotten"


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """An edit of an endpoint that may be behind what is found after it. `models` are those whose traffic it changed."""

    time: int
    kind: Literal["release", "routing"]
    words: str
    models: tuple[str, ...]


class Acknowledgement(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody has seen the alert."""

    author: str
    note: str
    time: int


class Identity(NamedTuple):
    """What makes two findings of two looks the same finding."""

    model: str
    feature: str
    kind: str
    finding: str
    against: str


class Sighting(msgspec.Struct, frozen=True, kw_only=True):
    """One finding about what one model is served, as it was when last seen.

    `held` counts the looks in a row in which it was seen, `missed` those since then in which it was not. `look` is the end of the last
    look that was counted, `rows` how many rows there were since it began when it was last seen.
    """

    model: str
    finding: Finding
    since: int
    look: int
    held: int = 1
    missed: int = 0
    rows: int = 0

    @property
    def identity(self) -> Identity:
        """What it is recognised by."""
        return Identity(self.model, *self.subject)

    @property
    def subject(self) -> tuple[str, str, str, str]:
        """The identity without the model: several models that are fed alike see the same thing."""
        found = self.finding
        return found.feature, found.kind, found.finding, found.against

    @property
    def present(self) -> bool:
        """Whether the last look saw it."""
        return self.missed == 0


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    """The findings of one cause at one endpoint.

    `cause` tells causes of an endpoint apart; `source` and `change` say what it is where that is known. `since` is when it began, as far
    as could be told when it was first seen. `opened` is when it was last opened, `resolved` when it ended. `version` counts the events that
    were told; `told` is what the last of them said, as pairs of feature and finding, empty while nobody knows that the alert is open. `enough` says, by model
    and feature, in how many rows something was first found of it: so many are enough to see that.
    `sightings` are what is wrong now, a few looks that did not show it notwithstanding; of an alert that is over, what last was.
    """

    id: str
    endpoint: str
    cause: str
    source: str | None = None
    change: Change | None = None
    state: State = State.PENDING
    since: int
    seen: int
    opened: int | None = None
    resolved: int | None = None
    version: int = 0
    told: tuple[tuple[str, str], ...] = ()
    told_at: int = 0
    sightings: tuple[Sighting, ...]
    enough: dict[str, dict[str, int]] = {}
    sentence: str = ""
    acknowledged: Acknowledgement | None = None


class Event(NamedTuple):
    """Something to tell: the alert as it is from then on. The alert's id and version name the event for all time."""

    kind: EventKind
    alert: Alert
    time: int

    @property
    def id(self) -> str:
        """The same whenever and by whomever the event is worked out again."""
        return f"{self.alert.id}-{self.alert.version}"

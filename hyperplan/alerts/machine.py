"""When an alert opens and ends, as a table.

What a look has to say about an alert is one of four signals; state and signal give the next state and what is told. Opening and ending
each need several looks, so that what flickers around a threshold is one alert.
"""

from enum import StrEnum
from typing import NamedTuple

from hyperplan.alerts.alert import EventKind, State


class Signal(StrEnum):
    """What a look says: a finding is there and convinces, one is there, all are missing, all have been missing for long."""

    CONVINCING = "convincing"
    SEEN = "seen"
    FADING = "fading"
    GONE = "gone"


class Move(NamedTuple):
    """The next state, and what is told of it, if anything."""

    state: State
    event: EventKind | None = None


MOVES: dict[tuple[State, Signal], Move] = {
    (State.PENDING, Signal.CONVINCING): Move(State.OPEN, "opened"),
    (State.PENDING, Signal.SEEN): Move(State.PENDING),
    (State.PENDING, Signal.FADING): Move(State.FORGOTTEN),
    (State.PENDING, Signal.GONE): Move(State.FORGOTTEN),
    (State.OPEN, Signal.CONVINCING): Move(State.OPEN),
    (State.OPEN, Signal.SEEN): Move(State.OPEN),
    (State.OPEN, Signal.FADING): Move(State.OPEN),
    (State.OPEN, Signal.GONE): Move(State.RESOLVED, "resolved"),
    (State.RESOLVED, Signal.CONVINCING): Move(State.OPEN, "reopened"),
    (State.RESOLVED, Signal.SEEN): Move(State.RESOLVED),
    (State.RESOLVED, Signal.FADING): Move(State.RESOLVED),
    (State.RESOLVED, Signal.GONE): Move(State.RESOLVED),
}
"""Every state that an alert can be stored in, and every signal."""

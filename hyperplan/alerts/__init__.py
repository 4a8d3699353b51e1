"""Alerts: what people are told about skew, once for each cause, and until it is over.

Detectors find things wrong with features, look by look; people want to know which feed broke. `step` takes the alerts that are
known and what was just found, and says what the alerts are now and what is to be told (`Event`). It keeps nothing to itself:
whoever calls it stores the alerts, so that control can die between any two looks, and be replicated.

`causes` says which findings belong together, `machine` when an alert opens and ends (a table), `sentence` what it says,
`changes` which edits of an endpoint may be behind it, `lasting` whether it is still
so, `silence` what nobody wants to hear.
"""

from hyperplan.alerts.alert import Acknowledgement, Alert, Change, Event, EventKind, Sighting, State
from hyperplan.alerts.changes import changes_between
from hyperplan.alerts.lasting import lasting, rows_since
from hyperplan.alerts.sentence import sentence_of
from hyperplan.alerts.silence import Silence, silenced
from hyperplan.alerts.step import Found, Observation, Policy, Step, step

__all__ = [
    "Acknowledgement",
    "Alert",
    "Change",
    "Event",
    "EventKind",
    "Found",
    "Observation",
    "Policy",
    "Sighting",
    "Silence",
    "State",
    "Step",
    "changes_between",
    "lasting",
    "rows_since",
    "sentence_of",
    "silenced",
    "step",
]

"""Telling what is new from what was sent again.

A sidecar that got no answer sends what it has once more. It has the same key and, to the nanosecond, the same time; so what is known
is looked up by time, and taking observations in costs the same however many there are.
"""

from collections.abc import Sequence

from control.stores.arrivals import Arrival
from control.stores.databases import Writer
from control.stores.tables import StoredTable
from control.stores.texts import storable_text


def unseen(writer: Writer, table: StoredTable, arrivals: Sequence[Arrival]) -> list[Arrival]:
    """Those that are not in a table yet, each once."""
    texts = [column for column in table.key if column != "time"]
    by_key = {}
    for arrival in reversed(arrivals):
        observation = arrival.observation
        key = (observation.time, *[storable_text(getattr(observation, column)) for column in texts])
        by_key[key] = arrival
    times = list({arrival.observation.time for arrival in arrivals})
    for known in writer.at_times(table, ("time", *texts), times):
        by_key.pop(known, None)
    return list(reversed(by_key.values()))

"""What goes wrong upstream in the demo: two real mistakes of feeds, as pure functions of a row.

Neither makes a model fail. Both make it wrong, which is the trouble with them.
"""

from demo.flights import Row

RENAMED_TO = "dist"
"""The name under which the broken feed sends `distance`."""


def in_seconds(row: Row) -> Row:
    """The row as a feed sends it that reports departure delays in seconds instead of minutes."""
    delay = row["dep_delay"]
    return row if delay is None else {**row, "dep_delay": delay * 60}


def renamed(row: Row) -> Row:
    """The row as a feed sends it that calls the distance `dist`."""
    return {RENAMED_TO if name == "distance" else name: value for name, value in row.items()}

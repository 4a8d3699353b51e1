"""Rows that two models both predicted, one beside the other."""

from collections.abc import Iterable
from typing import NamedTuple

from hyperplan.comparison.pairs import Pair
from hyperplan.comparison.readings import Read, Reading


class Row(NamedTuple):
    """One row of a request, as both models predict it."""

    primary: Reading
    shadow: Reading


class Compared(NamedTuple):
    """The rows of one request that can be compared, and the requests that it stands for."""

    weight: float
    rows: list[Row]


class Matched(NamedTuple):
    """Requests with rows that can be compared, and how many cannot.

    `unread` pairs lack the predictions of one model, `mismatched` ones have another number of them from each. `incomparable` rows
    are predicted in forms that do not tell whether they mean the same.
    """

    requests: list[Compared]
    unread: int
    mismatched: int
    incomparable: int

    @staticmethod
    def of(pairs: Iterable[Pair], read: Read) -> "Matched":
        """Put the rows of pairs side by side."""
        requests: list[Compared] = []
        unread = mismatched = incomparable = 0
        for pair in pairs:
            primary, shadow = pair.primary.predictions, pair.shadow.predictions
            if not primary or not shadow or pair.primary.failed or pair.shadow.failed:
                unread += 1
            elif len(primary) != len(shadow):
                mismatched += 1
            else:
                readings = [(read(one), read(other)) for one, other in zip(primary, shadow, strict=True)]
                rows = [Row(one, other) for one, other in readings if one and other and one.form == other.form]
                incomparable += len(readings) - len(rows)
                if rows:
                    requests.append(Compared(pair.weight, rows))
        return Matched(requests, unread, mismatched, incomparable)

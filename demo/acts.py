"""What happens during the replay, and when: the demo's script, as a table.

Places are shares of the replay, so that a short one shows the same as a long one.
"""

from typing import NamedTuple

from demo import faults
from demo.flights import Row


class Act(NamedTuple):
    """Something that happens from one place of the replay (0 to 1) to another, and what the audience is told."""

    begins: float
    ends: float
    caption: str


OPENING = Act(0.0, 0.25, "80 % of the planes are answered by gbm, 20 % by logit")
EDIT = Act(0.25, 1.0, "an operator edits the split to 50/50 through control's API")
SECONDS = Act(0.42, 0.55, "the feed sends dep_delay in seconds")
RENAME = Act(0.62, 0.75, "the feed calls distance 'dist'")
KILL = Act(0.85, 1.0, "logit is killed; Envoy asks gbm again")

ACTS = (OPENING, EDIT, SECONDS, RENAME, KILL)


def caption(share: float) -> str:
    """What is going on at a place of the replay."""
    return next(act.caption for act in reversed(ACTS) if act.begins <= min(share, 0.999) < act.ends)


def as_sent(row: Row, share: float) -> Row:
    """A flight as the feed sends it at a place of the replay."""
    if SECONDS.begins <= share < SECONDS.ends:
        return faults.in_seconds(row)
    if RENAME.begins <= share < RENAME.ends:
        return faults.renamed(row)
    return row

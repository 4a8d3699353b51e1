"""The garbage collector, out of the way of requests."""

import gc

YOUNG = 10_000
"""Objects made since the last collection at which the next one looks at the young: many requests later than by default."""


def settle() -> None:
    """Look never again at what is there now, which is there to stay, and seldom at the rest: hardly anything is in cycles."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, 50, 50)

"""Which rows a bucket holds: the key that profiles of what was served are kept and merged by."""

from typing import NamedTuple

from hyperplan.profile import Profile


class WindowKey(NamedTuple):
    """The rows of one endpoint and bucket of time that share all of this.

    `model` is the one that answered, or else was chosen, `arm` the one that was chosen; both are empty for requests that were
    rejected. `slice` is empty for all rows, or names a value: `origin=EWR`. `start` is in nanoseconds since 1970.
    `inclusion` is the probability with which each of the samples was drawn.
    """

    endpoint: str
    model: str
    arm: str
    slice: str
    start: int
    inclusion: float


class Bucket(NamedTuple):
    """The rows of a key, or some of them: profiles of the same key merge."""

    key: WindowKey
    profile: Profile

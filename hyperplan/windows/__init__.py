"""Windows: what was served, folded into buckets of time that add up.

A bucket is a profile under a key (`keys`). Samples are folded into buckets as they arrive (`fold`), and buckets are all that skew is
computed from; so what a question costs follows the endpoints, their features and the time asked about, not the traffic.
"""

from hyperplan.windows.fold import MOST_VALUES, EndpointSource, fold
from hyperplan.windows.keys import ALL, OTHER, Bucket, WindowKey, rounded_inclusion, slice_of

__all__ = [
    "ALL",
    "MOST_VALUES",
    "OTHER",
    "Bucket",
    "EndpointSource",
    "WindowKey",
    "fold",
    "rounded_inclusion",
    "slice_of",
]

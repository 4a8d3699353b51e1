"""Windows: what was served, folded into buckets of time that add up.

A bucket is a profile under a key (`keys`). Samples are folded into buckets as they arrive (`fold`), and buckets are all that skew is
computed from; so what a question costs follows the endpoints, their features and the time asked about, not the traffic. Older buckets
are merged into wider ones (`rollup`). Rows that were sampled with different probabilities are combined so that they stand for all traffic
(`weighting`). Detectors are given looks (`looks`), and the same hours of the weeks before (`season`).
"""

from hyperplan.windows.fold import MOST_VALUES, EndpointSource, fold
from hyperplan.windows.keys import ALL, OTHER, Bucket, WindowKey, rounded_inclusion, slice_of
from hyperplan.windows.looks import by_look, condensed, look_at, looks_of, profile_of
from hyperplan.windows.rollup import Due, due, rolled_up
from hyperplan.windows.season import season_of, spans_before
from hyperplan.windows.weighting import Weighted, combined

__all__ = [
    "ALL",
    "MOST_VALUES",
    "OTHER",
    "Bucket",
    "Due",
    "EndpointSource",
    "Weighted",
    "WindowKey",
    "by_look",
    "combined",
    "condensed",
    "due",
    "fold",
    "look_at",
    "looks_of",
    "profile_of",
    "rolled_up",
    "rounded_inclusion",
    "season_of",
    "slice_of",
    "spans_before",
]

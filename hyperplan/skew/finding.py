"""What a detector of skew says: one thing that is wrong, called by its name."""

from typing import Any, Literal

import msgspec

SkewKind = Literal["schema", "feature", "distribution", "scoring"]
Against = Literal["training", "before", "season"]
"""What serving was compared with: the training data (skew), the time just before, or the same hour and weekday before (drift)."""


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is wrong with one feature.

    `feature` is a feature of the schema, or of the answers (`OUTPUTS`), or empty when the endpoint as a whole is meant.
    `finding` is its name, one of those that the detectors list: `unit`, `renamed`, `shift`, `missing`. `effect` is how large it is, in
    the measure that the detector names. `evidence` is the natural logarithm of an e-value: 7 means that chance alone would have made
    it look like this in at most one of a thousand. `since` is when it began and `until` the end of the last look at it, in nanoseconds
    since 1970; None when the data has no times. `sentence` says it in plain words. `details` holds what a machine would want to
    know of it, and belongs to the finding's name.
    """

    feature: str
    kind: SkewKind
    finding: str
    effect: float
    evidence: float
    sentence: str
    against: Against = "training"
    since: int | None = None
    until: int | None = None
    details: dict[str, Any] = {}

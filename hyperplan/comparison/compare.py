"""All measures of a shadow beside the model that answered."""

from collections.abc import Sequence

import msgspec

from hyperplan.comparison.agreement import Agreement, agreement
from hyperplan.comparison.differences import Differences, differences
from hyperplan.comparison.outcomes import Outcome, outcomes
from hyperplan.comparison.pairs import Pair
from hyperplan.comparison.readings import THRESHOLD, reader
from hyperplan.comparison.rows import Matched
from hyperplan.endpoint import Task


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """A shadow beside the model that answered, over the requests that both were shown.

    `pairs` and `rows` (those compared) count what was observed; `requests` is how many requests the pairs stand for, each
    weighted by 1 / its inclusion probability, and so are all rates, means and quantiles. `unread` pairs lack the predictions of one of
    the two, `mismatched` pairs have another number of them from each; `incomparable` rows are predicted in forms that
    do not tell whether they mean the same, like a label and a probability. `agreement` is null where predictions are no
    classes, `differences` where they are no numbers.
    """

    pairs: int
    requests: float
    primary: Outcome
    shadow: Outcome
    rows: int
    unread: int
    mismatched: int
    incomparable: int
    agreement: Agreement | None
    differences: Differences | None


def compare(task: Task, pairs: Sequence[Pair], threshold: float = THRESHOLD) -> Comparison:
    """Compare the halves of pairs. Scores of a binary task are the class 1 from `threshold` on."""
    primary, shadow = outcomes(pairs)
    matched = Matched.of(pairs, reader(task, threshold))
    return Comparison(
        pairs=len(pairs),
        requests=sum(pair.weight for pair in pairs),
        primary=primary,
        shadow=shadow,
        rows=sum(len(rows) for _, rows in matched.requests),
        unread=matched.unread,
        mismatched=matched.mismatched,
        incomparable=matched.incomparable,
        agreement=agreement(matched.requests),
        differences=differences(matched.requests),
    )

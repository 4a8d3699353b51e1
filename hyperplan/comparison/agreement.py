"""Agreement: how often two models say the same class, and what they say where they do not."""

from collections import Counter, defaultdict
from collections.abc import Sequence

import msgspec

from hyperplan.comparison.rate import Rate
from hyperplan.comparison.rows import Compared, Row

MOST_DISAGREEMENTS = 10
"""Disagreements that are named: the commonest."""

Labels = tuple[str, str]
"""The class by the primary and that by the shadow."""


class Disagreement(msgspec.Struct, frozen=True, kw_only=True):
    """Rows for which the primary said one class and the shadow another: counted, and their estimated share of all rows."""

    primary: str
    shadow: str
    rows: int
    share: float


class Agreement(msgspec.Struct, frozen=True, kw_only=True):
    """The rows that have a class by both models, the share for which it is the same, and the commonest disagreements."""

    rows: int
    rate: Rate
    disagreements: list[Disagreement]


def agreement(requests: Sequence[Compared]) -> Agreement | None:
    """The agreement on some requests; None when no row of them has a class."""
    labelled = [(weight, [_labels(row) for row in rows if row.primary.label is not None]) for weight, rows in requests]
    alike = [weight * sum(one == other for one, other in rows) for weight, rows in labelled]
    rate = Rate.of(alike, [weight * len(rows) for weight, rows in labelled])
    if rate is None:
        return None
    return Agreement(rows=sum(len(rows) for _, rows in labelled), rate=rate, disagreements=_disagreements(labelled))


def _labels(row: Row) -> Labels:
    return str(row.primary.label), str(row.shadow.label)


def _disagreements(requests: Sequence[tuple[float, Sequence[Labels]]]) -> list[Disagreement]:
    counts: Counter[Labels] = Counter()
    weights: defaultdict[Labels, float] = defaultdict(float)
    for weight, rows in requests:
        for labels in rows:
            counts[labels] += 1
            weights[labels] += weight
    total = sum(weights.values())
    differing = [labels for labels in counts if labels[0] != labels[1]]
    commonest = sorted(differing, key=lambda labels: (-weights[labels], labels))[:MOST_DISAGREEMENTS]
    return [
        Disagreement(primary=labels[0], shadow=labels[1], rows=counts[labels], share=weights[labels] / total)
        for labels in commonest
    ]

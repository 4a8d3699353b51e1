"""`missing`, `null`, `type`, `unseen`: rows without a usable value have become more than training had of them.

Reference: the rate in each chunk of training, in its order. A rate is a distribution over two bins, rows with the fault and rows
without, so what is news is decided as for distributions: how much the rate moved between the chunks, and moves between looks, is what
it may move (`movement`), and rows since some look are bet to be further away (`onset`); the noise of having counted the reference is in
it, and so is having looked again and again at many features (`evidence.significant`). Besides, the effect must matter: `LEAST` more of all
rows, or `TIMES` the rate of training if that is `SEEN` of all rows at least.

Only more is reported: fewer nulls than training had hurt nobody, and if the values behind them are others, `shift` says so.

A value of a category is `unseen` when the schema does not list it; of a category without a list, when training did not have it (which
is only known if training's values were few enough to keep them all). What in a chunk of training is in no other chunk counts as
unseen there: that is how often new values came while nothing was wrong.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from hyperplan.profile import FeatureProfile, Profile
from hyperplan.schema import Category
from hyperplan.skew.case import Case
from hyperplan.skew.evidence import shares_of, significant
from hyperplan.skew.finding import Finding
from hyperplan.skew.movement import Floats, of_training
from hyperplan.skew.onset import Onset, onset
from hyperplan.skew.tally import column_of
from hyperplan.skew.words import moment, percent, since

LEAST = 0.01
"""By how much of all rows a rate must have grown to matter."""
TIMES = 3.0
"""How many times its rate in training also matters,"""
SEEN = 0.001
"""when it is at least this share of all rows."""


class Rate(NamedTuple):
    """A rate: its name as a finding, what is said of the rows that count, and how many of a profile do."""

    finding: str
    words: str
    hits: Callable[[FeatureProfile], int]


MISSING = Rate("missing", "is missing from", lambda profile: profile.missing)
ABSENCES = (
    MISSING,
    Rate("null", "is null in", lambda profile: profile.null),
    Rate("type", "is of the wrong type in", lambda profile: profile.wrong_type + profile.nan),
)
UNSEEN = Rate("unseen", "has values that training did not have in", lambda profile: profile.unseen)


def rates(case: Case) -> Iterable[Finding]:
    """Rates that have grown against training, and since when."""
    asked = ((name, rate) for name in case.schema.features for rate in _rates(case, name))
    each = {(name, rate.finding): judged(case, name, rate) for name, rate in asked}
    found = significant({key: one.onset.evidence for key, one in each.items()})
    for (name, _), one in each.items():
        if (name, one.rate.finding) in found and matters(one.reference, one.now):
            yield _finding(case, name, one)


def matters(reference: float, now: float) -> bool:
    """Whether a rate is so much larger than it was that somebody should know."""
    return now - reference >= LEAST or (now >= TIMES * reference and now >= SEEN)


class Judged(NamedTuple):
    """What is thought of one rate: its share of rows in training, and now, since its onset."""

    rate: Rate
    onset: Onset
    reference: float
    now: float


_NOTHING = Onset(0, -np.inf)


def _rates(case: Case, name: str) -> Sequence[Rate]:
    feature = case.schema.features[name]
    if not isinstance(feature, Category):
        return ABSENCES
    if feature.values is not None:
        return (*ABSENCES, UNSEEN)
    known = case.once(("values", name), lambda: _values(case, name))
    return ABSENCES if known is None else (*ABSENCES, UNSEEN._replace(hits=lambda profile: _strange(profile, known)))


def _values(case: Case, name: str) -> frozenset[str] | None:
    """The values of a category that more than one chunk of training had; None when not all are kept."""
    chunks = [profile.features[name].values for profile in case.reference if name in profile.features]
    counted = [set(values.counts) for values in chunks if values is not None and not values.other]
    if not counted or len(counted) < len(chunks):
        return None
    if len(counted) == 1:
        return frozenset(counted[0])
    seen: set[str] = set()
    return frozenset(value for values in counted for value in values if value in seen or seen.add(value))  # type: ignore[func-returns-value]


def _strange(profile: FeatureProfile, known: frozenset[str]) -> int:
    return sum(count for value, count in profile.values.counts.items() if value not in known) if profile.values else 0


def judged(case: Case, name: str, rate: Rate) -> Judged:
    """Since when a rate of a feature has been higher than in training, if it has, and with what evidence."""
    key = "judged", name, rate.finding
    return case.once_shown(key, lambda: _judged(case, name, rate))


def _judged(case: Case, name: str, rate: Rate) -> Judged:
    asked = case.once("rates", lambda: _asked(case))
    looks = case.once_shown("rates", lambda: _counts_of_looks(case, asked))[:, asked[name, rate.finding][0]]
    training = case.once(("rate", name, rate.finding), lambda: _counts(case.reference, name, rate))
    rows, trained = looks.sum(), training.sum()
    if not rows or not trained or not looks[:, 0].any():
        return Judged(rate, _NOTHING, 0.0, 0.0)
    whole = training.sum(axis=0)
    movement = case.once(("rate moves", name, rate.finding), lambda: of_training(training))
    movement = movement.seen_in(looks, shares_of(whole))
    if looks[:, 0].sum() > training[:, 0].max():
        # No stretch of training that is shorter than its chunks can have held more of these rows than a whole chunk.
        movement = movement._replace(shortest=0.0)
    began = onset(looks, whole, movement.from_training)
    now = looks[began.look :].sum(axis=0)
    return Judged(rate, began, float(whole[0] / trained), float(now[0] / max(now.sum(), 1.0)))


def _asked(case: Case) -> dict[tuple[str, str], tuple[int, Rate]]:
    """All rates of all features, numbered."""
    each = [(name, rate) for name in case.schema.features for rate in _rates(case, name)]
    return {(name, rate.finding): (number, rate) for number, (name, rate) in enumerate(each)}


def _counts_of_looks(case: Case, asked: Mapping[tuple[str, str], tuple[int, Rate]]) -> Floats:
    """The same as `_counts` of all rates, by look and rate."""

    def hits(profile: Profile) -> list[tuple[int, int]]:
        return [_hits(profile, name, rate) for (name, _), (_, rate) in asked.items()]

    found = [case.once_of(look, "rates", hits) for look in case.looks]
    return np.array(found, np.float64).reshape(-1, len(asked), 2)


def _counts(profiles: Iterable[Profile], name: str, rate: Rate) -> Floats:
    """Rows that count and rows that do not, by profile."""
    return np.array([_hits(profile, name, rate) for profile in profiles], np.float64).reshape(-1, 2)


def _hits(profile: Profile, name: str, rate: Rate) -> tuple[int, int]:
    found = profile.features.get(name)
    hits = rate.hits(found) if found else 0
    return hits, found.rows - hits if found else 0


def _finding(case: Case, name: str, one: Judged) -> Finding:
    looks = case.looks[one.onset.look :]
    now = column_of(looks, name)
    examples = now.unseen_values.counts if one.rate is UNSEEN and now.unseen_values else {}
    common = sorted(examples, key=lambda value: (-examples[value], value))[:3]
    named = f", like {', '.join(map(repr, common))}" if common else ""
    return Finding(
        feature=name,
        kind="schema",
        finding=one.rate.finding,
        effect=one.now - one.reference,
        evidence=one.onset.evidence,
        since=moment(looks[0].start),
        until=moment(looks[-1].end),
        sentence=(
            f"{name} {one.rate.words} {percent(one.now)} of {now.rows:,} rows{since(looks[0].start, looks[-1].end)}{named}; "
            f"in training {percent(one.reference) if one.reference else 'that never happened'}"
        ),
        details={
            "rows": now.rows,
            "rate": one.now,
            "reference": one.reference,
            **({"values": common} if common else {}),
        },
    )

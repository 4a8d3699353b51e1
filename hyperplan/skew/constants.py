"""Values that stand in for those that nobody had: a feature that is always the same, or a fill that takes the place of some of them.

**Reference**: how often training had the value. **Assumptions**: a feature of which training had one value half of the time says nothing by
having it again; rows of one look count for as many as they usually have different values (`stretch`). A *fill* is a number or a word that
programs write for "none" (0, -1, 999, "unknown"), or a number with more digits than training ever had that comes again and
again, as the mean does that somebody fills in.

**Reports** `constant`: one value for all rows since some look, where training had several; `effect` is the share of rows of training
that had another one. `default`: a share of the rows has a fill that training had at most a fifth as often, while the others are where training had them; `effect` is that share.
The evidence is the log likelihood ratio of the shares that are seen to those of training.
"""

import functools
import math
from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from hyperplan.profile import FeatureProfile, Numbers, Profile
from hyperplan.profile.frequent import FILLS
from hyperplan.profile.quantiles import keys_of
from hyperplan.skew.case import Case, Look
from hyperplan.skew.evidence import threshold
from hyperplan.skew.exact import fineness, last_places
from hyperplan.skew.finding import Finding
from hyperplan.skew.stretch import beginning, profiles_of, speaking
from hyperplan.skew.words import number, percent, since

ROWS = 200
"""Rows in which it is looked for: the newest."""
FEWEST = 20
"""Usable rows that there must be."""
LEAST = 15.0
"""Nats that there must be, whatever the number of features."""
COMMON = 0.5
"""A value that training had as often is not surprising."""
TIMES = 5.0
"""How many times more often than in training a fill must come, ..."""
OF_THE_MOST = 3.0
"""... and than in any chunk of training, or look before."""
SMALLEST = 0.02
"""The smallest share of rows that matters."""
ASIDE = 0.2
"""How far from the middle of training the mean rank of the other values may be if they are to be as they were."""
UNHEARD = 0.5
"""The share of rows that speak for themselves when training never had their value."""
WORDS = frozenset(
    ["", "-", "--", "?", "n/a", "#n/a", "na", "nan", "nil", "none", "null", "missing", "unknown", "undefined", "tbd"]
).union(["unspecified", "not available", "not set", "default", "other", "error", "xxx"])
"""Texts that stand for "none", in lower case."""

Value = float | str


class _Counted(NamedTuple):
    """How often values came among so many usable rows; `rest` is the largest share that a value which was not kept may have."""

    counts: dict[Value, int]
    rows: int
    rest: float = 0.0

    def share(self, value: Value) -> float:
        return self.counts.get(value, 0) / self.rows if self.rows else 0.0


class _Odd(NamedTuple):
    """A value, its share of the newest rows and of training, and the look since when."""

    value: Value
    share: float
    usual: float
    began: int


def constants(case: Case) -> Iterable[Finding]:
    """Features that have one value where training had several, or a fill that training hardly had."""
    recent = case.recent(ROWS)
    bar = max(LEAST, threshold(len(case.schema.features)))
    for name in case.schema.features:
        trained = case.training.features.get(name)
        served = _summed(_counted_in(case, look, name) for look in recent)
        if trained is None or min(served.rows, trained.usable) < FEWEST:
            continue
        training = case.once(("counted", name), functools.partial(_counted, trained))
        if len(served.counts) == 1 and sum(served.counts.values()) == served.rows:
            yield from _constant(case, name, next(iter(served.counts)), training, bar)
        else:
            yield from _defaults(case, name, served, training, bar)


def _counted_in(case: Case, look: Look, name: str) -> _Counted:
    """The values of a feature in a look."""

    def counted(profile: Profile) -> _Counted:
        return _counted(profile.features[name]) if name in profile.features else _Counted({}, 0)

    return case.once_of(look, ("counted", name), counted)


def _counted(profile: FeatureProfile) -> _Counted:
    """The values of a feature as far as they were kept: numbers that come often or were sampled, or texts."""
    counts: dict[Value, int] = {}
    rest = 0
    if profile.numbers is not None:
        numbers, sampled = profile.numbers.sample.items()
        counts |= dict(zip(numbers.tolist(), sampled.tolist(), strict=True))
        counts |= {float(value): count for value, count in profile.numbers.frequent.counts.items()}
        if not profile.numbers.sample.complete:
            rest = int(profile.numbers.sketch.cells()[1].max(initial=0))
    for texts in (profile.values, profile.unseen_values):
        counts.update(texts.counts if texts else {})
        rest = max(rest, texts.other if texts else 0)
    return _Counted(counts, profile.usable, rest / max(profile.usable, 1))


def _summed(parts: Iterable[_Counted]) -> _Counted:
    """The values of several looks, look by look: of a short one nearly all are kept."""
    counts: Counter[Value] = Counter()
    rows = 0
    for part in parts:
        counts.update(part.counts)
        rows += part.rows
    return _Counted(dict(counts), rows)


def _constant(case: Case, name: str, value: Value, training: _Counted, bar: float) -> Iterable[Finding]:
    usual = training.share(value) or training.rest
    if usual > COMMON or len(training.counts) < 2:
        return
    odd = _Odd(value, 1.0, usual, beginning(case.looks, name, lambda profile: _always(profile, value)))
    evidence = -_weight(case, name, odd) * math.log(max(usual, 0.5 / training.rows))
    if evidence >= bar:
        says = f"{name} has been {_shown(value)} in every row{_since(case, odd)}; {_usually(odd, training)}"
        yield _finding(case, name, "constant", odd, 1 - usual, evidence, says)


def _defaults(case: Case, name: str, served: _Counted, training: _Counted, bar: float) -> Iterable[Finding]:
    for value, count in served.counts.items():
        share, usual = count / served.rows, training.share(value)
        if share < max(SMALLEST, TIMES * usual) or count < 3 or not _is_fill(case, name, value, training):
            continue
        odd = _Odd(
            value, share, usual, beginning(case.looks, name, functools.partial(_has, value=value, share=share / 3))
        )
        if usual and (share < OF_THE_MOST * _most(case, name, odd) or not _alone(case, name, value)):
            continue
        rows = _weight(case, name, odd) if usual else UNHEARD * served.rows
        evidence = rows * _divergence(share, max(usual, 0.5 / training.rows))
        if evidence >= bar:
            says = f"{name} is {_shown(value)} in {percent(share)} of the rows{_since(case, odd)}; {_usually(odd, training)}"
            yield _finding(case, name, "default", odd, share, evidence, says)


def _finding(case: Case, name: str, finding: str, odd: _Odd, effect: float, evidence: float, sentence: str) -> Finding:
    return Finding(
        feature=name,
        kind="feature",
        finding=finding,
        effect=effect,
        evidence=evidence,
        sentence=sentence,
        since=case.looks[odd.began].start,
        until=case.looks[-1].end,
        details={"value": odd.value, "training": odd.usual},
    )


def _weight(case: Case, name: str, odd: _Odd) -> float:
    """How many independent rows those are worth in which something is odd."""
    rows = sum(profile.usable for profile in profiles_of(name, case.recent(ROWS)))
    return rows * speaking(profiles_of(name, case.looks[: odd.began]), case.training.features[name])


def _since(case: Case, odd: _Odd) -> str:
    return since(case.looks[odd.began].start if odd.began else None, case.looks[-1].end)


def _usually(odd: _Odd, training: _Counted) -> str:
    if training.share(odd.value):
        return f"in training {percent(odd.usual)} of the rows had it"
    return f"in training at most {percent(odd.usual)} of the rows had it" if odd.usual else "training never had it"


def _always(profile: FeatureProfile, value: Value) -> bool | None:
    counted = _counted(profile)
    return counted.counts.get(value, 0) == counted.rows if counted.rows else None


def _has(profile: FeatureProfile, value: Value, share: float) -> bool | None:
    counted = _counted(profile)
    return counted.share(value) >= share if counted.rows else None


def _is_fill(case: Case, name: str, value: Value, training: _Counted) -> bool:
    if isinstance(value, str):
        return value.strip().casefold() in WORDS
    return value in FILLS or (value not in training.counts and _fineness(value) < _finest(case, name, training))


def _fineness(value: float) -> int:
    return int(fineness(last_places(np.array([value])))[0])


def _finest(case: Case, name: str, training: _Counted) -> float:
    """The most digits that a number of training is known to have had; none is finer where nothing is known."""

    def finest() -> float:
        known = np.array([other for other in training.counts if not isinstance(other, str) and other], np.float64)
        return int(fineness(last_places(known)).min(initial=0)) if known.size else -math.inf

    return case.once(("finest", name), finest)


def _most(case: Case, name: str, odd: _Odd) -> float:
    """The largest share that a value had in a chunk of training, or in a look before."""
    chunks = [profile.features[name] for profile in case.reference if name in profile.features]
    before = profiles_of(name, case.looks[: odd.began])
    return max((_counted(part).share(odd.value) for part in (*chunks, *before) if part.usable >= FEWEST), default=0.0)


def _alone(case: Case, name: str, value: Value) -> bool:
    """Whether the other values are where training had them. A calm day has many small numbers besides zero, a fill leaves the rest as it was."""
    training = case.training.features[name].numbers
    if isinstance(value, str) or training is None:
        return True
    served = Numbers.merged(part.numbers for part in profiles_of(name, case.recent(ROWS)) if part.numbers)
    (keys, counts), (others, other_counts) = training.sketch.cells(), served.sketch.cells()
    at = keys_of(np.array([value]))[0]
    keys, counts = keys[keys != at], counts[keys != at]
    others, other_counts = others[others != at], other_counts[others != at]
    if not counts.size or other_counts.sum() < FEWEST / 2:
        return False
    ranks = np.concatenate([[0.0], (np.cumsum(counts) - counts / 2) / counts.sum(), [1.0]])[
        np.searchsorted(keys, others, side="right")
    ]
    return bool(abs(np.average(ranks, weights=other_counts) - 0.5) <= ASIDE)


def _divergence(share: float, usual: float) -> float:
    """The Kullback-Leibler divergence of two Bernoulli distributions, in nats."""
    other = (1 - share) * math.log((1 - share) / (1 - usual)) if share < 1 else 0.0
    return share * math.log(share / usual) + other


def _shown(value: Value) -> str:
    return repr(value) if isinstance(value, str) else number(value)

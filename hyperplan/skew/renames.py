"""`renamed`, `ambiguous`, `dropped`, `added`: features that went and fields that came.

A feature has **gone** when more rows lack it than in training, decided as for any rate (`rates`), whether all clients or one of several stopped
sending it. A field has **come** when rows hold it that the schema does not know. Of such a field there are only hashes. It is the feature by
another name when four witnesses say so together:

- **timing**: it came in the same rows, so far as counts can tell: since the feature went, each look has about as many rows with one or the other
  as it had with the feature. Without this nothing is a rename. A field that was there before the feature went counts for less;
- **values**, how many distinct ones and how many nulls (`likeness`), as far as hashes can be told (`unhashing`);
- **names** (`naming`).

The last three are log likelihood ratios and are added up, against what another column of this feed would look like (`strangers`); when values
speak against it, only so far: a feature may be renamed and change its unit at once. Numbers with all their digits say nothing by their hashes,
and what is left then, timing and how many are distinct, is never enough by itself: `ambiguous` lists what it may have become.

Of several features and fields the most likely assignment counts, in which each has one partner or none, and a pair is sure by how much
likelier that is than the best without it. `dropped` and `added` are what has no partner.

An alias that the schema declares and somebody uses is `renamed` too, without any doubt; the feature is not missing then.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from scipy.optimize import linear_sum_assignment

from hyperplan.profile import FeatureProfile, Profile
from hyperplan.profile.hashed import unknown_field
from hyperplan.skew.case import Case, Look
from hyperplan.skew.evidence import rate_evidence, significant
from hyperplan.skew.finding import Finding
from hyperplan.skew.likeness import History, distinct, nulls, values
from hyperplan.skew.naming import EQUAL, PART, alike
from hyperplan.skew.rates import MISSING, Judged, judged, matters
from hyperplan.skew.unhashing import Floats, Sorted, Unhashed
from hyperplan.skew.words import moment, percent, since

SURE = 2.0
"""By how much likelier a rename must be than anything else, in nats. That is little, since it is not all: a field is only looked at when it came in
the very rows that the feature went from, and that is counted in none of the witnesses."""
PLAIN = 3.0
"""From here on values are said to be those of a feature, or to speak against it."""
POSSIBLE = -1.5
"""From here on it is at least possible."""
CHANGED = -4.0
"""The log of how likely a renamed feature is to hold other values than before, another unit say: they speak against a rename no louder."""
CONSISTENT = 1.0
"""What counts of distinct values and nulls may say for a rename: many columns are alike in that."""
THERE_BEFORE = -2.0
"""What it says that the field was there before the feature went."""
ALL = 0.9
"""The share of its rows from which on a feature is dropped, and not just missing from some."""
STRETCHES = 5
"""Stretches of the past that are compared with each other."""
STRETCH = (100, 1000)
"""Rows of one: as many as since the feature went, but at least and at most so many."""
MOST_OTHERS = 50
"""Other features that are asked what columns look like."""
FEWEST = 20
"""Rows that must have a field before anything is said of it."""
OFTEN = 0.01
"""The share of rows that must."""


class Gone(NamedTuple):
    """A feature that went: the look since when, the evidence of it, and the share of rows that lack it since."""

    look: int
    evidence: float
    share: float


class Witnesses(NamedTuple):
    """What speaks for a rename, in nats."""

    values: float
    others: float
    names: float
    timing: float

    def together(self) -> float:
        """What all of them say."""
        return max(self.values + min(self.others, CONSISTENT), CHANGED) + self.names + self.timing

    def words(self, feature: str) -> str:
        """What they say, in words."""
        said = ["it came in the same rows"]
        if self.values >= PLAIN:
            said.append(f"its values are those of {feature}")
        elif self.values <= -PLAIN:
            said.append(f"though its values are not those of {feature}, which may have changed too")
        if self.names >= EQUAL:
            said.append("the names are the same words")
        elif self.names >= PART:
            said.append("the names are alike")
        return ", ".join(said[:-1]) + (" and " if len(said) > 1 else "") + said[-1]


def renames(case: Case) -> Iterable[Finding]:
    """Features that came under another name, that went, and fields that came."""
    if not case.looks:
        return
    yield from _by_alias(case)
    gone, fields = _gone(case), _fields(case)
    scores = {(name, field): score for name in gone for field, score in _witnesses(case, name, gone[name], fields)}
    sure = _sure(scores)
    renamed = {name: field for (name, field), margin in sure.items() if margin >= SURE}
    taken = set(renamed.values())
    for name, one in gone.items():
        candidates = _candidates(name, scores, taken)
        if name in renamed:
            yield _renamed(case, name, one, renamed[name], scores[name, renamed[name]], sure[name, renamed[name]])
        elif candidates:
            yield _ambiguous(case, name, one, candidates)
            taken |= set(candidates)
        elif one.share >= ALL * (1 - _usually_missing(case, name)):
            yield _dropped(case, name, one)
    if case.schema.on_unknown != "ignore":
        for field in fields:
            if field not in taken:
                yield _added(case, field)


def _gone(case: Case) -> dict[str, Gone]:
    """The features that more rows lack than in training."""
    found: dict[str, Judged] = {name: judged(case, name, MISSING) for name in case.schema.features}
    certain = significant({name: one.onset.evidence for name, one in found.items()})
    return {
        name: Gone(one.onset.look, one.onset.evidence, one.now)
        for name, one in found.items()
        if name in certain and matters(one.reference, one.now)
    }


def _fields(case: Case) -> list[str]:
    """The unknown fields that enough rows have to say something of them: of all that were served, or of the last."""
    names = dict.fromkeys(name for look in case.looks for name in look.profile.unknown_profiles)
    recent = case.recent(STRETCH[0] * 2)
    return [name for name in names if _often(case.looks, name) or _often(recent, name)]


def _often(looks: Sequence[Look], field: str) -> bool:
    return _come(looks, field) >= max(FEWEST, OFTEN * _rows(looks))


def _come(looks: Sequence[Look], field: str) -> int:
    return sum(_present(look.profile, field) for look in looks)


def _rows(looks: Sequence[Look]) -> int:
    return sum(look.profile.rows for look in looks)


def _present(profile: Profile, field: str) -> int:
    found = profile.unknown_profiles.get(field)
    return found.present if found else 0


def _usually_missing(case: Case, name: str) -> float:
    training = case.training.features.get(name, FeatureProfile())
    return training.missing / training.rows if training.rows else 0.0


def _witnesses(case: Case, name: str, gone: Gone, fields: Iterable[str]) -> Iterator[tuple[str, Witnesses]]:
    """What is said of each pair of a feature and one of the fields that came where it went."""
    usual = 1 - _usually_missing(case, name)
    looks, before = case.looks[gone.look :], case.looks[: gone.look]
    in_its_place = [field for field in fields if _in_its_place(looks, name, field, usual)]
    if not in_its_place:
        return
    now = Profile.merged(look.profile for look in looks)
    chunks = [chunk.features[name] for chunk in case.reference[-STRETCHES:] if name in chunk.features]
    history = History(case.training.features[name], chunks, _stretches(before, name, now.rows))
    unhashed = Unhashed(case.schema.features[name], history.training, history.stretches, case.secret)
    others = _others(case, name, now, unhashed)
    for field in in_its_place:
        # Looks may have more such fields between them than one profile keeps.
        found = unknown_field([(look.profile.rows, look.profile.unknown_profiles) for look in looks], field)
        earlier = _come(before, field) / max(_rows(before), 1)
        yield (
            field,
            Witnesses(
                values(unhashed, history, found, others),
                distinct(history, found) + nulls(history, found),
                alike(name, field),
                THERE_BEFORE if earlier > 0.5 * found.present / max(now.rows, 1) else 0.0,
            ),
        )


def _others(case: Case, name: str, now: Profile, unhashed: Unhashed) -> list[Sorted]:
    """What other features hold, as the bins of the one that went have it."""
    known = [other for other in case.schema.features if other != name and other in now.features]
    return [unhashed.of_another(case.schema.features[other], now.features[other]) for other in known[:MOST_OTHERS]]


def _in_its_place(looks: Sequence[Look], name: str, field: str, usual: float) -> bool:
    """Whether about as many rows have one or the other as used to have the feature, look by look."""
    rows = np.array([look.profile.rows for look in looks], np.float64)
    feature = np.array([look.profile.features.get(name, FeatureProfile()).present for look in looks], np.float64)
    come = np.array([_present(look.profile, field) for look in looks], np.float64)
    if not come.any():
        return False
    off = np.abs(feature + come - usual * rows)
    noise = 3 * np.sqrt(np.maximum(usual * (1 - usual), 0.0) * rows)
    return bool(np.maximum(off - noise, 0.0).sum() <= 0.1 * come.sum())


def _stretches(before: Sequence[Look], name: str, rows: int) -> list[FeatureProfile]:
    """The feature in stretches of about so many rows, oldest first, up to where it went."""
    size = min(max(rows, STRETCH[0]), STRETCH[1])
    found: list[list[FeatureProfile]] = [[]]
    for look in reversed(before):
        if sum(part.rows for part in found[-1]) >= size:
            if len(found) == STRETCHES:
                break
            found.append([])
        if name in look.profile.features:
            found[-1].append(look.profile.features[name])
    merged_ones = [FeatureProfile.merged(reversed(parts)) for parts in reversed(found)]
    return [one for one in merged_ones if one.usable]


def _sure(scores: Mapping[tuple[str, str], Witnesses]) -> dict[tuple[str, str], float]:
    """The pairs of the most likely assignment, and how much likelier it is than the best without each."""
    names, fields = (list(dict.fromkeys(pair[side] for pair in scores)) for side in (0, 1))
    if not scores:
        return {}
    table = np.full((len(names), len(fields) + len(names)), -1e9)
    table[:, len(fields) :] = 0.0  # each feature may stay without a partner
    for (name, field), witnesses in scores.items():
        table[names.index(name), fields.index(field)] = witnesses.together()
    best, chosen = _best(table)
    found = {}
    for row, column in enumerate(chosen):
        if column < len(fields):
            without = table.copy()
            without[row, column] = -1e9
            found[names[row], fields[column]] = best - _best(without)[0]
    return found


def _best(table: Floats) -> tuple[float, list[int]]:
    rows, columns = linear_sum_assignment(table, maximize=True)
    return float(table[rows, columns].sum()), columns.tolist()


def _candidates(name: str, scores: Mapping[tuple[str, str], Witnesses], taken: set[str]) -> dict[str, float]:
    """The fields that a feature may have become, the likeliest first."""
    found = {
        field: one.together() for (feature, field), one in scores.items() if feature == name and field not in taken
    }
    possible = [field for field in found if found[field] >= POSSIBLE]
    return {field: found[field] for field in sorted(possible, key=lambda field: -found[field])}


def _renamed(case: Case, name: str, gone: Gone, field: str, witnesses: Witnesses, margin: float) -> Finding:
    looks = case.looks[gone.look :]
    rows, present = _rows(looks), _come(looks, field)
    share = present / max(rows, 1)
    return _finding(
        looks,
        name,
        "renamed",
        share,
        gone.evidence,
        f"{name} comes as {field} in {percent(share)} of {rows:,} rows{_since(looks)}: {witnesses.words(name)}",
        {"from": name, "to": field, "odds": margin, "witnesses": witnesses._asdict()},
    )


def _ambiguous(case: Case, name: str, gone: Gone, candidates: Mapping[str, float]) -> Finding:
    looks = case.looks[gone.look :]
    listed = ", or as ".join(candidates)
    return _finding(
        looks,
        name,
        "ambiguous",
        gone.share,
        gone.evidence,
        f"{name} is missing from {percent(gone.share)} of {_rows(looks):,} rows{_since(looks)}, and may come as {listed} now: "
        "it came in the same rows, but values and names do not tell",
        {"from": name, "candidates": list(candidates), "odds": list(candidates.values())},
    )


def _dropped(case: Case, name: str, gone: Gone) -> Finding:
    looks = case.looks[gone.look :]
    return _finding(
        looks,
        name,
        "dropped",
        gone.share,
        gone.evidence,
        f"{name} has gone: it is missing from {percent(gone.share)} of {_rows(looks):,} rows{_since(looks)}, and nothing came in its place",
        {"rate": gone.share, "reference": _usually_missing(case, name)},
    )


def _added(case: Case, field: str) -> Finding:
    first = next(index for index, look in enumerate(case.looks) if _present(look.profile, field))
    looks = case.looks[first:]
    rows, present = _rows(looks), _come(looks, field)
    share = present / max(rows, 1)
    always = "" if first else ", from the first of these rows on"
    return _finding(
        looks,
        field,
        "added",
        share,
        rate_evidence((0, case.training.rows), (present, rows)),
        f"{field} has come, which the schema does not know: it is in {percent(share)} of {rows:,} rows{_since(looks) or always}",
        {"rate": share},
    )


def _by_alias(case: Case) -> Iterator[Finding]:
    """Features that come under one of the names that the schema declares besides their own."""
    for name, feature in case.schema.features.items():
        first = next((index for index, look in enumerate(case.looks) if _renamed_in(look.profile, name)), None)
        if first is None:
            continue
        looks = case.looks[first:]
        rows, renamed = _rows(looks), sum(_renamed_in(look.profile, name) for look in looks)
        share = renamed / max(rows, 1)
        training = case.training.features.get(name, FeatureProfile())
        called = " or ".join(feature.aliases) or "another name"
        yield _finding(
            looks,
            name,
            "renamed",
            share,
            rate_evidence((training.renamed, training.rows), (renamed, rows)),
            f"{name} comes as {called} in {percent(share)} of {rows:,} rows{_since(looks)}: the schema declares that name as an alias",
            {
                "from": name,
                "to": feature.aliases[0] if len(feature.aliases) == 1 else None,
                "aliases": list(feature.aliases),
            },
        )


def _renamed_in(profile: Profile, name: str) -> int:
    found = profile.features.get(name)
    return found.renamed if found else 0


def _since(looks: Sequence[Look]) -> str:
    return since(looks[0].start, looks[-1].end)


def _finding(
    looks: Sequence[Look],
    feature: str,
    finding: str,
    effect: float,
    evidence: float,
    sentence: str,
    details: dict[str, object],
) -> Finding:
    return Finding(
        feature=feature,
        kind="schema",
        finding=finding,
        effect=effect,
        evidence=evidence,
        since=moment(looks[0].start),
        until=moment(looks[-1].end),
        sentence=sentence,
        details=details,
    )

"""Categories under other names: `UA` that became `ua`, `1` that became `01`, codes that went through a translation table.

**Reference**: the values of training and how often each came. **Assumptions**: values that training never had, in the place of ones that it
had, are no coincidence if a *spelling* leads from each to one of training's: upper and lower case, spaces, leading zeros, decimals of an
integer, accents, punctuation. A *translation* nobody can guess, but if all values are new, there are as many as before, and each
comes as often as exactly one of the old ones did, it can be read off: as long as exchanging any two of them fits worse by
`MARGIN` nats. Values so rare that they could be exchanged stay out of the table, and are at most a tenth of the rows.

**Reports** `recoded`: which spelling, or the table. `effect` is the share of rows with a value of the new kind. The evidence of a spelling
is that of values that training never had, of a translation that and how much worse the next best table fits.
"""

import functools
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2

from hyperplan.profile import FeatureProfile
from hyperplan.skew.case import Case
from hyperplan.skew.evidence import rate_evidence, threshold
from hyperplan.skew.finding import Finding
from hyperplan.skew.stretch import beginning, profiles_of
from hyperplan.skew.words import percent, since

ROWS = 200
"""Rows in which another spelling is looked for: the newest."""
MORE_ROWS = 5000
"""Rows in which a translation, and a spelling of rare values, is looked for."""
CLUMPS = 4.0
"""So many rows speak for one, since rows that come together are alike."""
LEAST = 12.0
"""Nats that there must be, whatever the number of features."""
MOSTLY = 0.9
"""The share of new values, by rows, that one explanation must cover."""
SMALLEST = 0.02
"""The smallest share of rows that matters."""
MARGIN = 6.0
"""Nats by which the table must fit better than with any two values exchanged."""
FITS = 1e-3
"""A translation is none if frequencies differ more than chance does at this level."""
KEPT = 0.5
"""The share of training's rows whose values were kept, below which there is no telling which values are new: identifiers, free text."""
SHOWN = 3
"""Pairs that a sentence shows."""


def _unaccented(text: str) -> str:
    return "".join(letter for letter in unicodedata.normalize("NFKD", text) if not unicodedata.combining(letter))


def _integral(text: str) -> str:
    whole, point, rest = text.partition(".")
    return whole if point and whole.lstrip("-").isdigit() and not rest.strip("0") else text


SPELLINGS: dict[str, Callable[[str], str]] = {
    "case": str.casefold,
    "spaces": lambda text: " ".join(text.split()),
    "leading zeros": lambda text: text.lstrip("0") or "0",
    "decimals": _integral,
    "accents": _unaccented,
    "punctuation": lambda text: "".join(letter for letter in text if letter.isalnum()),
    "case, spaces and punctuation": lambda text: "".join(letter for letter in text.casefold() if letter.isalnum()),
    "spaces and leading zeros": lambda text: text.strip().lstrip("0") or "0",
}
"""What may be different about the spelling of a value, and how to read it without that. The simplest that explains is taken."""


class _Recoding(NamedTuple):
    """From the old values to the new ones; `by` is a spelling, or empty for a translation."""

    by: str
    table: dict[str, str]
    share: float
    evidence: float


def recodings(case: Case) -> Iterable[Finding]:
    """Categories whose values are those of training, written otherwise."""
    bar = max(LEAST, threshold(len(case.schema.features)))
    for name in case.schema.features:
        known = case.once(("texts", name), functools.partial(_known, case, name))
        if len(known) < 2:
            continue
        newest, more = (
            _texts(FeatureProfile.merged(profiles_of(name, case.recent(rows)))) for rows in (ROWS, MORE_ROWS)
        )
        for found in (_respelt(known, newest), _respelt(known, more), _translated(known, newest, more)):
            if found is not None and found.evidence >= bar:
                yield _finding(case, name, found)
                break


def _known(case: Case, name: str) -> dict[str, int]:
    """The values of training, and how often each came; none if so few were kept that hardly any value could be called new."""
    trained = case.training.features.get(name)
    known = _texts(trained) if trained else {}
    return known if trained and sum(known.values()) >= KEPT * trained.usable else {}


def _texts(profile: FeatureProfile) -> dict[str, int]:
    """How often each text came, of those kept."""
    counted: dict[str, int] = {}
    for counts in (profile.values, profile.unseen_values):
        for value, count in (counts.counts if counts else {}).items():
            counted[value] = counted.get(value, 0) + count
    return counted


def _respelt(known: Mapping[str, int], served: Mapping[str, int]) -> _Recoding | None:
    new = {value: count for value, count in served.items() if value not in known}
    rows = sum(served.values())
    if sum(new.values()) < max(SMALLEST * rows, 1):
        return None
    for by, read in SPELLINGS.items():
        old: dict[str, list[str]] = {}
        for value in known:
            old.setdefault(read(value), []).append(value)
        table = {old[read(value)][0]: value for value in new if len(old.get(read(value), [])) == 1}
        covered = sum(new[value] for value in table.values())
        if covered >= MOSTLY * sum(new.values()):
            return _Recoding(by, table, covered / rows, _newness(known, covered, rows))
    return None


def _newness(known: Mapping[str, int], new: int, rows: int) -> float:
    """The evidence of values that training never had: that it had as many as it had values only once."""
    once = sum(count == 1 for count in known.values())
    return rate_evidence((once, sum(known.values())), (new / CLUMPS, rows / CLUMPS))


def _translated(known: Mapping[str, int], newest: Mapping[str, int], served: Mapping[str, int]) -> _Recoding | None:
    """The table that frequencies show, if all of the newest values are new; values from before the change are left out."""
    fresh = {value: count for value, count in served.items() if value not in known}
    rows = sum(fresh.values())
    if not rows or sum(newest.get(value, 0) for value in fresh) < 0.98 * sum(newest.values()):
        return None
    old, new = _by_frequency(known), _by_frequency(fresh)
    count = min(len(old), len(new))
    total = sum(known.values())
    shares = np.array([known[value] / total for value in old])
    counts = np.array([fresh[value] for value in new], np.float64) / CLUMPS
    apart = (counts[: count - 1] - counts[1:count]) * np.log(shares[: count - 1] / shares[1:count])
    # What an exchange of neighbours costs; of values further apart it costs more.
    sure = np.concatenate([[np.inf], apart, [np.inf]])
    told = [index for index in range(count) if min(sure[index], sure[index + 1]) >= MARGIN]
    table = {old[index]: new[index] for index in told}
    covered = sum(fresh[value] for value in table.values())
    if len(table) < 2 or covered < MOSTLY * rows or not _fits(shares, counts):
        return None
    margin = float(min(min(sure[index], sure[index + 1]) for index in told))
    return _Recoding("", table, covered / rows, min(_newness(known, rows, rows), 2 * margin))


def _by_frequency(counts: Mapping[str, int]) -> list[str]:
    return sorted(counts, key=lambda value: (-counts[value], value))


def _fits(shares: NDArray[np.float64], counts: NDArray[np.float64]) -> bool:
    """Whether counts, in the order of their size, are what chance makes of shares (Pearson's chi-squared; rare ones together)."""
    size = max(shares.size, counts.size)
    expected, seen = np.zeros(size), np.zeros(size)
    expected[: shares.size], seen[: counts.size] = shares * counts.sum(), counts
    common = expected >= 1
    expected = np.append(expected[common], expected[~common].sum() + 0.5)
    seen = np.append(seen[common], seen[~common].sum() + 0.5)
    statistic = float(((seen - expected) ** 2 / expected).sum())
    return bool(chi2.sf(statistic, max(expected.size - 1, 1)) >= FITS)


def _finding(case: Case, name: str, found: _Recoding) -> Finding:
    new = set(found.table.values())
    began = beginning(case.looks, name, lambda profile: _shows(profile, new, found.share / 3))
    start, until = case.looks[began].start, case.looks[-1].end
    pairs = sorted(found.table.items())
    shown = ", ".join(f"{ours!r} where training had {theirs!r}" for theirs, ours in pairs[:SHOWN])
    more = f", and {len(pairs) - SHOWN} more" if len(pairs) > SHOWN else ""
    what = f"is spelt otherwise ({found.by})" if found.by else "is translated"
    part = "" if found.share > MOSTLY else f" in {percent(found.share)} of the rows"
    return Finding(
        feature=name,
        kind="feature",
        finding="recoded",
        effect=found.share,
        evidence=found.evidence,
        sentence=f"{name} {what}{part}{since(start if began else None, until)}: {shown}{more}",
        since=start,
        until=until,
        details={"by": found.by or "translation", "table": dict(pairs)},
    )


def _shows(profile: FeatureProfile, new: set[str], share: float) -> bool | None:
    texts = _texts(profile)
    rows = sum(texts.values())
    return sum(texts.get(value, 0) for value in new) >= share * rows if rows else None

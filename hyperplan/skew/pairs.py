"""Served values beside those that the training log has of the same rows: which differ, and how one becomes the other.

Distributions can only say that served minutes look like seconds. Row beside row it is exact: a relation is only told if it holds for
`NEARLY` all rows that differ, and to the last digits of a double. Relations are tried from the simplest on: a rounding, a line, a spelling, a
translation, one value in place of all, and at last rows that are late: the value that the log has of a row some rows before.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hyperplan.skew.recoding import SPELLINGS
from hyperplan.skew.units import Line, Unit, alternatives, roundings, table, unit
from hyperplan.skew.words import number, percent, times_larger

Floats = NDArray[np.float64]
Texts = NDArray[np.object_]

NEARLY = 0.99
"""The share of the rows that differ which a relation must hold for."""
SAME = 1e-9
"""Relative difference of numbers that are the same: those of files are doubles, and some have been through text."""
FEWEST = 3
"""Rows that differ, with as many different values, from which on a relation is more than chance."""
MOST_LATE = 50
"""Rows by which values may be late."""
SHOWN = 3
"""Pairs of a translation that a sentence shows."""


class Relation(NamedTuple):
    """How served values come from logged ones: its name, one sentence without a subject, and what a machine wants to know."""

    name: str
    sentence: str
    details: dict[str, Any]


class Comparison(NamedTuple):
    """A feature over pairs: how many there are, which differ, and how; no relation if none is known that holds."""

    pairs: int
    differ: NDArray[np.bool_]
    relation: Relation | None

    @property
    def share(self) -> float:
        """The share of pairs that differ."""
        return float(self.differ.mean()) if self.pairs else 0.0


def compare_numbers(served: Floats, logged: Floats, declared: str | None = None) -> Comparison:
    """Compare numbers pair by pair, in the order of time if lateness shall be seen; NaN is null. `declared` is the unit of the feature."""
    differ = ~(_same(served, logged) | (np.isnan(served) & np.isnan(logged)))
    return Comparison(served.size, differ, _first(_of_numbers(served, logged, differ, declared)))


def compare_texts(served: Texts, logged: Texts) -> Comparison:
    """Compare texts pair by pair; None is null."""
    differ = np.array(served != logged, np.bool_)
    return Comparison(served.size, differ, _first(_of_texts(served, logged, differ)))


def _first(relations: Iterator[Relation | None]) -> Relation | None:
    return next((relation for relation in relations if relation is not None), None)


def _of_numbers(
    served: Floats, logged: Floats, differ: NDArray[np.bool_], declared: str | None
) -> Iterator[Relation | None]:
    yield _absent(np.isnan(served), np.isnan(logged), differ)
    both = differ & ~np.isnan(served) & ~np.isnan(logged)
    ours, theirs = served[both], logged[both]
    if both.sum() < max(FEWEST, NEARLY * differ.sum()):
        return
    if np.unique(theirs).size >= FEWEST:
        yield _filled(ours)
        yield _rounded(ours, theirs)
        yield _straight(ours, theirs, declared)
    yield _late(served, logged, _same)


def _of_texts(served: Texts, logged: Texts, differ: NDArray[np.bool_]) -> Iterator[Relation | None]:
    ours_absent, theirs_absent = (np.array([value is None for value in side], np.bool_) for side in (served, logged))
    yield _absent(ours_absent, theirs_absent, differ)
    both = differ & ~ours_absent & ~theirs_absent
    ours, theirs = served[both], logged[both]
    if both.sum() < max(FEWEST, NEARLY * differ.sum()):
        return
    if len(set(theirs)) > 1:
        yield _filled(ours)
    yield _spelt(ours, theirs)
    yield _late(served, logged, lambda one, other: np.array(one == other, np.bool_))
    yield _translated(ours, theirs)


def _same(one: Floats, other: Floats) -> NDArray[np.bool_]:
    return np.asarray(np.abs(one - other) <= SAME * np.maximum(np.abs(one), np.abs(other)))


def _holds(agree: NDArray[np.bool_]) -> bool:
    return bool(agree.mean() >= NEARLY)


def _absent(served: NDArray[np.bool_], logged: NDArray[np.bool_], differ: NDArray[np.bool_]) -> Relation | None:
    for side, absent, other in (("served", served, logged), ("logged", logged, served)):
        only = absent & ~other
        if only.any() and only.sum() >= NEARLY * differ.sum():
            return Relation(
                "null",
                f"{side} as null in {percent(float(only.mean()))} of the rows, the rest is equal",
                {"null": side},
            )
    return None


def _filled(served: Any) -> Relation | None:
    value, count = Counter(served.tolist()).most_common(1)[0]
    if count < NEARLY * len(served):
        return None
    shown = repr(value) if isinstance(value, str) else number(value)
    return Relation("default", f"served as {shown} whatever the log has", {"value": value})


def _rounded(served: Floats, logged: Floats) -> Relation | None:
    for places in range(6, -4, -1):
        for name, fine, coarse in (("served", logged, served), ("logged", served, logged)):
            for how, cut in (("rounded", np.round), ("cut off", _cut_off)):
                if _holds(_same(cut(fine, places), coarse)):
                    step = float(10.0**-places)
                    other = "log" if name == "served" else "served values"
                    sentence = f"{name} {how} to multiples of {number(step)}, where the {other} {'has' if other == 'log' else 'have'} more digits"
                    return Relation("precision", sentence, {"rounded": name, "how": how, "step": step})
    return None


def _cut_off(numbers: Floats, places: int) -> Floats:
    return np.trunc(numbers * 10.0**places) / 10.0**places


def _straight(served: Floats, logged: Floats, declared: str | None) -> Relation | None:
    """A factor, an offset, or both: the line through the two pairs that lie furthest apart, of those in the bulk."""
    with np.errstate(divide="ignore", invalid="ignore"):
        factor = float(np.nanmedian(np.where(logged == 0, np.nan, served / logged)))
    tried = [Line(factor), Line(1.0, float(np.median(served - logged))), _through(served, logged)]
    for line in tried:
        if np.isfinite(line).all() and line.factor != 0 and _holds(_on(line, served, logged)):
            return _line(line, declared)
    return None


def _through(served: Floats, logged: Floats) -> Line:
    order = np.argsort(logged)
    low, high = order[order.size // 10], order[-1 - order.size // 10]
    if logged[high] == logged[low]:
        return Line(float("nan"))
    factor = float((served[high] - served[low]) / (logged[high] - logged[low]))
    return Line(factor, float(served[low] - factor * logged[low]))


def _on(line: Line, served: Floats, logged: Floats) -> NDArray[np.bool_]:
    size = np.abs(line.factor * logged) + abs(line.offset) + np.abs(served)
    return np.asarray(np.abs(line.factor * logged + line.offset - served) <= SAME * size)


def _line(line: Line, declared: str | None) -> Relation:
    units = _units(line, declared)
    details: dict[str, Any] = {"factor": line.factor, "offset": line.offset}
    if line.offset == 0:
        name, words = (
            "scale",
            times_larger(line.factor) if line.factor > 0 else f"{number(line.factor)} times the log's",
        )
    elif line.factor == 1:
        name, words = "offset", f"{number(abs(line.offset))} {'more' if line.offset > 0 else 'less'}"
    else:
        sign = "+" if line.offset > 0 else "-"
        name, words = "offset", f"{number(line.factor)} times the log's {sign} {number(abs(line.offset))}"
    if not units:
        return Relation(name, f"served {words}", details)
    told = " or ".join(f"{served.name} where the log has {logged.name}" for served, logged in units[:SHOWN])
    pairs = [{"from": logged.symbol, "to": served.symbol} for served, logged in units]
    return Relation("unit" if declared else name, f"served {words}: {told}", details | {"candidates": pairs})


def _units(line: Line, declared: str | None) -> list[tuple[Unit, Unit]]:
    """Pairs of units, served and logged, that a line leads between; of the declared one, if it is known."""
    known = unit(declared) if declared else None
    from_units = [known] if known else () if _is_power_of_ten(line.factor) and line.offset == 0 else table()
    return [
        (other, one)
        for one in from_units
        for other in alternatives(one)
        if any(_alike(line, rounded) for rounded in roundings(one.to(other)))
    ]


def _alike(one: Line, other: Line) -> bool:
    near = abs(one.factor - other.factor) <= SAME * abs(other.factor)
    return near and abs(one.offset - other.offset) <= 1e-6 * max(abs(other.offset), 1e-3)


def _is_power_of_ten(factor: float) -> bool:
    return factor > 0 and abs(np.log10(factor) - round(np.log10(factor))) < SAME


def _spelt(served: Texts, logged: Texts) -> Relation | None:
    for by, read in SPELLINGS.items():
        if _holds(np.array([read(one) == read(other) for one, other in zip(served, logged, strict=True)], np.bool_)):
            sentence = f"spelt otherwise ({by}): {served[0]!r} where the log has {logged[0]!r}"
            return Relation("recoded", sentence, {"by": by, "table": _table(served, logged)})
    return None


def _translated(served: Texts, logged: Texts) -> Relation | None:
    found = _table(served, logged)
    agree = np.array([found[other] == one for one, other in zip(served, logged, strict=True)], np.bool_)
    several = Counter(logged.tolist())
    if not _holds(agree) or len(set(found.values())) < len(found) or sum(several.values()) < FEWEST * len(several):
        return None
    shown = ", ".join(f"{ours!r} where the log has {theirs!r}" for theirs, ours in list(found.items())[:SHOWN])
    return Relation("recoded", f"translated: {shown}", {"by": "translation", "table": found})


def _table(served: Texts, logged: Texts) -> dict[str, str]:
    """For each logged text the one that was served most often in its place."""
    pairs: dict[str, Counter[str]] = defaultdict(Counter)
    for one, other in zip(served.tolist(), logged.tolist(), strict=True):
        pairs[other][one] += 1
    return {other: counted.most_common(1)[0][0] for other, counted in sorted(pairs.items())}


def _late(served: Any, logged: Any, same: Any) -> Relation | None:
    """Rows that hold what the log has of the row some rows before, or after. A value that hardly changes is as good as late by any number."""
    at_once = float(same(served, logged).mean())
    for rows in range(1, min(MOST_LATE, len(served) // 4) + 1):
        for lag, ours, theirs in ((rows, served[rows:], logged[:-rows]), (-rows, served[:-rows], logged[rows:])):
            agree = same(ours, theirs)
            if _holds(agree) and at_once < 0.5:
                late = f"{rows} row{'s' if rows > 1 else ''} {'late' if lag > 0 else 'early'}"
                return Relation(
                    "late",
                    f"served {late}: what the log has of the row so many {'before' if lag > 0 else 'after'}",
                    {"rows": lag},
                )
    return None


def examples(differ: NDArray[np.bool_], most: int) -> Sequence[int]:
    """The positions of a few pairs that differ, spread evenly."""
    at = np.flatnonzero(differ)
    return (
        [int(at[index]) for index in np.unique(np.linspace(0, at.size - 1, min(most, at.size)).astype(int))]
        if at.size
        else []
    )

"""Whether a rename is called one, and whether a feature that goes and another that comes are told apart from it.

A rename: one feature comes under another name, over 200 rows of requests as samples have them, of whose unknown fields only hashes are known;
`hyperplan skew` hashes the columns of files likewise, so there is no other path. New names are alike (`dep_delay`, `depDelay`) or tell nothing
(`column_17`). An unrelated drop and addition: one feature goes, and a field comes that the schema does not know: another column of the same rows.

What can be identified is said beforehand, from the training data alone (`telling`): the feature tells something, and no other column is
alike it. Unrelated are columns that are not alike. Those that are stand beside: there, nobody is right but by luck, and `ambiguous` is the
right answer.
"""

import functools
from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec
import numpy as np

from bench.judgement import Bar, Line, Measured, Options, Part, share
from bench.parallel import over
from bench.skew.data import DATA_SETS, Columns, DataSet, load
from bench.skew.faults import under_another_name, without
from bench.skew.serving import LOOK, as_requests, requested, taken, training_of
from bench.skew.telling import Pairs, alike, telling
from hyperplan.schema import Schema
from hyperplan.skew.case import Case, Look
from hyperplan.skew.detect import detect

ROWS = 200
BEFORE = 1_000
PLACES = 6
MOST_UNRELATED = 1_000

RENAMED = Line(
    f"rename named within {ROWS} rows, where it can be identified",
    (Bar("share", 0.95, at_least=True), Bar("unrelated called a rename", 0.01)),
)


class Trial(NamedTuple):
    """A feature that goes at a row, and what comes: itself by a new name, or `other`, which training does not have."""

    data: str
    feature: str
    new: str
    row: int
    other: str | None = None


@functools.cache
def case(data: str, less: str | None) -> Case:
    """The reference of a data set, without the feature that is nobody's."""
    whole = load(data)
    features = {name: feature for name, feature in whole.schema.features.items() if name != less}
    schema = msgspec.structs.replace(whole.schema, features=features)
    return Case(schema, training_of(whole._replace(schema=schema)), ())


def tried(trial: Trial) -> dict[str, Any]:
    """What was said of the feature that went: whether it was called a rename, and into what."""
    data, known = load(trial.data), case(trial.data, trial.other)
    rows = taken(data.columns, slice(trial.row - BEFORE, trial.row + ROWS))
    before, after = taken(rows, slice(0, BEFORE)), taken(rows, slice(BEFORE, None))
    if trial.other is None:
        after = under_another_name(after, trial.feature, trial.new)
    else:
        before = without(before, trial.other)
        after = under_another_name(without(after, trial.feature), trial.other, trial.new)
    looks = [*_looks(known.schema, before, 0), *_looks(known.schema, after, BEFORE // LOOK)]
    found = detect(known.showing(looks))
    told = [one for one in found if one.finding == "renamed"]
    right = any(one.feature == trial.feature and one.details.get("to") == trial.new for one in told)
    others = [one.finding for one in found if trial.feature in (one.feature, one.details.get("from"))]
    return {
        **trial._asdict(),
        "right": right,
        "renamed": [f"{one.feature} to {one.details.get('to')}" for one in told],
        "said": others,
    }


def _looks(schema: Schema, columns: Columns, first: int) -> list[Look]:
    rows = as_requests(columns)
    return [
        requested(schema, rows[start : start + LOOK], first + start // LOOK)
        for start in range(0, len(rows) - LOOK + 1, LOOK)
    ]


class Known(NamedTuple):
    """What training says beforehand of a data set: features that tell something, and pairs that cannot be told apart."""

    telling: set[str]
    alike: Pairs

    @staticmethod
    def of(data: DataSet) -> "Known":
        """Of a data set, for as many rows as a trial has."""
        return Known(telling(data, ROWS), alike(data, ROWS))

    def kind(self, trial: Trial) -> str:
        """What a trial is: a rename that can be identified or one that cannot, or two columns that are unrelated or alike."""
        if trial.other is not None:
            return "alike" if frozenset((trial.feature, trial.other)) in self.alike else "unrelated"
        told = trial.feature in self.telling and not any(trial.feature in pair for pair in self.alike)
        return "identifiable" if told else "not identifiable"


def another_spelling(name: str) -> str:
    """A name as somebody else would write it: dep_delay, depDelay; ghi, ghi_value."""
    first, *others = name.split("_")
    return first + "".join(word.capitalize() for word in others) if others else f"{name}_value"


def measure(options: Options) -> Measured:
    """The figure, and what was said of each feature."""
    trials = _trials(options)
    options.say(f"  {len(trials)} trials")
    known = {name: Known.of(load(name)) for name in DATA_SETS}
    found = [
        {"kind": known[trial.data].kind(trial), **one}
        for trial, one in zip(trials, over(tried, trials, options.workers), strict=True)
    ]
    sure, unsure, unrelated, siblings = (
        [one for one in found if one["kind"] == kind]
        for kind in ("identifiable", "not identifiable", "unrelated", "alike")
    )
    wrong = [one for one in unrelated if one["renamed"]]
    beside = {
        "renames": len(sure),
        "unrelated": len(unrelated),
        "into another": sum(bool(one["renamed"]) and not one["right"] for one in [*sure, *unsure]),
        "not identifiable": len(unsure),
        "not identifiable, named": share(sum(one["right"] for one in unsure), len(unsure)),
        "alike": len(siblings),
        "alike, called a rename": share(sum(bool(one["renamed"]) for one in siblings), len(siblings)),
        "alike, called ambiguous": share(sum("ambiguous" in one["said"] for one in siblings), len(siblings)),
    }
    values = {
        "share": share(sum(one["right"] for one in sure), len(sure)),
        "unrelated called a rename": share(len(wrong), len(unrelated)),
    }
    return Measured(
        [RENAMED.judged(values, beside)],
        {
            "renames by feature": _by_feature([*sure, *unsure]),
            "columns that are alike": [
                {"data": name, "columns": " and ".join(sorted(pair))}
                for name, one in known.items()
                for pair in sorted(one.alike, key=sorted)
            ],
            "unrelated called a rename": _rows(wrong)[:40],
            "renames not named": _rows([one for one in sure if not one["right"]])[:40],
        },
    )


def _trials(options: Options) -> list[Trial]:
    drawn = np.random.default_rng(options.seed)
    renames, unrelated = [], []
    for name in DATA_SETS:
        data = load(name)

        def place(data: DataSet = data) -> int:
            return int(drawn.integers(data.split + BEFORE, data.rows - ROWS))

        for feature in data.schema.features:
            for _ in range(options.sized(PLACES)):
                renames += [Trial(name, feature, new, place()) for new in (another_spelling(feature), "column_17")]
            for other in data.schema.features:
                if other != feature:
                    unrelated += [Trial(name, feature, new, place(), other) for new in (other, "column_17")]
    count = options.sized(MOST_UNRELATED, 20)
    picked = sorted(drawn.permutation(len(unrelated))[:count].tolist())
    # By what the reference lacks, so that a process makes few of them.
    return renames + sorted((unrelated[index] for index in picked), key=lambda one: (one.data, one.other or ""))


def _rows(found: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{key: one[key] for key in ("data", "feature", "new", "other", "row", "renamed", "said")} for one in found]


def _by_feature(renamed: list[dict[str, Any]]) -> list[dict[str, Any]]:
    rows = []
    for data, feature in dict.fromkeys((one["data"], one["feature"]) for one in renamed):
        own = [one for one in renamed if (one["data"], one["feature"]) == (data, feature)]
        rows.append(
            {
                "data": data,
                "feature": feature,
                "identifiable": own[0]["kind"] == "identifiable",
                "trials": len(own),
                "named": sum(one["right"] for one in own),
            }
        )
    return rows


PART = Part("renames, and what is none", (RENAMED,), measure)

"""Whether a rename is called one, and whether a feature that goes and another that comes are told apart from it.

A rename: one feature comes under another name, over 200 rows of requests as samples have them, of whose unknown fields only hashes are known.
It can be identified when the values say something: five distinct ones at least in these rows, and most of them known to training. New
names are alike (`dep_delay`, `depDelay`) or tell nothing (`column_17`).

An unrelated drop and addition: one feature goes, and a field comes that the schema does not know: another column of the same rows.
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
        "identifiable": trial.other is not None or identifiable(data, trial),
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


def identifiable(data: DataSet, trial: Trial) -> bool:
    """Whether the values of the renamed rows say whose they are."""
    training = data.columns[trial.feature][: data.split]
    values = data.columns[trial.feature][trial.row : trial.row + ROWS]
    if values.dtype.kind == "f":
        values = values[~np.isnan(values)]
    else:
        values = np.array([value for value in values if value is not None], object)
    known = set(training.tolist())
    return len(set(values.tolist())) >= 5 and sum(value in known for value in values.tolist()) * 2 > len(values)


def alike(name: str) -> str:
    """A name as somebody else would write it: dep_delay, depDelay; ghi, ghi_value."""
    first, *others = name.split("_")
    return first + "".join(word.capitalize() for word in others) if others else f"{name}_value"


def measure(options: Options) -> Measured:
    """The figure, and what was said of each feature."""
    trials = _trials(options)
    options.say(f"  {len(trials)} trials")
    found = list(over(tried, trials, options.workers))
    renamed = [one for one in found if one["other"] is None]
    unrelated = [one for one in found if one["other"] is not None]
    sure = [one for one in renamed if one["identifiable"]]
    hits, wrong = sum(one["right"] for one in sure), [one for one in unrelated if one["renamed"]]
    unsure = [one for one in renamed if not one["identifiable"]]
    beside = {
        "renames": len(sure),
        "unrelated": len(unrelated),
        "others named": share(sum(one["right"] for one in unsure), len(unsure)),
        "into another": sum(bool(one["renamed"]) and not one["right"] for one in renamed),
    }
    return Measured(
        [
            RENAMED.judged(
                {"share": share(hits, len(sure)), "unrelated called a rename": share(len(wrong), len(unrelated))},
                beside,
            )
        ],
        {
            "renames by feature": _by_feature(renamed),
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
                renames += [Trial(name, feature, new, place()) for new in (alike(feature), "column_17")]
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
        sure = [one for one in own if one["identifiable"]]
        rows.append(
            {
                "data": data,
                "feature": feature,
                "trials": len(own),
                "identifiable": len(sure),
                "named": sum(one["right"] for one in sure),
                "others named": sum(one["right"] for one in own if not one["identifiable"]),
            }
        )
    return rows


PART = Part("renames, and what is none", (RENAMED,), measure)

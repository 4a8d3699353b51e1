"""All metrics of a task over some outcomes: each a line in a table, so that what is measured can be read at a glance.

Rows are weighted by 1 / their inclusion probability, so that figures are of all requests and not of those that happened to be sampled.
"""

from collections.abc import Mapping

import msgspec
import numpy as np

from hyperplan.comparison.readings import THRESHOLD
from hyperplan.outcomes import Outcomes
from hyperplan.performance.estimate import Clustered, Estimate, Floats, Statistic
from hyperplan.performance.ranking import auc
from hyperplan.performance.reliability import ReliabilityBin, reliability

SURE = float(np.finfo(np.float64).eps)
"""How near to 0 and 1 a probability counts in the log loss: certainty that is wrong would cost everything."""


class Performance(msgspec.Struct, frozen=True, kw_only=True):
    """How good predictions were.

    `rows` have a label and a prediction that could be read, `unread` have a label only, `rewarded` have a reward. `entities` is how many
    independent ones they are: entities, or requests that name none. `metrics` are by name; which there are depends on the task. `classes` holds, for a multiclass task, those of
    each class; `reliability` is of a binary task whose scores are probabilities.
    """

    rows: int
    unread: int
    rewarded: int
    entities: int
    metrics: dict[str, Estimate]
    classes: dict[str, dict[str, Estimate]] = {}
    reliability: list[ReliabilityBin] = []


def measure(outcomes: Outcomes, thresholds: Mapping[str, float] | None = None) -> Performance:
    """Measure. `thresholds` are those of binary models by name, from which on a score is the class 1; 0.5 where none is named."""
    labelled = ~np.isnan(outcomes.label)
    read = labelled & (outcomes.predicted >= 0 if outcomes.task == "multiclass" else ~np.isnan(outcomes.score))
    scored = outcomes.where(read)
    rows = clustered(scored)
    metrics: dict[str, Estimate | None] = {}
    classes: dict[str, dict[str, Estimate]] = {}
    curve: list[ReliabilityBin] = []
    match outcomes.task:
        case "binary":
            metrics = _binary(rows, scored, _thresholds(scored, thresholds or {}))
            curve = reliability(rows, scored.score, scored.label) if _probabilities(scored.score) else []
        case "multiclass":
            metrics, classes = _multiclass(rows, scored)
        case "regression":
            metrics = _regression(rows, scored)
    rewarded = outcomes.where(~np.isnan(outcomes.reward))
    paid = clustered(rewarded)
    metrics["reward"] = paid.mean(paid.ratio(rewarded.reward))
    return Performance(
        rows=len(scored),
        unread=int(labelled.sum()) - len(scored),
        rewarded=len(rewarded),
        entities=len(np.unique(rows.cluster)),
        metrics=_present(metrics),
        classes=classes,
        reliability=curve,
    )


def clustered(outcomes: Outcomes) -> Clustered:
    """Rows by entity; those of a request that names none belong together."""
    return Clustered(outcomes.weight, outcomes.entities())


def _binary(rows: Clustered, outcomes: Outcomes, thresholds: Floats) -> dict[str, Estimate | None]:
    score, label = outcomes.score, outcomes.label
    said = (score >= thresholds).astype(np.float64)
    right = said * label
    found = {
        "accuracy": rows.share(rows.ratio(said == label)),
        "precision": rows.share(rows.ratio(right, said)),
        "recall": rows.share(rows.ratio(right, label)),
        "f1": rows.share(rows.ratio(2 * right, said + label)),
        "auc": rows.share(auc(rows, score, label)),
        "positive_rate": rows.share(rows.ratio(said)),
        "base_rate": rows.share(rows.ratio(label)),
    }
    if _probabilities(score):
        sure = np.clip(score, SURE, 1 - SURE)
        found["log_loss"] = rows.loss(rows.ratio(-np.log(np.where(label == 1, sure, 1 - sure))))
        found["brier"] = rows.loss(rows.ratio((score - label) ** 2))
        found["calibration"] = rows.mean(rows.ratio(score - label))
    return found


def _multiclass(
    rows: Clustered, outcomes: Outcomes
) -> tuple[dict[str, Estimate | None], dict[str, dict[str, Estimate]]]:
    classes: dict[str, dict[str, Estimate]] = {}
    scores: list[Statistic] = []
    for index, name in enumerate(outcomes.classes):
        said = (outcomes.predicted == index).astype(np.float64)
        true = (outcomes.label == index).astype(np.float64)
        right = said * true
        f1 = rows.ratio(2 * right, said + true)
        if f1 is not None:
            scores.append(f1)
            classes[name] = _present(
                {
                    "precision": rows.share(rows.ratio(right, said)),
                    "recall": rows.share(rows.ratio(right, true)),
                    "f1": rows.share(f1),
                }
            )
    known = ~np.isnan(outcomes.truth_score)
    sure = np.clip(np.where(known, outcomes.truth_score, 1.0), SURE, 1.0)
    return {
        "accuracy": rows.share(rows.ratio(outcomes.predicted == outcomes.label)),
        "macro_f1": rows.share(_average(scores)),
        "log_loss": rows.loss(rows.ratio(-np.log(sure) * known, known)),
    }, classes


def _regression(rows: Clustered, outcomes: Outcomes) -> dict[str, Estimate | None]:
    error = outcomes.score - outcomes.label
    squared = rows.loss(rows.ratio(error**2))
    return {
        "rmse": None if squared is None else _root(squared),
        "mae": rows.loss(rows.ratio(np.abs(error))),
        "bias": rows.mean(rows.ratio(error)),
    }


def _average(several: list[Statistic]) -> Statistic | None:
    if not several:
        return None
    values, influences, sizes = zip(*several, strict=True)
    return Statistic(float(np.mean(values)), np.mean(influences, axis=0), min(sizes))


def _root(squared: Estimate) -> Estimate:
    low, high = squared.low, squared.high
    return Estimate(squared.value**0.5, None if low is None else low**0.5, None if high is None else high**0.5)


def _thresholds(outcomes: Outcomes, thresholds: Mapping[str, float]) -> Floats:
    of_names = np.array([*(thresholds.get(name, THRESHOLD) for name in outcomes.answered.names), THRESHOLD])
    found: Floats = of_names[outcomes.answered.codes]  # the last is that of a row that nobody is known to have answered
    return found


def _probabilities(score: Floats) -> bool:
    return bool(score.size) and bool((score >= 0).all() and (score <= 1).all())


def _present(metrics: Mapping[str, Estimate | None]) -> dict[str, Estimate]:
    return {name: one for name, one in metrics.items() if one is not None}

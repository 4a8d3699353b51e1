"""How much is lost by a threshold that was learnt on 2,000 labels, against the best one on 100,000 rows that were held out.

Regret is relative: of costs, how much more than the least cost; of F, how much less than the greatest. Scores come in several shapes: as
probabilities that are right, that are too sure of themselves, whose class is rare, that are rounded, that have steps, two humps or a kink; and
those that the demo's models give to real flights of the half-year after their training. Each is learnt from 200 draws of labels; also from labels that came for what was decided positive, and for a
tenth of the others. Beside it stands the threshold that is the best on the labels themselves.
"""

import math
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from bench.judgement import Bar, Line, Measured, Options, Part
from demo.flights import load
from demo.models import load as load_model
from demo.training import train
from hyperplan.thresholds.aims import aim_of, counts_at_cuts
from hyperplan.thresholds.binary import learn
from hyperplan.thresholds.block import Objective, Thresholds
from hyperplan.thresholds.cells import cells_of
from hyperplan.thresholds.evidence import Evidence, Scores

Floats = NDArray[np.float64]
Rng = np.random.Generator

DRAWS, LABELS, HELD_OUT = 200, 2000, 100_000
EXPLORED = 0.1
"""Of what is decided negative so much gets a label all the same, where labels are selective."""
SEED = 2013
LEARNT, ON_LABELS = "learnt", "best on the labels"


class Rows(NamedTuple):
    """Scores, and whether the class is 1."""

    score: Floats
    positive: Floats

    def some(self, chosen: Any) -> "Rows":
        """Those at these places."""
        return Rows(self.score[chosen], self.positive[chosen])


def _costs(missed: float) -> Objective:
    return Objective(costs={"positive": {"negative": missed}, "negative": {"positive": 1.0}})


OBJECTIVES = {
    "a miss costs 2": _costs(2.0),
    "a miss costs 10": _costs(10.0),
    "F1": Objective(f_beta=1.0),
    "F2": Objective(f_beta=2.0),
    "F0.5": Objective(f_beta=0.5),
}


def _right(rng: Rng, count: int) -> Rows:
    score = rng.beta(1.5, 4, count)
    return Rows(score, (rng.random(count) < score).astype(np.float64))


def _too_sure(rng: Rng, count: int) -> Rows:
    truth = rng.beta(1, 3, count)
    score = expit(2.5 * logit(np.clip(truth, 1e-9, 1 - 1e-9)))
    return Rows(score, (rng.random(count) < truth).astype(np.float64))


def _of_normals(share: float, apart: float) -> Callable[[Rng, int], Rows]:
    def rows(rng: Rng, count: int) -> Rows:
        positive = (rng.random(count) < share).astype(np.float64)
        return Rows(expit(1.5 * (rng.normal(size=count) + apart * positive) - 2), positive)

    return rows


def _rounded(rng: Rng, count: int) -> Rows:
    score, positive = _right(rng, count)
    return Rows(np.round(score, 1), positive)


def _with_steps(rng: Rng, count: int) -> Rows:
    positive = (rng.random(count) < 0.3).astype(np.float64)
    return Rows(np.round(0.3 * positive + 0.7 * rng.beta(1.2, 3, count), 2), positive)


def _two_humps(rng: Rng, count: int) -> Rows:
    positive = rng.random(count) < 0.35
    of_positive = np.where(rng.random(count) < 0.75, rng.beta(8, 2, count), rng.beta(2, 5, count))
    of_negative = np.where(rng.random(count) < 0.85, rng.beta(1.5, 9, count), rng.beta(5, 3, count))
    return Rows(np.where(positive, of_positive, of_negative), positive.astype(np.float64))


def _with_a_kink(rng: Rng, count: int) -> Rows:
    score = rng.random(count)
    truth = np.where(score < 0.4, 0.05, np.where(score < 0.7, 0.05 + 1.5 * (score - 0.4), 0.5 + 1.5 * (score - 0.7)))
    return Rows(score, (rng.random(count) < truth).astype(np.float64))


SHAPES: dict[str, Callable[[Rng, int], Rows]] = {
    "right": _right,
    "too sure": _too_sure,
    "normals, 20 %": _of_normals(0.2, 1.6),
    "normals, 3 %": _of_normals(0.03, 2.2),
    "rounded": _rounded,
    "steps": _with_steps,
    "two humps": _two_humps,
    "a kink": _with_a_kink,
}


class Best:
    """What each threshold comes to on the rows that are held out."""

    def __init__(self, rows: Rows, objective: Objective) -> None:
        self.cells = cells_of(rows.score, len(rows.score))
        weight = self.cells.sums(np.ones(len(rows.score)))
        aim = aim_of(Thresholds(objective=objective))
        counts = counts_at_cuts(self.cells.sums(rows.positive) / weight, weight)
        self.value = aim.value(counts)
        self.least = objective.costs is not None
        self.best = self.value.min() if self.least else self.value.max()

    def regret(self, threshold: float) -> float:
        """How much is lost by a threshold, relatively."""
        attained = self.value[self.cells.place(threshold)]
        return float(attained / self.best - 1 if self.least else 1 - attained / self.best)


def regrets(name: str, pool: tuple[Rows, Rows] | None, selective: bool, options: Options) -> list[dict[str, Any]]:
    """The regrets on one shape of scores, for each objective."""
    rng = np.random.default_rng([SEED, *name.encode(), selective])
    test = SHAPES[name](rng, options.sized(HELD_OUT, 20_000)) if pool is None else pool[1]
    bests = {said: Best(test, objective) for said, objective in OBJECTIVES.items()}
    found: dict[tuple[str, str], list[float]] = {}
    for _ in range(options.sized(DRAWS, 5)):
        rows = (
            SHAPES[name](rng, 2 * LABELS)
            if pool is None
            else pool[0].some(rng.integers(0, len(pool[0].score), 2 * LABELS))
        )
        for said, objective in OBJECTIVES.items():
            known = _evidence(rows, selective, rng)
            lesson = learn(Thresholds(objective=objective), known, 0.5, samples=1)
            assert isinstance(lesson.value, float)
            found.setdefault((said, LEARNT), []).append(bests[said].regret(lesson.value))
            found.setdefault((said, ON_LABELS), []).append(bests[said].regret(_on_labels(known, objective)))
    return [
        {
            "scores": name,
            "labels": "selective" if selective else "of all",
            "objective": said,
            "threshold": how,
            "draws": len(many),
            "median": float(np.median(many)),
            "p95": float(np.quantile(many, 0.95)),
            "all": many,
        }
        for (said, how), many in found.items()
    ]


def _evidence(rows: Rows, selective: bool, rng: Rng) -> Evidence:
    """So many labels, and the scores of all rows among which they came."""
    if not selective:
        chosen = np.arange(LABELS)
        everything = rows.some(chosen)
    else:
        decided = rows.score >= np.quantile(rows.score, 0.7)
        has = decided | (rng.random(len(rows.score)) < EXPLORED)
        chosen = np.flatnonzero(has)[:LABELS]
        everything = rows.some(np.arange(chosen[-1] + 1))
    some = rows.some(chosen)
    return Evidence(
        some.score,
        some.positive,
        np.ones(len(chosen)),
        np.arange(len(chosen)),
        Scores(everything.score, np.ones(len(everything.score))),
    )


def _on_labels(known: Evidence, objective: Objective) -> float:
    """The threshold that is the best on the labels, each with the weight that makes selective ones stand for all."""
    weight = known.weight
    if known.all is not None and len(known.all.score) > len(known.score):
        bounds = np.quantile(known.all.score, [0.7])
        of_all, of_known = (np.searchsorted(bounds, each, side="right") for each in (known.all.score, known.score))
        share = np.bincount(of_known, minlength=2) / np.maximum(np.bincount(of_all, minlength=2), 1)
        weight = 1 / share[of_known]
    cells = cells_of(known.score, len(known.score))
    of_cell = cells.sums(weight)
    counts = counts_at_cuts(cells.sums(weight * known.positive) / of_cell, of_cell)
    return float(cells.cuts[int(aim_of(Thresholds(objective=objective)).best(counts))])


def _flights(held_out: int) -> dict[str, tuple[Rows, Rows]]:
    """What the demo's models score on the flights of the half-year after that of their training: those that labels are drawn from, and those that are held out."""
    flights = load()
    later = flights[(flights["month"] > 6) & flights["late"].notna()]
    order = np.random.default_rng(SEED).permutation(len(later))
    positive = later["late"].to_numpy(dtype=bool).astype(np.float64)
    found = {}
    with TemporaryDirectory() as folder:
        for trained in train(flights, Path(folder)).models:
            model = load_model(trained.path)
            rows = Rows(np.array(model.probabilities(model.encoder.of_frame(later))), positive)
            found[f"flights: {trained.name}"] = (rows.some(order[held_out:]), rows.some(order[:held_out]))
    return found


REGRET = Line(
    "learnt threshold on 2,000 labels: relative regret, median and p95, worst of all scores and objectives",
    (Bar("median", 0.02), Bar("p95", 0.05)),
)
SELECTIVE = Line(
    "learnt threshold on 2,000 selective labels: relative regret, median and p95 of all scores and objectives together",
    (Bar("median", 0.02), Bar("p95", 0.05)),
)


def _nothing(line: str) -> None:
    """What workers say."""


def measure(options: Options) -> Measured:
    """Both figures, and the table behind them."""
    rows: list[dict[str, Any]] = []
    pools: dict[str, tuple[Rows, Rows] | None] = {**dict.fromkeys(SHAPES), **_flights(HELD_OUT)}
    quiet = options._replace(say=_nothing)
    with ProcessPoolExecutor(options.workers) as workers:
        jobs = [
            workers.submit(regrets, name, pool, selective, quiet)
            for name, pool in pools.items()
            for selective in (False, True)
        ]
        for job in jobs:
            found = job.result()
            highest = max(row["p95"] for row in found if row["threshold"] == LEARNT)
            options.say(f"  {found[0]['scores']}, labels {found[0]['labels']}: worst p95 {highest:.4f}")
            rows += found
    selective = [
        one for row in rows if row["labels"] == "selective" and row["threshold"] == LEARNT for one in row["all"]
    ]

    def worst(labels: str, how: str) -> dict[str, float]:
        these = [row for row in rows if row["labels"] == labels and row["threshold"] == how]
        return {which: max((row[which] for row in these), default=math.nan) for which in ("median", "p95")}

    def beside(labels: str) -> dict[str, Any]:
        """The worst of the threshold that is the best on the labels."""
        return {f"best on the labels, worst {key}": round(value, 5) for key, value in worst(labels, ON_LABELS).items()}

    together = {"median": float(np.median(selective)), "p95": float(np.quantile(selective, 0.95))}
    the_worst = {f"worst {key}": round(value, 5) for key, value in worst("selective", LEARNT).items()}
    figures = [
        REGRET.judged(worst("of all", LEARNT), beside("of all")),
        SELECTIVE.judged(together, the_worst | beside("selective")),
    ]
    return Measured(
        figures, {"thresholds": [{key: value for key, value in row.items() if key != "all"} for row in rows]}
    )


PART = Part("thresholds that are learnt on 2,000 labels, against the best", (REGRET, SELECTIVE), measure)

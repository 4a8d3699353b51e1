"""What is learnt from labels: against brute force, and against what is known of where labels come from."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.special import expit

from hyperplan.thresholds import rates
from hyperplan.thresholds.aims import aim_of, counts_at_cuts
from hyperplan.thresholds.binary import learn
from hyperplan.thresholds.block import Objective, Thresholds
from hyperplan.thresholds.calibration import Calibration, Labels
from hyperplan.thresholds.cells import cells_of
from hyperplan.thresholds.evidence import Evidence, Scores, blind
from hyperplan.thresholds.lesson import CannotLearn, Lesson, judge
from hyperplan.thresholds.rates import rate_at, threshold_of_rate

Floats = NDArray[np.float64]

COSTS = Objective(costs={"positive": {"negative": 5.0}, "negative": {"positive": 1.0}})
OBJECTIVES = [
    COSTS,
    Objective(f_beta=1),
    Objective(f_beta=2),
    Objective(precision=0.6),
    Objective(recall=0.8),
]
scores = st.lists(st.integers(0, 12).map(lambda k: k / 12), min_size=2, max_size=40)


def evidence(count: int, seed: int = 1, *, labelled_from: float = 0.0, all_scores: bool = False) -> Evidence:
    """Calibrated scores, those from some score on with a label."""
    rng = np.random.default_rng(seed)
    score = rng.beta(1.5, 4, count)
    positive = (rng.random(count) < score).astype(np.float64)
    has = score >= labelled_from
    everything = Scores(score, np.ones(count)) if all_scores or labelled_from else None
    return Evidence(score[has], positive[has], np.ones(has.sum()), np.arange(has.sum()), everything)


def lesson(objective: Objective, known: Evidence, current: float = 0.5, samples: int = 50) -> Lesson:
    return learn(Thresholds(objective=objective), known, current, samples=samples)


# Cells, counts and objectives.


@given(scores, st.integers(1, 12))
def test_equal_scores_are_never_apart_and_cuts_lie_between_cells(values: list[float], most: int) -> None:
    found = np.array(values)
    cells = cells_of(found, most)
    assert cells.size <= most or most < 2
    for place, cut in enumerate(cells.cuts):
        assert ((found >= cut) == (cells.of >= place)).all()
        assert cells.place(float(cut)) == place


@given(scores, st.sampled_from(OBJECTIVES))
def test_the_best_cut_is_the_best_of_all_thresholds(values: list[float], objective: Objective) -> None:
    score = np.array(values)
    rng = np.random.default_rng(len(values))
    probability, weight = np.sort(rng.random(len(np.unique(score)))), rng.random(len(np.unique(score))) + 0.1
    cells = cells_of(score, 1000)
    aim = aim_of(Thresholds(objective=objective))
    counts = counts_at_cuts(probability, weight)
    place = int(aim.best(counts))
    losses = []
    for cut in range(cells.size + 1):
        hits = float((probability * weight)[cut:].sum())
        decided = float(weight[cut:].sum())
        positives, everything = float((probability * weight).sum()), float(weight.sum())
        if objective.costs:
            losses.append((5 * (positives - hits) + (decided - hits)) / everything)
        elif objective.f_beta:
            square = objective.f_beta**2
            missed, wrong = positives - hits, decided - hits
            losses.append(1 - (1 + square) * hits / ((1 + square) * hits + square * missed + wrong))
        elif objective.precision:
            attained = hits / decided if decided else 0.0
            losses.append(cut if attained >= objective.precision - 1e-12 else 1000 - attained)
        elif objective.recall:
            losses.append(-cut if hits / positives >= objective.recall - 1e-12 else 1000 - hits / positives)
    assert losses[place] == pytest.approx(min(losses), abs=1e-9)


@given(scores, st.floats(0.01, 0.99))
def test_no_threshold_keeps_a_rate_better_whatever_scores_are_equal(values: list[float], wanted: float) -> None:
    score, weight = np.array(values), np.arange(1.0, len(values) + 1)
    kept = threshold_of_rate(score, weight, wanted)
    assert rate_at(score, weight, kept.threshold) == pytest.approx(kept.rate)
    others = [rate_at(score, weight, float(cut)) for cut in (*np.unique(score), score.max() + 1)]
    assert abs(kept.rate - wanted) <= min(abs(rate - wanted) for rate in others) + 1e-12


def test_a_rate_is_learnt_from_scores_alone_and_kept_while_it_is_not_off() -> None:
    scores = Scores(evidence(4000).score, np.ones(4000))
    found = rates.learn(scores, 0.2, 0.5)
    assert isinstance(found.value, float)
    assert (scores.score >= found.value).mean() == pytest.approx(0.2, abs=0.001)
    assert judge(found, 0.5).change
    others = [Scores(evidence(4000, seed).score, np.ones(4000)) for seed in range(2, 42)]
    assert sum(judge(rates.learn(one, 0.2, found.value), found.value).change for one in others) <= 1
    with pytest.raises(CannotLearn, match="at least 100 are needed"):
        rates.learn(Scores(np.ones(5), np.ones(5)), 0.2, 0.5)


# Learning.


def test_a_threshold_is_learnt_near_the_one_that_is_known_to_be_the_best() -> None:
    found = lesson(COSTS, evidence(4000))
    assert found.value == pytest.approx(1 / 6, abs=0.04), "of calibrated scores it is 1 / (1 + 5)"
    assert found.interval is not None
    assert found.interval[0] <= 1 / 6 <= found.interval[1]
    assert found.attained.low <= found.attained.value <= found.attained.high
    assert judge(found, 0.5).change
    assert not judge(lesson(COSTS, evidence(4000), current=1 / 6), 1 / 6).change


@pytest.mark.parametrize("objective", OBJECTIVES, ids=lambda one: one.kinds[0])
def test_what_is_attained_is_what_turns_out_on_new_rows(objective: Objective) -> None:
    found = lesson(objective, evidence(3000))
    new = evidence(200_000, seed=2)
    assert isinstance(found.value, float)
    decided = new.score >= found.value
    hits, positives = float((decided * new.positive).sum()), float(new.positive.sum())
    beta = (objective.f_beta or 1) ** 2
    attained = {
        "costs": ((decided.sum() - hits) + 5 * (positives - hits)) / len(decided),
        "f_beta": (1 + beta) * hits / (decided.sum() + beta * positives),
        "precision": hits / decided.sum(),
        "recall": hits / positives,
    }[objective.kinds[0]]
    spread = found.attained.high - found.attained.low
    assert found.attained.low - spread / 2 <= attained <= found.attained.high + spread / 2 or attained == pytest.approx(
        found.attained.value, rel=0.05
    )


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 3))
def test_scores_on_another_scale_have_the_same_threshold_there(seed: int) -> None:
    known = evidence(600, seed)
    stretched = known._replace(score=known.score * 7 - 3)
    found, other = lesson(COSTS, known, samples=2), lesson(COSTS, stretched, samples=2)
    assert isinstance(found.value, float)
    assert isinstance(other.value, float)
    assert ((known.score >= found.value) == (stretched.score >= other.value)).mean() > 0.999


def test_weights_count_as_repeated_rows() -> None:
    known = evidence(800)
    twice = known._replace(weight=np.where(known.positive > 0, 2.0, 1.0))
    repeated = np.repeat(np.arange(800), np.where(known.positive > 0, 2, 1))
    again = Evidence(known.score[repeated], known.positive[repeated], np.ones(len(repeated)), repeated)
    cells = cells_of(known.score)
    one = Calibration(cells, Labels(cells.of, twice.positive, twice.weight, twice.unit), cells.sums(np.ones(800)))
    other = Calibration(
        cells, Labels(cells.of[repeated], again.positive, again.weight, again.unit), cells.sums(np.ones(800))
    )
    assert np.allclose(one.sums(np.ones(800)).positive, other.sums(np.ones(len(repeated))).positive)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000), st.sampled_from([30, 300]))
def test_a_calibration_is_a_probability_that_never_falls(seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    score = np.round(rng.normal(size=count), rng.integers(0, 6))
    positive = (rng.random(count) < expit(3 * score)).astype(np.float64)
    cells = cells_of(score)
    calibration = Calibration(
        cells, Labels(cells.of, positive, np.ones(count), np.arange(count)), cells.sums(np.ones(count))
    )
    p = calibration.probabilities(calibration.drawn_anew(3, rng))
    assert ((p >= 0) & (p <= 1)).all()
    assert (np.diff(p, axis=-1) >= -1e-12).all()


def test_too_few_labels_or_of_one_kind_alone_teach_nothing() -> None:
    with pytest.raises(CannotLearn, match="at least 100 are needed"):
        lesson(COSTS, evidence(50))
    known = evidence(1000)
    with pytest.raises(CannotLearn, match="only 0 labels are positive"):
        lesson(COSTS, known._replace(positive=np.zeros(1000)))


def test_labels_that_weigh_very_differently_count_as_few() -> None:
    known = evidence(200)
    weight = np.ones(200)
    weight[0] = 1000.0
    with pytest.raises(CannotLearn, match="200 labels say as much as 1 of equal weight"):
        lesson(COSTS, known._replace(weight=weight))


# Labels that were collected selectively.


def test_scores_without_labels_are_found_and_those_with_few_are_not() -> None:
    assert blind(evidence(3000, all_scores=True)) == []
    [unseen] = blind(evidence(3000, labelled_from=0.2))
    assert unseen.low < 0.05
    assert unseen.high == pytest.approx(0.2, abs=0.01)
    assert unseen.share == pytest.approx(0.37, abs=0.1)
    known = evidence(3000, all_scores=True)
    explored = (known.score > 0.2) | (np.arange(3000) % 10 == 0)
    some = known._replace(
        score=known.score[explored],
        positive=known.positive[explored],
        weight=known.weight[explored],
        unit=known.unit[explored],
    )
    assert blind(some) == []


def test_labels_of_what_was_decided_positive_alone_teach_costs_but_not_recall() -> None:
    known = evidence(4000, labelled_from=0.1)
    found = lesson(COSTS, known)
    assert found.value == pytest.approx(1 / 6, abs=0.04)
    assert "the propensity to get one is 0 there" in found.notes[0]
    for objective in (Objective(recall=0.8), Objective(f_beta=1)):
        with pytest.raises(CannotLearn, match="needs all positives, also those"):
            lesson(objective, known)


def test_a_threshold_at_the_edge_of_what_has_labels_says_so() -> None:
    found = lesson(COSTS, evidence(4000, labelled_from=0.3))
    assert found.value == pytest.approx(0.3, abs=0.02)
    assert "at the edge" in found.notes[-1]


def test_labels_that_came_for_some_scores_more_than_for_others_teach_the_same() -> None:
    known = evidence(6000, all_scores=True)
    rng = np.random.default_rng(5)
    has = rng.random(6000) < np.where(known.score > 0.3, 0.9, 0.15)
    some = Evidence(known.score[has], known.positive[has], known.weight[has], np.arange(has.sum()), known.all)
    whole, selective = lesson(Objective(f_beta=1), known), lesson(Objective(f_beta=1), some)
    assert selective.attained.value == pytest.approx(whole.attained.value, abs=0.03)
    assert selective.value == pytest.approx(whole.value, abs=0.05)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 1000), st.sampled_from([0.03, 0.1, 0.3, 1.0]))
def test_scores_that_are_seldom_labelled_are_not_taken_for_such_as_never_are(seed: int, rate: float) -> None:
    known = evidence(4000, seed, all_scores=True)
    has = (known.score > 0.3) | (np.random.default_rng(seed).random(4000) < rate)
    some = Evidence(known.score[has], known.positive[has], known.weight[has], known.unit[has], known.all)
    assert blind(some) == []


# Change without flapping.


def test_what_is_in_force_stays_while_nothing_is_better() -> None:
    """In force is the best threshold itself; what is learnt from 25 samples of labels is another each time."""
    changes = sum(
        judge(lesson(COSTS, evidence(600, seed), current=1 / 6, samples=100), 1 / 6).change for seed in range(25)
    )
    assert changes <= 1


def test_repeated_rows_of_an_entity_make_nothing_surer() -> None:
    known = evidence(150)
    repeated = np.repeat(np.arange(150), 20)
    again = Evidence(known.score[repeated], known.positive[repeated], np.ones(3000), repeated)
    as_if_alone = again._replace(unit=np.arange(3000))
    one, other = lesson(COSTS, again, samples=100), lesson(COSTS, as_if_alone, samples=100)
    assert one.attained.high - one.attained.low > 2 * (other.attained.high - other.attained.low)

"""Performance: metrics as scikit-learn's textbooks define them, with intervals that hold what they say."""

import math
from typing import Any, Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from hyperplan.outcomes import Coded, Outcomes
from hyperplan.performance import Estimate, maturity_of, measure, parts_of

Task = Literal["binary", "multiclass", "regression"]


def outcomes(task: Task, score: Any, label: Any, **fields: Any) -> Outcomes:
    size = len(label)
    unknown = np.full(size, math.nan)
    defaults: dict[str, Any] = {
        "prediction_id": np.array([f"p{index}" for index in range(size)], object),
        "row": np.zeros(size, np.int32),
        "time": np.arange(size),
        "labelled_at": np.arange(size) + 10,
        "entity": Coded.of([None] * size),
        "arm": Coded.of(["gbm@1"] * size),
        "answered": Coded.of(["gbm@1"] * size),
        "revision": np.ones(size, np.int64),
        "propensity": np.ones(size),
        "inclusion": np.ones(size),
        "forced": np.zeros(size, np.bool_),
        "reward": unknown,
        "predicted": np.full(size, -1, np.int32),
        "truth_score": unknown,
    }
    made = {"task": task, "score": np.asarray(score, float), "label": np.asarray(label, float)}
    return Outcomes(**(defaults | made | fields))


def values(found: dict[str, Estimate]) -> dict[str, float]:
    return {name: one.value for name, one in found.items()}


def test_a_binary_model_is_measured_by_what_it_calls_the_class_1() -> None:
    found = values(measure(outcomes("binary", [0.9, 0.8, 0.4, 0.2, 0.6], [1, 0, 1, 0, 1])).metrics)
    assert found["accuracy"] == pytest.approx(3 / 5)
    assert found["precision"] == pytest.approx(2 / 3)
    assert found["recall"] == pytest.approx(2 / 3)
    assert found["f1"] == pytest.approx(2 / 3)
    assert found["auc"] == pytest.approx(4 / 6)
    assert found["brier"] == pytest.approx((0.01 + 0.64 + 0.36 + 0.04 + 0.16) / 5)
    assert found["log_loss"] == pytest.approx(-np.log([0.9, 0.2, 0.4, 0.8, 0.6]).mean())
    assert found["calibration"] == pytest.approx(2.9 / 5 - 3 / 5)


def test_each_model_has_its_own_threshold() -> None:
    answered = Coded.of(["a@1", "b@1"])
    found = measure(outcomes("binary", [0.4, 0.4], [1, 1], answered=answered), {"a@1": 0.3})
    assert found.metrics["recall"].value == 0.5


def test_scores_that_are_no_probabilities_are_ranked_but_not_taken_for_probabilities() -> None:
    found = measure(outcomes("binary", [-3.0, 7.0], [0, 1]))
    assert found.metrics["auc"].value == 1
    assert not {"log_loss", "brier", "calibration"} & set(found.metrics)
    assert found.reliability == []


def test_a_regression_is_measured_by_its_errors() -> None:
    found = values(measure(outcomes("regression", [1.0, 2.0, 6.0], [1.0, 4.0, 2.0])).metrics)
    assert found == pytest.approx({"rmse": math.sqrt(20 / 3), "mae": 2.0, "bias": 2 / 3})


def test_a_multiclass_model_is_measured_by_class_and_on_average() -> None:
    found = measure(
        outcomes(
            "multiclass",
            [0.9, 0.8, 0.7, 0.6],
            [0, 0, 1, 2],
            predicted=np.array([0, 1, 1, 2], np.int32),
            truth_score=np.array([0.9, 0.1, 0.7, math.nan]),
            classes=("bird", "cat", "dog"),
        )
    )
    assert found.metrics["accuracy"].value == 0.75
    assert values(found.classes["cat"]) == pytest.approx({"precision": 0.5, "recall": 1.0, "f1": 2 / 3})
    assert found.metrics["macro_f1"].value == pytest.approx((2 / 3 + 2 / 3 + 1) / 3)
    assert found.metrics["log_loss"].value == pytest.approx(-np.log([0.9, 0.1, 0.7]).mean())


def test_rewards_count_with_or_without_a_label() -> None:
    found = measure(outcomes("binary", [0.5, math.nan], [math.nan, math.nan], reward=np.array([2.0, 4.0])))
    assert (found.rows, found.rewarded, found.metrics["reward"].value) == (0, 2, 3.0)


def test_a_row_without_a_readable_prediction_is_counted_and_not_measured() -> None:
    found = measure(outcomes("binary", [0.9, math.nan], [1, 0]))
    assert (found.rows, found.unread, found.metrics["accuracy"].value) == (1, 1, 1.0)


def test_a_row_stands_for_as_many_requests_as_its_sampling_left_out() -> None:
    thinned = measure(outcomes("binary", [0.9, 0.9], [1, 0], inclusion=np.array([0.1, 1.0])))
    assert thinned.metrics["precision"].value == pytest.approx(10 / 11)


def test_one_entity_however_often_it_comes_tells_nothing_of_the_spread() -> None:
    found = measure(outcomes("binary", [0.9] * 9, [1, 0, 1] * 3, entity=Coded.of(["N1"] * 9)))
    assert found.entities == 1
    assert found.metrics["accuracy"] == Estimate(6 / 9)


def test_a_perfect_score_is_not_certain() -> None:
    low = measure(outcomes("binary", [0.1, 0.9] * 20, [0, 1] * 20)).metrics
    assert low["auc"].value == low["accuracy"].value == 1
    assert 0.8 < (low["auc"].low or 0) < 1
    assert 0.9 < (low["accuracy"].low or 0) < 1


def test_without_outcomes_nothing_is_told() -> None:
    assert measure(outcomes("binary", [], [])).metrics == {}
    assert measure(outcomes("regression", [], [])).metrics == {}


@given(st.lists(st.tuples(st.integers(0, 5), st.booleans(), st.integers(1, 3)), min_size=2, max_size=40))
@settings(max_examples=60)
def test_weights_are_repetitions(rows: list[tuple[int, bool, int]]) -> None:
    score, label, times = (np.array(column) for column in zip(*rows, strict=True))
    weighted = measure(outcomes("binary", score / 5, label, inclusion=1 / times))
    repeated = measure(outcomes("binary", np.repeat(score / 5, times), np.repeat(label, times)))
    assert values(weighted.metrics) == pytest.approx(values(repeated.metrics))


@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=2, max_size=60))
def test_auc_is_the_share_of_pairs_in_order_as_mann_and_whitney_count_them(rows: list[tuple[int, bool]]) -> None:
    score, label = (np.array(column) for column in zip(*rows, strict=True))
    found = measure(outcomes("binary", score, label)).metrics
    if label.all() or not label.any():
        assert "auc" not in found
        return
    counted = stats.mannwhitneyu(score[label], score[~label]).statistic
    assert found["auc"].value == pytest.approx(counted / (label.sum() * (~label).sum()))


@pytest.mark.parametrize("name", ["accuracy", "precision", "recall", "f1", "auc", "log_loss", "brier", "calibration"])
def test_intervals_hold_the_truth_in_nineteen_cases_of_twenty_though_rows_come_in_clusters(name: str) -> None:
    found = [one[name] for one in RUNS]
    truth = TRUTH[name].value
    held = np.mean([(one.low or 0.0) <= truth <= (one.high or math.inf) for one in found])
    assert 0.92 <= held <= 0.98


def _drawn(rng: np.random.Generator, entities: int) -> dict[str, Estimate]:
    """Entities with up to five rows each, which share a part of what makes them hard."""
    entity = np.repeat(np.arange(entities), rng.integers(1, 6, entities))
    shared = rng.normal(size=entities)[entity]
    logit = rng.normal(-0.5, 1, entity.size) + shared
    label = rng.random(entity.size) < 1 / (1 + np.exp(-logit - 0.5 * shared))
    inclusion = rng.choice([0.2, 1.0], entity.size)
    coded = Coded(entity.astype(np.int32), tuple(map(str, range(entities))))
    return measure(outcomes("binary", 1 / (1 + np.exp(-logit)), label, inclusion=inclusion, entity=coded)).metrics


TRUTH = _drawn(np.random.default_rng(1), 100_000)
RUNS = [_drawn(np.random.default_rng(run), 150) for run in range(2, 402)]


def test_outcomes_are_parted_by_model_arm_and_slice() -> None:
    whole = outcomes(
        "binary",
        [0.1, 0.2, 0.3],
        [0, 0, 1],
        answered=Coded.of(["a@1", "b@1", None]),
        slices={"origin": Coded.of(["EWR", "JFK", "EWR"])},
    )
    assert {name: len(part) for name, part in parts_of(whole, "model").items()} == {"a@1": 1, "b@1": 1}
    assert {name: len(part) for name, part in parts_of(whole, "arm").items()} == {"gbm@1": 3}
    assert {name: len(part) for name, part in parts_of(whole, "origin").items()} == {"EWR": 2, "JFK": 1}
    with pytest.raises(KeyError):
        parts_of(whole, "platform")


def test_a_reliability_curve_has_bins_of_equal_size_and_never_parts_equal_scores() -> None:
    score = np.repeat([0.1, 0.5, 0.9], [50, 10, 40])
    curve = measure(outcomes("binary", score, score > 0.4)).reliability
    assert [(one.rows, round(one.score, 9), one.rate.value) for one in curve] == [
        (50, 0.1, 0),
        (10, 0.5, 1),
        (40, 0.9, 1),
    ]


HOUR = 3600


def test_the_delay_of_labels_is_not_taken_from_those_that_came_fast() -> None:
    rng = np.random.default_rng(5)
    now = 200 * HOUR
    time = rng.integers(0, now, 20_000)
    delay = rng.exponential(20 * HOUR, time.size).astype(int)
    seen = time + delay <= now
    truth = -math.log(0.05) * 20 * HOUR
    naive = np.quantile(delay[seen & (time > 150 * HOUR)], 0.95)
    kept = seen & (time > 50 * HOUR)  # no prediction is older than 150 hours
    found = maturity_of(time[kept], (time + delay)[kept], now).delay or 0
    assert found == pytest.approx(truth, rel=0.08)
    assert naive < truth / 1.5


def test_with_few_labels_no_delay_is_told_and_nothing_waits() -> None:
    few = maturity_of(np.arange(5), np.arange(5) + 1, 100)
    assert (few.delay, few.ripe_until(100)) == (None, 100)


def test_labels_from_before_their_prediction_took_no_time() -> None:
    assert maturity_of(np.arange(50), np.arange(50) - 10, 100).delay == 0

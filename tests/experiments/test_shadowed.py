"""A shadow judged by labels, beside the model that answered."""

from typing import Any

import msgspec
import numpy as np
import pytest

from hyperplan.endpoint import Task
from hyperplan.experiments.shadowed import Incomparable, SideBySide, Terms, side_by_side
from hyperplan.outcomes import Coded, Outcomes
from tests.experiments.test_losses import outcomes

DAY = 86_400 * 10**9


def pair(count: int, errors: tuple[float, float], *, each: int = 1, task: Task = "binary") -> tuple[Outcomes, Outcomes]:
    """Rows of entities that come `each` times a second apart; the two models are wrong by noise of these deviations."""
    rng = np.random.default_rng(1)
    truth = rng.random(count)
    label = (rng.random(count) < truth).astype(float) if task == "binary" else 100 * truth
    scale = 1.0 if task == "binary" else 100.0
    scores = [np.clip(truth + rng.normal(scale=error, size=count), 0, 1) * scale for error in errors]
    time = np.arange(count) * 10**9
    common = {
        "time": time,
        "labelled_at": time + DAY,
        "entity": Coded.of([f"e{number // each:06}" for number in range(count)]),
        "prediction_id": np.array([f"p{number}" for number in range(count)], object),
    }
    first, second = (msgspec.structs.replace(outcomes(task, score, label), **common) for score in scores)
    return first, second


def compared(pairs: tuple[Outcomes, Outcomes], **terms: Any) -> SideBySide:
    whole = {"loss": "brier", "unit": "entity", "window": DAY, "now": 2 * DAY, **terms}
    return side_by_side("a@1", "b@1", *pairs, Terms(**whole))


def test_a_shadow_that_predicts_better_is_told_so_in_words() -> None:
    found = compared(pair(4000, (0.2, 0.0)))
    assert (found.state, found.rows, found.units) == ("better", 4000, 4000)
    assert found.shadow_loss is not None
    assert found.model_loss is not None
    assert found.high is not None
    assert found.shadow_loss < found.model_loss
    assert found.high <= 0
    assert found.why.startswith("b@1 predicts better than a@1: its brier loss less that of a@1 is from -0.")
    assert compared(pair(4000, (0.0, 0.2))).state == "worse"


def test_models_that_say_the_same_are_alike_once_that_is_known() -> None:
    assert compared(pair(50, (0.0, 0.0))).state == "undecided"
    assert compared(pair(2000, (0.0, 0.0))).state == "alike"
    assert compared(pair(20_000, (0.02, 0.02)), minimum=0.05).state == "alike"


def test_the_rows_of_an_entity_are_one_unit() -> None:
    found = compared(pair(4000, (0.2, 0.0), each=10))
    assert (found.rows, found.units) == (4000, 400)
    assert compared(pair(4000, (0.2, 0.0), each=10), unit="request").units == 4000


def test_without_a_wait_all_labels_count_and_with_one_those_that_came_within_it_when_it_is_over() -> None:
    pairs = pair(400, (0.2, 0.0))
    assert compared(pairs, now=0).units == 400
    assert compared(pairs, wait=DAY, now=2 * DAY).units == 1
    assert compared(pairs, wait=DAY, now=3 * DAY).units == 400
    assert compared(pairs, wait=0, window=10, now=3 * DAY).units == 0


def test_a_loss_of_numbers_is_cut_by_what_the_first_labels_say() -> None:
    pairs = pair(4000, (0.2, 0.0), task="regression")
    found = compared(pairs, loss="absolute")
    assert (found.state, found.rows) == ("better", 3900)
    assert found.bound == pytest.approx(4 * pairs[0].label[:100].std())
    assert compared(pairs, loss="squared").bound == pytest.approx(found.bound**2)
    assert compared(pairs, loss="absolute", bound=50.0).rows == 4000
    with pytest.raises(Incomparable, match="give the bound"):
        compared(pair(99, (0.2, 0.0), task="regression"), loss="absolute")


def test_no_rows_say_nothing() -> None:
    found = compared(pair(0, (0.2, 0.0)))
    assert (found.state, found.units, found.estimate, found.model_loss) == ("undecided", 0, None, None)
